// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * Everything here is derived from the state on disk and the slots, so that it is the same before and after a restart.
 */
#include "report.h"

#include <errno.h>
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
	char version[VERSION_MAX + 1];
	char slot[2];
	uint64_t bytes;
	char sha256[SHA256_TEXT_SIZE];
};

const struct devbus_field result_fields[] = {
	DEVBUS_FIELD(struct result, version, .description = "Version now in force"),
	DEVBUS_FIELD(struct result, slot, .description = "Slot now in force: a or b"),
	DEVBUS_FIELD(struct result, bytes, .description = "Size of the image"),
	DEVBUS_FIELD(struct result, sha256, .description = "SHA-256 of the image"),
	{ 0 },
};

void report_progress(struct devbus *bus, struct progress_state *progress, const struct state *state,
	int percent, uint64_t bytes, uint64_t size)
{
	snprintf(progress->state, sizeof(progress->state), "%s", state->phase);
	snprintf(progress->version, sizeof(progress->version), "%s", state->version);
	progress->percent = percent < 0 ? 0 : (uint32_t)percent;
	progress->bytes = bytes;
	progress->size = size;
	int r = devbus_publish(bus, DEVBUS_STATE, "progress", progress_fields, progress);
	if (r < 0)
		devbus_log(DEVBUS_LOG_WARNING, "progress: %s", strerror(-r));
}

void report_end(struct devbus *bus, struct progress_state *progress, const struct state *state)
{
	bool done = state_phase(state) == PHASE_SUCCEEDED;
	report_progress(bus, progress, state, done ? 100 : 0, state->bytes, state->bytes);
}

void report_answer(struct devbus_request *request, const struct state *state)
{
	struct result result = { .bytes = state->bytes };
	if (state_phase(state) == PHASE_FAILED) {
		devbus_fail(request, state->error_code, "%s", state->error_message);
		return;
	}
	snprintf(result.version, sizeof(result.version), "%s", state->version);
	snprintf(result.slot, sizeof(result.slot), "%s", state->slot);
	snprintf(result.sha256, sizeof(result.sha256), "%s", state->sha256);
	devbus_reply(request, result_fields, &result);
}

void report_active(const struct slots *slots, char *ret_slot, struct slot_record *ret_record)
{
	memset(ret_record, 0, sizeof(*ret_record));
	*ret_slot = SLOT_NONE;
	int r = slots_active(slots, ret_slot);
	if (r == 0 && *ret_slot != SLOT_NONE)
		r = slots_read_record(slots, *ret_slot, ret_record);
	if (r < 0 && r != -ENOENT)
		devbus_log(DEVBUS_LOG_WARNING, "slot in force: %s", strerror(-r));
}

static struct devbus_json *last_update(const struct state *state)
{
	struct devbus_json *last = devbus_json_new_object();
	devbus_json_set(last, "state", devbus_json_new_string(state->phase));
	devbus_json_set(last, "id", devbus_json_new_string(state->id));
	devbus_json_set(last, "version", devbus_json_new_string(state->version));
	devbus_json_set(last, "time", devbus_json_new_string(state->changed));
	if (*state->error_code) {
		devbus_json_set(last, "code", devbus_json_new_string(state->error_code));
		devbus_json_set(last, "message", devbus_json_new_string(state->error_message));
	}
	return last;
}

int report_status(struct devbus_request *request, const char *word, const struct slots *slots,
	const struct state *state, const struct progress_state *progress)
{
	struct devbus_json *status = devbus_json_new_object(), *shown = NULL;
	struct slot_record record;
	char slot[2] = "";
	report_active(slots, slot, &record);
	devbus_json_set(status, "state", devbus_json_new_string(word));
	devbus_json_set(status, "version", devbus_json_new_string(record.version));
	devbus_json_set(status, "active_slot", devbus_json_new_string(slot));
	devbus_json_set(status, "sha256", devbus_json_new_string(record.sha256));
	devbus_json_set(status, "bytes", devbus_json_new_number((double)record.bytes));
	if (devbus_fields_write(progress_fields, progress, &shown) == 0)
		devbus_json_set(status, "progress", shown);
	if (state_phase(state) != PHASE_IDLE)
		devbus_json_set(status, "last", last_update(state));
	return devbus_reply_json(request, status);
}
