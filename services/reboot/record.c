// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * The proof of a reboot is a changed boot id and nothing else: uptime and wall clock can be anything after a power cut,
 * and a restarted service looks like a restarted device from inside.
 */
#include "record.h"

#include <string.h>

#define REBOOTING "rebooting"

#define WAITING "waiting"
#define ENDED "ended"

static const char *const phases[] = { WAITING, REBOOTING, ENDED, NULL };

const struct devbus_field record_fields[] = {
	DEVBUS_FIELD(struct record, schema, .flags = DEVBUS_REQUIRED, .min = 1, .max = RECORD_SCHEMA),
	DEVBUS_FIELD(struct record, phase, .flags = DEVBUS_REQUIRED, .choices = phases),
	DEVBUS_FIELD(struct record, id),
	DEVBUS_FIELD(
		struct record, boot_id, .flags = DEVBUS_REQUIRED, .min = 1, .max = DEVBUS_BOOT_ID_SIZE - 1),
	DEVBUS_FIELD(struct record, reason),
	DEVBUS_FIELD(struct record, force),
	DEVBUS_FIELD(struct record, delay_ms),
	DEVBUS_FIELD(struct record, due_ms, .flags = DEVBUS_REQUIRED),
	DEVBUS_FIELD(struct record, ordered_ms),
	DEVBUS_FIELD(struct record, tries),
	DEVBUS_FIELD(struct record, error_code),
	DEVBUS_FIELD(struct record, error_message),
	DEVBUS_FIELD(struct record, time),
	DEVBUS_FIELD(struct record, wall_ms),
	{ 0 },
};

static bool is_in(const struct record *record, const char *phase)
{
	return strcmp(record->phase, phase) == 0;
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
	if (now_ms >= end_ms)
		return (struct decision) { VERDICT_TIMEOUT, 0 };
	return (struct decision) { record->tries < RECORD_TRIES_MAX ? VERDICT_AGAIN : VERDICT_EXPECT,
		end_ms - now_ms };
}

struct decision record_decide(
	const struct record *record, const char *boot_id, uint64_t now_ms, uint32_t timeout_s)
{
	if (!record)
		return (struct decision) { VERDICT_NONE, 0 };
	if (is_in(record, ENDED))
		return (struct decision) { VERDICT_ENDED, 0 };
	bool asked = is_in(record, REBOOTING);
	if (strcmp(record->boot_id, boot_id) != 0)
		return (struct decision) { asked ? VERDICT_BOOTED : VERDICT_INTERRUPTED, 0 };
	return asked ? decide_rebooting(record, now_ms, timeout_s) : decide_waiting(record, now_ms);
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

bool record_caused_boot(const struct record *record, const char *old_boot_id, const char *boot_id)
{
	return record && is_in(record, REBOOTING) && strcmp(record->boot_id, boot_id) != 0 &&
	       (!*old_boot_id || strcmp(record->boot_id, old_boot_id) == 0);
}

bool record_vetoes(const char *state)
{
	static const char *const vetoes[] = {
		"downloading",
		"verifying",
		"installing",
		"testing", /* a boot that is not marked good is the bootloader's reason to go back */
		"committing",
	};
	for (size_t i = 0; state && i < sizeof(vetoes) / sizeof(vetoes[0]); i++)
		if (strcmp(state, vetoes[i]) == 0)
			return true;
	return false;
}
