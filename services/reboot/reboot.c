// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * The wiring: methods of the bus, and what a start makes of the record that the boot before left. Whether a
 * request may run is decided in `admit`, so that what cannot run is "rejected" and not "failed".
 */
#include "reboot.h"
#include "boot.h"
#include "order.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DELAY_MAX_S 604800 /* a week */

static const struct devbus_field settings_fields[] = {
	DEVBUS_FIELD(struct order_settings, command, .initial_text = "systemctl reboot", .min = 1,
		.max = 1023, .description = "Program and arguments, between blanks; no shell"),
	DEVBUS_FIELD(struct order_settings, boot_id_file, .initial_text = "/proc/sys/kernel/random/boot_id",
		.min = 1, .max = 255, .description = "File whose first word is another one after each boot"),
	DEVBUS_FIELD(struct order_settings, reboot_timeout_s, .initial = 300, .min = 1, .max = 86400,
		.description =
			"Seconds from the command until a device that is still up has failed to reboot"),
	{ 0 },
};

struct start_args {
	uint32_t delay_s;
	char reason[REASON_SIZE];
	bool force;
};

static const struct devbus_field start_fields[] = {
	DEVBUS_FIELD(struct start_args, delay_s, .min = 0, .max = DELAY_MAX_S,
		.description = "Seconds to wait before the reboot"),
	DEVBUS_FIELD(
		struct start_args, reason, .description = "Why, for people and for the event after the boot"),
	DEVBUS_FIELD(struct start_args, force, .description = "Reboot also during a firmware update"),
	{ 0 },
};

struct reboot {
	struct devbus *bus;
	struct order_settings settings;
	int state_dir_fd;
	char boot_id[BOOT_ID_SIZE];
	struct order order;
	struct decision decision; /* at the start of the service */
};

/* ---- start */

static int start_admit(struct devbus_request *request, const void *args, void *userdata)
{
	struct reboot *reboot = userdata;
	(void)args;
	if (reboot->order.step == STEP_IDLE)
		return 0;
	return devbus_fail(request, DEVBUS_E_BUSY, "a reboot is ordered already");
}

static int on_start(struct devbus_request *request, const void *args, void *userdata)
{
	struct reboot *reboot = userdata;
	const struct start_args *start = args;
	const char *id = devbus_request_id(request);
	struct record *record = &reboot->order.record;
	memset(record, 0, sizeof(*record));
	record->force = start->force;
	snprintf(record->id, sizeof(record->id), "%s", id ? id : "");
	snprintf(record->boot_id, sizeof(record->boot_id), "%s", reboot->boot_id);
	snprintf(record->reason, sizeof(record->reason), "%s", start->reason);
	devbus_time(record->time);
	order_start(&reboot->order, request, start->delay_s);
	return 0;
}

struct result {
	char old_boot_id[BOOT_ID_SIZE];
	char new_boot_id[BOOT_ID_SIZE];
	char reason[REASON_SIZE];
};

static const struct devbus_field result_fields[] = {
	DEVBUS_FIELD(struct result, old_boot_id, .description = "Boot id when the reboot was ordered"),
	DEVBUS_FIELD(struct result, new_boot_id, .description = "Boot id now"),
	DEVBUS_FIELD(struct result, reason, .description = "As ordered"),
	{ 0 },
};

static int succeed(struct devbus_request *request, const struct reboot *reboot)
{
	const struct record *record = &reboot->order.record;
	struct result result;
	snprintf(result.old_boot_id, sizeof(result.old_boot_id), "%s", record->boot_id);
	snprintf(result.new_boot_id, sizeof(result.new_boot_id), "%s", reboot->boot_id);
	snprintf(result.reason, sizeof(result.reason), "%s", record->reason);
	return devbus_reply(request, result_fields, &result);
}

static int resume_start(struct devbus_request *request, const void *args, void *userdata)
{
	struct reboot *reboot = userdata;
	const char *id = devbus_request_id(request);
	bool ours = id && strcmp(reboot->order.record.id, id) == 0;
	(void)args;
	switch (ours ? reboot->decision.verdict : VERDICT_NONE) {
	case VERDICT_WAIT:
	case VERDICT_EXPECT:
		order_continue(&reboot->order, request, reboot->decision);
		return 0;
	case VERDICT_BOOTED:
		return succeed(request, reboot);
	case VERDICT_TIMEOUT:
		return devbus_fail(
			request, DEVBUS_E_TIMEOUT, "the command did not reboot the device in time");
	case VERDICT_INTERRUPTED:
		return devbus_fail(request, DEVBUS_E_INTERRUPTED,
			"the device or this service was down when the delay ended");
	case VERDICT_NONE:
		break;
	}
	return devbus_fail(request, DEVBUS_E_INTERRUPTED, "the service was stopped before it had begun");
}

/* ---- cancel */

static int cancel_admit(struct devbus_request *request, const void *args, void *userdata)
{
	struct reboot *reboot = userdata;
	(void)args;
	if (reboot->order.step == STEP_IDLE)
		return devbus_fail(request, DEVBUS_E_NOT_FOUND, "no reboot is ordered");
	if (reboot->order.step == STEP_REBOOTING)
		return devbus_fail(request, DEVBUS_E_REFUSED, "too late: the command is run");
	return 0;
}

static int on_cancel(struct devbus_request *request, const void *args, void *userdata)
{
	struct reboot *reboot = userdata;
	(void)args;
	order_fail(&reboot->order, DEVBUS_E_CANCELLED, "cancelled on request");
	return devbus_reply(request, NULL, NULL);
}

/* ---- status */

static void show_order(struct devbus_json *status, const struct order *order)
{
	const struct record *record = &order->record;
	uint64_t now_ms = boot_clock_ms();
	uint64_t rest_ms = record->due_ms > now_ms ? record->due_ms - now_ms : 0;
	if (order->step == STEP_IDLE)
		return;
	if (order->step != STEP_REBOOTING)
		devbus_json_set(status, "due_in_s", devbus_json_new_number((double)((rest_ms + 999) / 1000)));
	if (*record->id)
		devbus_json_set(status, "id", devbus_json_new_string(record->id));
	devbus_json_set(status, "reason", devbus_json_new_string(record->reason));
}

static int on_status(struct devbus_request *request, const void *args, void *userdata)
{
	static const char *const words[] = {
		[STEP_IDLE] = "idle",
		[STEP_WAITING] = "waiting",
		[STEP_ASKING] = "waiting",
		[STEP_REBOOTING] = "rebooting",
	};
	struct reboot *reboot = userdata;
	struct devbus_json *status = devbus_json_new_object();
	(void)args;
	devbus_json_set(status, "state", devbus_json_new_string(words[reboot->order.step]));
	devbus_json_set(status, "boot_id", devbus_json_new_string(reboot->boot_id));
	devbus_json_set(status, "uptime_s", devbus_json_new_number((double)(boot_clock_ms() / 1000)));
	show_order(status, &reboot->order);
	return devbus_reply_json(request, status);
}

static const struct devbus_method methods[] = {
	{ "start", on_start, start_fields, sizeof(struct start_args), DEVBUS_CLOUD, start_admit, resume_start,
		result_fields, "Reboots the device after a delay" },
	{ "status", on_status, NULL, 0, DEVBUS_CLOUD,
		.description = "Whether a reboot is ordered, and this boot" },
	{ "cancel", on_cancel, NULL, 0, DEVBUS_CLOUD, cancel_admit,
		.description = "Calls off a reboot that is still waiting" },
	{ 0 },
};

/* ---- open and close */

static int read_boot_id(struct reboot *reboot)
{
	int r = boot_id_read(reboot->settings.boot_id_file, reboot->boot_id);
	if (r < 0)
		devbus_log(DEVBUS_LOG_ERROR, "%s: %s", reboot->settings.boot_id_file, strerror(-r));
	return r;
}

/* A damaged record proves nothing: the order fails as interrupted. */
static int read_record(struct reboot *reboot)
{
	struct record record;
	int r = devbus_file_load(reboot->state_dir_fd, RECORD_FILE, record_fields, &record);
	if (r == 0)
		reboot->order.record = record;
	else if (r == -EBADMSG)
		devbus_log(
			DEVBUS_LOG_ERROR, RECORD_FILE " is damaged or newer than this program: passed over");
	else if (r != -ENOENT)
		return r;
	reboot->decision = record_decide(
		r == 0 ? &record : NULL, reboot->boot_id, boot_clock_ms(), reboot->settings.reboot_timeout_s);
	return 0;
}

/* Told first and noted afterwards: after a crash in between it is told twice, not never. */
static int tell_boot(struct reboot *reboot)
{
	struct seen seen;
	struct boot_event event;
	bool has_record = reboot->decision.verdict != VERDICT_NONE;
	int r = devbus_file_load(reboot->state_dir_fd, SEEN_FILE, seen_fields, &seen);
	if (r < 0 && r != -ENOENT && r != -EBADMSG)
		return r;
	if (!record_boot_event(has_record ? &reboot->order.record : NULL, r == 0 ? &seen : NULL,
		    reboot->boot_id, &event))
		return 0;
	r = devbus_publish(reboot->bus, DEVBUS_CLOUD_DURABLE, "boot", boot_event_fields, &event);
	if (r < 0) {
		devbus_log(DEVBUS_LOG_WARNING, "event boot: %s", strerror(-r));
		return 0; /* the next start tells it */
	}
	snprintf(seen.boot_id, sizeof(seen.boot_id), "%s", reboot->boot_id);
	return devbus_file_save(reboot->state_dir_fd, SEEN_FILE, seen_fields, &seen);
}

/*
 * After devbus_serve() has resumed what it knows. An order of a local call is nobody's command and goes on by itself; one that is
 * over, or that its command no longer waits for, is forgotten.
 */
static int settle(struct reboot *reboot)
{
	enum verdict verdict = reboot->decision.verdict;
	if (reboot->order.step != STEP_IDLE || verdict == VERDICT_NONE)
		return 0;
	if (!*reboot->order.record.id && (verdict == VERDICT_WAIT || verdict == VERDICT_EXPECT)) {
		order_continue(&reboot->order, NULL, reboot->decision);
		return 0;
	}
	return devbus_file_remove(reboot->state_dir_fd, RECORD_FILE);
}

static int set_up(struct reboot *reboot)
{
	int r = devbus_settings(reboot->bus, settings_fields, &reboot->settings);
	if (r < 0 || (r = read_boot_id(reboot)) < 0)
		return r;
	reboot->state_dir_fd = open(devbus_state_dir(reboot->bus), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r = reboot->state_dir_fd < 0 ? -errno : 0;
	reboot->order.state_dir_fd = reboot->state_dir_fd;
	if (r < 0 || (r = read_record(reboot)) < 0 || (r = tell_boot(reboot)) < 0 ||
		(r = devbus_serve(reboot->bus, methods, reboot)) < 0 || (r = settle(reboot)) < 0)
		devbus_log(DEVBUS_LOG_ERROR, "start: %s", strerror(-r));
	return r;
}

int reboot_start(struct devbus *bus, void **ret_service)
{
	struct reboot *reboot = calloc(1, sizeof(*reboot));
	if (!reboot)
		return -ENOMEM;
	reboot->bus = bus;
	reboot->state_dir_fd = -1;
	reboot->order.bus = bus;
	reboot->order.settings = &reboot->settings;
	int r = set_up(reboot);
	if (r < 0) {
		reboot_stop(reboot);
		return r;
	}
	*ret_service = reboot;
	return 0;
}

void reboot_stop(void *service)
{
	struct reboot *reboot = service;

	if (!reboot)
		return;
	order_drop(&reboot->order);
	if (reboot->state_dir_fd >= 0)
		close(reboot->state_dir_fd);
	free(reboot);
}
