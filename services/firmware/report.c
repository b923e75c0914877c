// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * Everything here is derived from the record on disk and the slots, so that it is the same before and after a restart.
 */
#include "report.h"

#include <stdio.h>
#include <string.h>

static const struct devbus_field progress_fields[] = {
	DEVBUS_FIELD(struct progress_state, state),
	DEVBUS_FIELD(struct progress_state, version),
	DEVBUS_FIELD(struct progress_state, percent),
	DEVBUS_FIELD(struct progress_state, bytes),
	DEVBUS_FIELD(struct progress_state, size),
	{ 0 },
};

struct result {
	char state[16];
	char version[VERSION_MAX + 1];
	char slot[SLOT_SIZE];
	char from_version[VERSION_MAX + 1];
	uint64_t bytes;
	char sha256[SHA256_TEXT_SIZE];
};

const struct devbus_field result_fields[] = {
	DEVBUS_FIELD(struct result, state,
		.description = "succeeded; for a local call installed, since it cannot outlive the reboot"),
	DEVBUS_FIELD(struct result, version, .description = "Version of the image"),
	DEVBUS_FIELD(struct result, slot, .description = "Slot that has it"),
	DEVBUS_FIELD(struct result, from_version, .description = "Version that ran before; empty: not known"),
	DEVBUS_FIELD(
		struct result, bytes, .description = "Bytes in the slot; 0: the installer does not tell"),
	DEVBUS_FIELD(struct result, sha256, .description = "SHA-256 of the file that was downloaded"),
	{ 0 },
};

void report_progress(struct devbus *bus, struct progress_state *shown, const struct record *record,
	const struct machine_progress *progress)
{
	bool good = record_state(record) == STATE_SUCCEEDED;
	snprintf(shown->state, sizeof(shown->state), "%s", record->state);
	snprintf(shown->version, sizeof(shown->version), "%s", record->version);
	shown->percent = good ? 100 : progress && progress->percent > 0 ? (uint32_t)progress->percent : 0;
	if (record_state(record) == STATE_ACCEPTED)
		shown->bytes = shown->size = 0; /* of the update before */
	if (progress && progress->bytes) {
		shown->bytes = progress->bytes;
		shown->size = progress->size;
	}
	int r = devbus_publish(bus, DEVBUS_STATE, "progress", progress_fields, shown);
	if (r < 0)
		devbus_log(DEVBUS_LOG_WARNING, "progress: %s", strerror(-r));
}

void report_answer(struct devbus_request *request, const struct record *record)
{
	struct result result = { .bytes = record->bytes };
	if (*record->error_code) {
		devbus_fail(request, record->error_code, "%s", record->error_message);
		return;
	}
	snprintf(result.state, sizeof(result.state), "%s", record->state);
	snprintf(result.version, sizeof(result.version), "%s", record->version);
	snprintf(result.slot, sizeof(result.slot), "%s", record->target);
	snprintf(result.from_version, sizeof(result.from_version), "%s", record->from_version);
	snprintf(result.sha256, sizeof(result.sha256), "%s", record->sha256);
	devbus_reply(request, result_fields, &result);
}

/* ---- status */

static struct devbus_json *last_update(const struct record *record)
{
	struct devbus_json *last = devbus_json_new_object();
	devbus_json_set(last, "state", devbus_json_new_string(record->state));
	devbus_json_set(last, "id", devbus_json_new_string(record->id));
	devbus_json_set(last, "version", devbus_json_new_string(record->version));
	devbus_json_set(last, "from_version", devbus_json_new_string(record->from_version));
	devbus_json_set(last, "time", devbus_json_new_string(record->changed));
	if (*record->error_code) {
		devbus_json_set(last, "code", devbus_json_new_string(record->error_code));
		devbus_json_set(last, "message", devbus_json_new_string(record->error_message));
	}
	return last;
}

static struct devbus_json *slot_json(const struct backend_slot *slot, bool booted)
{
	struct devbus_json *object = devbus_json_new_object();
	devbus_json_set(object, "name", devbus_json_new_string(slot->name));
	devbus_json_set(object, "booted", devbus_json_new_bool(booted));
	devbus_json_set(object, "version", devbus_json_new_string(slot->version));
	if (*slot->health)
		devbus_json_set(object, "health", devbus_json_new_string(slot->health));
	return object;
}

static struct devbus_json *slots_json(const struct backend_view *view)
{
	struct devbus_json *slots = devbus_json_new_array();
	if (*view->booted.name)
		devbus_json_append(slots, slot_json(&view->booted, true));
	if (*view->other.name)
		devbus_json_append(slots, slot_json(&view->other, false));
	return slots;
}

int report_status(
	struct devbus_request *request, const struct machine *machine, const struct progress_state *shown)
{
	struct devbus_json *status = devbus_json_new_object(), *progress = NULL;
	const struct backend_view *view = machine_view(machine);
	const struct record *record = machine_record(machine);
	enum state state = machine_state(machine), now = state_is_active(state) ? state : STATE_IDLE;
	devbus_json_set(status, "state", devbus_json_new_string(state_name(now)));
	devbus_json_set(status, "reboot_safe", devbus_json_new_bool(state_is_reboot_safe(now)));
	devbus_json_set(status, "version", devbus_json_new_string(view->booted.version));
	devbus_json_set(status, "active_slot", devbus_json_new_string(view->booted.name));
	devbus_json_set(status, "slots", slots_json(view));
	if (devbus_fields_write(progress_fields, shown, &progress) == 0)
		devbus_json_set(status, "progress", progress);
	if (state != STATE_IDLE)
		devbus_json_set(status, "last", last_update(record));
	return devbus_reply_json(request, status);
}
