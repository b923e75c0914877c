// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * The proof of a reboot is a changed boot id and nothing else: uptime and wall clock can be anything after a power cut,
 * and a restarted service looks like a restarted device from inside.
 */
#include "record.h"

#include <stdio.h>
#include <string.h>

#define REBOOTING "rebooting"

static const char *const phases[] = { "waiting", REBOOTING, NULL };

const struct devbus_field record_fields[] = {
	DEVBUS_FIELD(struct record, schema, .flags = DEVBUS_REQUIRED, .min = 1, .max = RECORD_SCHEMA),
	DEVBUS_FIELD(struct record, phase, .flags = DEVBUS_REQUIRED, .choices = phases),
	DEVBUS_FIELD(struct record, id),
	DEVBUS_FIELD(struct record, boot_id, .flags = DEVBUS_REQUIRED, .min = 1, .max = BOOT_ID_SIZE - 1),
	DEVBUS_FIELD(struct record, reason),
	DEVBUS_FIELD(struct record, force),
	DEVBUS_FIELD(struct record, delay_ms),
	DEVBUS_FIELD(struct record, due_ms, .flags = DEVBUS_REQUIRED),
	DEVBUS_FIELD(struct record, ordered_ms),
	DEVBUS_FIELD(struct record, time),
	{ 0 },
};

const struct devbus_field seen_fields[] = {
	DEVBUS_FIELD(struct seen, boot_id, .flags = DEVBUS_REQUIRED),
	{ 0 },
};

const struct devbus_field boot_event_fields[] = {
	DEVBUS_FIELD(struct boot_event, cause),
	DEVBUS_FIELD(struct boot_event, id, .flags = DEVBUS_OMIT_EMPTY),
	DEVBUS_FIELD(struct boot_event, reason, .flags = DEVBUS_OMIT_EMPTY),
	DEVBUS_FIELD(struct boot_event, old_boot_id, .flags = DEVBUS_OMIT_EMPTY),
	DEVBUS_FIELD(struct boot_event, new_boot_id),
	{ 0 },
};

static bool was_run(const struct record *record)
{
	return strcmp(record->phase, REBOOTING) == 0;
}

static struct decision decide_waiting(const struct record *record, uint64_t now_ms)
{
	if (now_ms < record->due_ms)
		return (struct decision) { VERDICT_WAIT, record->due_ms - now_ms };
	if (now_ms - record->due_ms <= RECORD_LATE_MAX_MS)
		return (struct decision) { VERDICT_WAIT, 0 };
	return (struct decision) { VERDICT_INTERRUPTED, 0 };
}

static struct decision decide_rebooting(const struct record *record, uint64_t now_ms, uint32_t timeout_s)
{
	uint64_t end_ms = record->ordered_ms + (uint64_t)timeout_s * 1000;
	if (now_ms < end_ms)
		return (struct decision) { VERDICT_EXPECT, end_ms - now_ms };
	return (struct decision) { VERDICT_TIMEOUT, 0 };
}

struct decision record_decide(
	const struct record *record, const char *boot_id, uint64_t now_ms, uint32_t timeout_s)
{
	if (!record)
		return (struct decision) { VERDICT_NONE, 0 };
	bool same_boot = strcmp(record->boot_id, boot_id) == 0;
	if (!same_boot)
		return (struct decision) { was_run(record) ? VERDICT_BOOTED : VERDICT_INTERRUPTED, 0 };
	return was_run(record) ? decide_rebooting(record, now_ms, timeout_s) : decide_waiting(record, now_ms);
}

int record_percent(const struct record *record, uint64_t now_ms)
{
	if (record->delay_ms == 0 || now_ms >= record->due_ms)
		return 100;
	uint64_t rest_ms = record->due_ms - now_ms;
	if (rest_ms >= record->delay_ms)
		return 0;
	return (int)((record->delay_ms - rest_ms) * 100 / record->delay_ms);
}

bool record_vetoes(const char *state)
{
	static const char *const vetoes[] = { "downloading", "verifying", "installing" };
	for (size_t i = 0; state && i < sizeof(vetoes) / sizeof(vetoes[0]); i++)
		if (strcmp(state, vetoes[i]) == 0)
			return true;
	return false;
}

bool record_boot_event(const struct record *record, const struct seen *seen, const char *boot_id,
	struct boot_event *ret_event)
{
	if (seen && strcmp(seen->boot_id, boot_id) == 0)
		return false;
	bool ordered = record && was_run(record) && strcmp(record->boot_id, boot_id) != 0;
	memset(ret_event, 0, sizeof(*ret_event));
	snprintf(ret_event->cause, sizeof(ret_event->cause), "%s", ordered ? "ordered" : "unknown");
	snprintf(ret_event->new_boot_id, sizeof(ret_event->new_boot_id), "%s", boot_id);
	if (seen)
		snprintf(ret_event->old_boot_id, sizeof(ret_event->old_boot_id), "%s", seen->boot_id);
	if (ordered) {
		snprintf(ret_event->id, sizeof(ret_event->id), "%s", record->id);
		snprintf(ret_event->reason, sizeof(ret_event->reason), "%s", record->reason);
	}
	return true;
}
