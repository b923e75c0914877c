// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * The wiring: methods of the bus on one side, update.c on the other. Whether a request may run is
 * decided in `admit`, so that what cannot run is "rejected" and not "failed".
 */
#include "firmware.h"
#include "report.h"
#include "settings.h"
#include "update.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct firmware {
	struct devbus *bus;
	struct firmware_settings settings;
	char user_agent[64];
	int state_dir_fd;
	struct slots slots;
	struct state state;
	struct update_host host;
	struct update *update; /* NULL: none runs */
	struct devbus_request *request; /* of the running update */
	struct devbus_timer *timer;
	struct progress_state progress; /* as last published */
};

/* ---- what an update needs of the loop */

static void on_fd(struct devbus *bus, int fd, uint32_t events, void *userdata)
{
	struct firmware *firmware = userdata;
	(void)bus;
	update_ready(firmware->update, fd, events);
}

static int watch(void *userdata, int fd, uint32_t events)
{
	struct firmware *firmware = userdata;
	devbus_unwatch(firmware->bus, fd);
	return events ? devbus_watch(firmware->bus, fd, events, on_fd, firmware) : 0;
}

static void on_timer(struct devbus *bus, void *userdata)
{
	struct firmware *firmware = userdata;
	(void)bus;
	firmware->timer = NULL;
	update_tick(firmware->update);
}

static int arm(void *userdata, int64_t delay_ms)
{
	struct firmware *firmware = userdata;
	devbus_timer_stop(firmware->timer);
	firmware->timer = NULL;
	if (delay_ms < 0)
		return 0;
	uint32_t bounded = delay_ms < 1 ? 1 : delay_ms > INT32_MAX ? INT32_MAX : (uint32_t)delay_ms;
	return devbus_after(firmware->bus, bounded, on_timer, firmware, &firmware->timer);
}

static int64_t now_ms(void *userdata)
{
	struct timespec now;
	(void)userdata;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void tell(void *userdata, int percent, uint64_t bytes, uint64_t size)
{
	struct firmware *firmware = userdata;
	devbus_progress(firmware->request, percent, firmware->state.phase, "%" PRIu64 " of %" PRIu64 " bytes",
		bytes, size);
	report_progress(firmware->bus, &firmware->progress, &firmware->state, percent, bytes, size);
}

static void finished(void *userdata, const struct devbus_error *error)
{
	struct firmware *firmware = userdata;
	struct devbus_request *request = firmware->request;
	if (error)
		devbus_log(DEVBUS_LOG_WARNING, "update to %s failed: %s: %s", firmware->state.version,
			error->code, error->message);
	else
		devbus_log(DEVBUS_LOG_INFO, "version %s is in slot %s, in force from the next boot",
			firmware->state.version, firmware->state.slot);
	update_free(firmware->update);
	firmware->update = NULL;
	firmware->request = NULL;
	report_end(firmware->bus, &firmware->progress, &firmware->state);
	report_answer(request, &firmware->state);
}

/* ---- update */

static int update_admit(struct devbus_request *request, const void *args, void *userdata)
{
	struct firmware *firmware = userdata;
	struct slot_record record;
	struct devbus_error error;
	char active;
	if (firmware->update)
		return devbus_fail(
			request, DEVBUS_E_BUSY, "an update to %s is running", firmware->state.version);
	report_active(&firmware->slots, &active, &record);
	struct order_rules rules = { firmware->settings.protocols, firmware->settings.max_size_bytes,
		record.version };
	if (order_check(args, &rules, &error) < 0)
		return devbus_fail(request, error.code, "%s", error.message);
	return 0;
}

static struct update_options update_options(const struct firmware *firmware)
{
	const struct firmware_settings *settings = &firmware->settings;
	return (struct update_options){
		.fetch = {
			.user_agent = firmware->user_agent,
			.ca_file = settings->ca_file,
			.proxy = settings->proxy,
			.http_proxy = devbus_http_proxy(firmware->bus),
			.connect_timeout_s = settings->connect_timeout_s,
			.low_speed_bytes_s = settings->low_speed_bytes_s,
			.low_speed_s = settings->low_speed_s,
			.redirects_max = settings->redirects_max,
		},
		.max_size_bytes = settings->max_size_bytes,
		.reserve_bytes = settings->reserve_bytes,
	};
}

static int on_update(struct devbus_request *request, const void *args, void *userdata)
{
	struct firmware *firmware = userdata;
	struct update_options options = update_options(firmware);
	struct update_place place = { firmware->state_dir_fd, &firmware->slots, &firmware->state };
	struct devbus_error error;
	firmware->request = request;
	int r = update_start(args, devbus_request_id(request), &options, &place, &firmware->host,
		&firmware->update, &error);
	if (r < 0) {
		firmware->request = NULL;
		report_end(firmware->bus, &firmware->progress, &firmware->state);
		devbus_fail(request, error.code, "%s", error.message);
	}
	return 0;
}

/* The state on disk knows more than the command's journal: it may be over, or have to begin again. */
static int resume_update(struct devbus_request *request, const void *args, void *userdata)
{
	struct firmware *firmware = userdata;
	enum phase phase = state_phase(&firmware->state);
	const char *id = devbus_request_id(request);
	bool ours = id && strcmp(firmware->state.id, id) == 0;
	if (firmware->update)
		return devbus_fail(request, DEVBUS_E_INTERRUPTED, "another update was resumed first");
	if (ours && (phase == PHASE_SUCCEEDED || phase == PHASE_FAILED)) {
		report_answer(request, &firmware->state);
		return 0;
	}
	devbus_log(DEVBUS_LOG_INFO, "command %s: downloading from the start", id ? id : "");
	return on_update(request, args, firmware);
}

/* ---- cancel */

static int cancel_admit(struct devbus_request *request, const void *args, void *userdata)
{
	struct firmware *firmware = userdata;
	(void)args;
	return firmware->update ? 0 : devbus_fail(request, DEVBUS_E_NOT_FOUND, "no update is running");
}

static int on_cancel(struct devbus_request *request, const void *args, void *userdata)
{
	struct firmware *firmware = userdata;
	(void)args;
	update_cancel(firmware->update);
	return devbus_reply(request, NULL, NULL);
}

/* ---- status */

static int on_status(struct devbus_request *request, const void *args, void *userdata)
{
	struct firmware *firmware = userdata;
	(void)args;
	return report_status(request, firmware->update ? firmware->state.phase : phase_name(PHASE_IDLE),
		&firmware->slots, &firmware->state, &firmware->progress);
}

static const struct devbus_method methods[] = {
	{ "update", on_update, order_fields, sizeof(struct order), DEVBUS_CLOUD, update_admit, resume_update,
		result_fields, "Downloads an image, verifies it and puts it into the inactive slot" },
	{ "status", on_status, NULL, 0, DEVBUS_CLOUD,
		.description = "What is in force and what is going on" },
	{ "cancel", on_cancel, NULL, 0, DEVBUS_CLOUD, cancel_admit,
		.description = "Stops a running download" },
	{ 0 },
};

/* ---- open and close */

static int open_slots(struct firmware *firmware)
{
	char folder[PATH_MAX];
	const char *state_dir = devbus_state_dir(firmware->bus);
	if (*firmware->settings.slots_dir)
		return slots_open(firmware->settings.slots_dir, &firmware->slots);
	if (snprintf(folder, sizeof(folder), "%s/slots", state_dir) >= (int)sizeof(folder))
		return -ENAMETOOLONG;
	return slots_open(folder, &firmware->slots);
}

/* A damaged state is no reason to refuse work: the slots tell what is in force. */
static int load_state(struct firmware *firmware)
{
	int r = firmware->state_dir_fd = devbus_folder(AT_FDCWD, devbus_state_dir(firmware->bus));
	if (r < 0)
		return r;
	r = state_load(firmware->state_dir_fd, &firmware->state);
	if (r == -EBADMSG) {
		devbus_log(DEVBUS_LOG_ERROR, "state.json is damaged or newer than this program: passed over");
		snprintf(firmware->state.phase, sizeof(firmware->state.phase), "%s", phase_name(PHASE_IDLE));
		r = 0;
	}
	return r < 0 ? r : state_recover(firmware->state_dir_fd, &firmware->slots, &firmware->state);
}

/* Nobody came back for it: it was a local call, whose caller has given up. */
static int end_orphan(struct firmware *firmware)
{
	struct devbus_error error = { DEVBUS_E_INTERRUPTED, "the service was restarted during the download" };
	if (firmware->update || state_phase(&firmware->state) != PHASE_DOWNLOADING)
		return 0;
	state_set_error(&firmware->state, &error);
	return state_enter(firmware->state_dir_fd, &firmware->state, PHASE_FAILED);
}

static int set_up(struct firmware *firmware)
{
	int r = devbus_settings(firmware->bus, firmware_settings_fields, &firmware->settings);
	if (r < 0)
		return r;
	if ((r = open_slots(firmware)) < 0) {
		devbus_log(DEVBUS_LOG_ERROR, "folder of the slots: %s", strerror(-r));
		return r;
	}
	if ((r = load_state(firmware)) < 0 || (r = devbus_serve(firmware->bus, methods, firmware)) < 0 ||
		(r = end_orphan(firmware)) < 0) {
		devbus_log(DEVBUS_LOG_ERROR, "start: %s", strerror(-r));
		return r;
	}
	if (!firmware->update)
		report_end(firmware->bus, &firmware->progress, &firmware->state);
	return 0;
}

int firmware_start(struct devbus *bus, void **ret_service)
{
	struct firmware *firmware = calloc(1, sizeof(*firmware));
	if (!firmware)
		return -ENOMEM;
	firmware->bus = bus;
	firmware->state_dir_fd = firmware->slots.dir_fd = -1;
	firmware->host = (struct update_host) { watch, arm, now_ms, tell, finished, firmware };
	snprintf(firmware->user_agent, sizeof(firmware->user_agent), "devbus-firmware/%s", devbus_version());
	int r = set_up(firmware);
	if (r < 0) {
		firmware_stop(firmware);
		return r;
	}
	*ret_service = firmware;
	return 0;
}

void firmware_stop(void *service)
{
	struct firmware *firmware = service;

	if (!firmware)
		return;
	update_free(firmware->update);
	slots_close(&firmware->slots);
	if (firmware->state_dir_fd >= 0)
		close(firmware->state_dir_fd);
	free(firmware);
}
