// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * The wiring: methods of the bus, and what a start makes of the record that the boot before left. Whether a
 * request may run is decided in `admit`, so that what cannot run is "rejected" and not "failed".
 */
#include "reboot.h"
#include "arrival.h"
#include "order.h"
#include "settings.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DELAY_MAX_S 604800 /* a week */

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
	DEVBUS_FIELD(struct start_args, force,
		.description =
			"Reboot also during a firmware update, against inhibitors and right after a boot"),
	{ 0 },
};

struct reboot {
	struct devbus *bus;
	struct reboot_settings settings;
	int state_dir_fd;
	char boot_id[DEVBUS_BOOT_ID_SIZE];
	struct arrival arrival;
	struct order order;
	struct decision decision; /* at the start of the service */
};

/* ---- start */

/* Whether it may run now; if not, @ret_error says why. */
static bool is_admitted(
	const struct reboot *reboot, const struct start_args *start, struct devbus_error *ret_error)
{
	const struct arrival *arrival = &reboot->arrival;
	uint64_t now_ms = boot_clock_ms(), due_ms = now_ms + (uint64_t)start->delay_s * 1000;
	if (reboot->order.step != STEP_IDLE) {
		*ret_error = (struct devbus_error) { DEVBUS_E_BUSY, "a reboot is ordered already" };
		return false;
	}
	return history_admit(&arrival->history, &arrival->guards, now_ms, due_ms, start->force, ret_error) ==
	       0;
}

static int start_admit(struct devbus_request *request, const void *args, void *userdata)
{
	struct devbus_error error;
	if (is_admitted(userdata, args, &error))
		return 0;
	return devbus_fail(request, error.code, "%s", error.message);
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
	char old_boot_id[DEVBUS_BOOT_ID_SIZE];
	char new_boot_id[DEVBUS_BOOT_ID_SIZE];
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

/* Nothing of it is on disk, so nothing of it was begun. It was admitted then, but this may be another boot. */
static int start_after_all(struct devbus_request *request, const void *args, struct reboot *reboot)
{
	struct devbus_error error;
	if (is_admitted(reboot, args, &error))
		return on_start(request, args, reboot);
	return devbus_fail(request, error.code, "%s", error.message);
}

static int resume_start(struct devbus_request *request, const void *args, void *userdata)
{
	struct reboot *reboot = userdata;
	const struct record *record = &reboot->order.record;
	const char *id = devbus_request_id(request);
	bool ours = id && strcmp(record->id, id) == 0;
	enum verdict verdict = reboot->decision.verdict;
	if (verdict == VERDICT_DAMAGED)
		return devbus_fail(request, DEVBUS_E_INTERRUPTED,
			RECORD_FILE " is damaged: nobody knows how far it came");
	switch (ours ? verdict : VERDICT_NONE) {
	case VERDICT_WAIT:
	case VERDICT_AGAIN:
	case VERDICT_EXPECT:
		order_continue(&reboot->order, request, reboot->decision);
		return 0;
	case VERDICT_BOOTED:
		return succeed(request, reboot);
	case VERDICT_TIMEOUT:
		return devbus_fail(request, DEVBUS_E_TIMEOUT, "the device did not reboot in time");
	case VERDICT_INTERRUPTED:
		return devbus_fail(request, DEVBUS_E_INTERRUPTED,
			"the device or this service was down when the delay ended");
	case VERDICT_ENDED:
		return devbus_fail(request, record->error_code, "%s", record->error_message);
	case VERDICT_NONE:
	case VERDICT_DAMAGED:
		break;
	}
	return start_after_all(request, args, reboot);
}

/* ---- cancel */

static int cancel_admit(struct devbus_request *request, const void *args, void *userdata)
{
	struct reboot *reboot = userdata;
	(void)args;
	if (reboot->order.step == STEP_IDLE)
		return devbus_fail(request, DEVBUS_E_NOT_FOUND, "no reboot is ordered");
	if (reboot->order.step == STEP_REBOOTING)
		return devbus_fail(request, DEVBUS_E_REFUSED, "too late: the device goes down");
	return 0;
}

static int on_cancel(struct devbus_request *request, const void *args, void *userdata)
{
	struct reboot *reboot = userdata;
	(void)args;
	order_fail(&reboot->order, DEVBUS_E_CANCELLED, "cancelled on request");
	return devbus_reply(request, NULL, NULL);
}

/* It may have been killed right behind the deed. */
static int resume_cancel(struct devbus_request *request, const void *args, void *userdata)
{
	const struct reboot *reboot = userdata;
	const struct order *order = &reboot->order;
	if (order->step == STEP_WAITING || order->step == STEP_ASKING)
		return on_cancel(request, args, userdata);
	if (order->step == STEP_IDLE && strcmp(order->record.error_code, DEVBUS_E_CANCELLED) == 0)
		return devbus_reply(request, NULL, NULL);
	return cancel_admit(request, args, userdata); /* says why not */
}

/* ---- status */

static void show_order(struct devbus_json *status, const struct order *order)
{
	const struct record *record = &order->record;
	if (order->step == STEP_IDLE)
		return;
	if (order->step != STEP_REBOOTING)
		devbus_json_set(status, "due_in_s", devbus_json_new_number((double)order_rest_s(order)));
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
	const struct history *history = &reboot->arrival.history;
	struct devbus_json *status = devbus_json_new_object();
	uint64_t now_ms = boot_clock_ms();
	(void)args;
	devbus_json_set(status, "state", devbus_json_new_string(words[reboot->order.step]));
	devbus_json_set(status, "boot_id", devbus_json_new_string(reboot->boot_id));
	devbus_json_set(status, "uptime_s", devbus_json_new_number((double)(now_ms / 1000)));
	devbus_json_set(status, "reboots_last_hour", devbus_json_new_number(history_orders(history, now_ms)));
	devbus_json_set(status, "short_boots", devbus_json_new_number(history->short_boots));
	show_order(status, &reboot->order);
	return devbus_reply_json(request, status);
}

static const struct devbus_method methods[] = {
	{ "start", on_start, start_fields, sizeof(struct start_args), DEVBUS_CLOUD, start_admit, resume_start,
		result_fields, "Reboots the device after a delay" },
	{ "status", on_status, NULL, 0, DEVBUS_CLOUD,
		.description = "Whether a reboot is ordered, and this boot" },
	{ "cancel", on_cancel, NULL, 0, DEVBUS_CLOUD, cancel_admit, resume_cancel,
		.description = "Calls off a reboot that is still waiting" },
	{ 0 },
};

/* ---- open and close */

static int read_boot_id(struct reboot *reboot)
{
	int r = devbus_boot_id(reboot->settings.boot_id_file, reboot->boot_id);
	if (r < 0)
		devbus_log(DEVBUS_LOG_ERROR, "%s: %s", reboot->settings.boot_id_file, strerror(-r));
	return r;
}

static int read_record(struct reboot *reboot)
{
	struct record *record = &reboot->order.record;
	int r = devbus_file_load(reboot->state_dir_fd, RECORD_FILE, record_fields, record);
	reboot->decision = record_decide(
		r == 0 ? record : NULL, reboot->boot_id, boot_clock_ms(), reboot->settings.reboot_timeout_s);
	if (r == -EBADMSG) {
		devbus_log(
			DEVBUS_LOG_ERROR, RECORD_FILE " is damaged or newer than this program: passed over");
		reboot->decision.verdict = VERDICT_DAMAGED;
	}
	if (r < 0)
		memset(record, 0, sizeof(*record));
	return r == -ENOENT || r == -EBADMSG ? 0 : r;
}

static int arrive(struct reboot *reboot)
{
	struct arrival *arrival = &reboot->arrival;
	const struct record *record = &reboot->order.record;
	arrival->bus = reboot->bus;
	arrival->state_dir_fd = reboot->state_dir_fd;
	arrival->guards = settings_guards(&reboot->settings);
	return arrival_begin(arrival, *record->phase ? record : NULL, reboot->boot_id, reboot->settings.root);
}

/* An order of a local call is nobody's command, and goes on by itself. */
static void continue_local(struct reboot *reboot)
{
	enum verdict verdict = reboot->decision.verdict;
	bool goes_on = verdict == VERDICT_WAIT || verdict == VERDICT_AGAIN || verdict == VERDICT_EXPECT;
	if (goes_on && reboot->order.step == STEP_IDLE && !*reboot->order.record.id)
		order_continue(&reboot->order, NULL, reboot->decision);
}

static void prepare_order(struct reboot *reboot)
{
	struct order *order = &reboot->order;
	order->bus = order->backends.bus = reboot->bus;
	order->state_dir_fd = reboot->state_dir_fd;
	order->reboot_timeout_s = reboot->settings.reboot_timeout_s;
	order->backends.choice = reboot->settings.backend;
	order->backends.command = reboot->settings.command;
}

static int set_up(struct reboot *reboot)
{
	int r = devbus_settings(reboot->bus, reboot_settings_fields, &reboot->settings);
	if (r < 0 || (r = read_boot_id(reboot)) < 0)
		return r;
	r = reboot->state_dir_fd = devbus_folder(AT_FDCWD, devbus_state_dir(reboot->bus));
	prepare_order(reboot);
	if (r < 0 || (r = read_record(reboot)) < 0 || (r = arrive(reboot)) < 0 ||
		(r = devbus_serve(reboot->bus, methods, reboot)) < 0)
		devbus_log(DEVBUS_LOG_ERROR, "start: %s", strerror(-r));
	else
		continue_local(reboot);
	return r;
}

int reboot_start(struct devbus *bus, void **ret_service)
{
	struct reboot *reboot = calloc(1, sizeof(*reboot));
	if (!reboot)
		return -ENOMEM;
	reboot->bus = bus;
	reboot->state_dir_fd = -1;
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
	arrival_free(&reboot->arrival);
	if (reboot->state_dir_fd >= 0)
		close(reboot->state_dir_fd);
	free(reboot);
}
