// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * The proof of a reboot is a changed boot id, and the proof of an update is the slot that booted: what the service was doing, and what an
 * installer said, are none. Every action of a state may be done twice, so "do it again" is most of the recovery.
 */
#include "record.h"
#include "reason.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define STATE_FILE "state.json"

static const char *const state_names[] = {
	[STATE_IDLE] = "idle",
	[STATE_ACCEPTED] = "accepted",
	[STATE_DOWNLOADING] = "downloading",
	[STATE_VERIFYING] = "verifying",
	[STATE_INSTALLING] = "installing",
	[STATE_INSTALLED] = "installed",
	[STATE_REBOOTING] = "rebooting",
	[STATE_TESTING] = "testing",
	[STATE_COMMITTING] = "committing",
	[STATE_ROLLING_BACK] = "rolling-back",
	[STATE_SUCCEEDED] = "succeeded",
	[STATE_FAILED] = "failed",
	[STATE_CANCELLED] = "cancelled",
	NULL,
};

static const struct devbus_field record_fields[] = {
	DEVBUS_FIELD(
		struct record, schema, .flags = DEVBUS_REQUIRED, .min = RECORD_SCHEMA, .max = RECORD_SCHEMA),
	DEVBUS_FIELD(struct record, state, .flags = DEVBUS_REQUIRED, .choices = state_names),
	DEVBUS_FIELD(struct record, id),
	DEVBUS_FIELD(struct record, url),
	DEVBUS_FIELD(struct record, sha256),
	DEVBUS_FIELD(struct record, version),
	DEVBUS_FIELD(struct record, size),
	DEVBUS_FIELD(struct record, force),
	DEVBUS_FIELD(struct record, source),
	DEVBUS_FIELD(struct record, from_version),
	DEVBUS_FIELD(struct record, target),
	DEVBUS_FIELD(struct record, bytes),
	DEVBUS_FIELD(struct record, boot_id),
	DEVBUS_FIELD(struct record, entered_ms),
	DEVBUS_FIELD(struct record, writes),
	DEVBUS_FIELD(struct record, boots),
	DEVBUS_FIELD(struct record, error_code, .flags = DEVBUS_OMIT_EMPTY),
	DEVBUS_FIELD(struct record, error_message, .flags = DEVBUS_OMIT_EMPTY),
	DEVBUS_FIELD(struct record, changed),
	{ 0 },
};

const char *state_name(enum state state)
{
	return state_names[state];
}

enum state record_state(const struct record *record)
{
	for (size_t i = 0; state_names[i]; i++)
		if (strcmp(record->state, state_names[i]) == 0)
			return (enum state)i;
	return STATE_IDLE;
}

bool state_is_active(enum state state)
{
	return state > STATE_IDLE && state < STATE_SUCCEEDED;
}

bool state_is_cancellable(enum state state)
{
	return state > STATE_IDLE && state < STATE_INSTALLING;
}

bool state_is_reboot_safe(enum state state)
{
	return state != STATE_DOWNLOADING && state != STATE_VERIFYING && state != STATE_INSTALLING;
}

void record_begin(struct record *record, const struct order *order, const char *id)
{
	memset(record, 0, sizeof(*record));
	snprintf(record->id, sizeof(record->id), "%s", id ? id : "");
	snprintf(record->url, sizeof(record->url), "%s", order->url);
	snprintf(record->sha256, sizeof(record->sha256), "%s", order->sha256);
	snprintf(record->version, sizeof(record->version), "%s", order->version);
	record->size = order->size;
	record->force = order->force;
}

void record_order(const struct record *record, struct order *ret_order)
{
	memset(ret_order, 0, sizeof(*ret_order));
	snprintf(ret_order->url, sizeof(ret_order->url), "%s", record->url);
	snprintf(ret_order->sha256, sizeof(ret_order->sha256), "%s", record->sha256);
	snprintf(ret_order->version, sizeof(ret_order->version), "%s", record->version);
	ret_order->size = record->size;
	ret_order->force = record->force;
}

void record_set_error(struct record *record, const char *code, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	snprintf(record->error_code, sizeof(record->error_code), "%s", code);
	vsnprintf(record->error_message, sizeof(record->error_message), format, args);
	va_end(args);
}

uint64_t record_clock_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

int record_save(int dir_fd, struct record *record, enum state state, const char *boot_id)
{
	record->schema = RECORD_SCHEMA;
	record->writes++;
	record->entered_ms = record_clock_ms();
	snprintf(record->state, sizeof(record->state), "%s", state_name(state));
	snprintf(record->boot_id, sizeof(record->boot_id), "%s", boot_id);
	devbus_time(record->changed);
	return devbus_file_save(dir_fd, STATE_FILE, record_fields, record);
}

int record_load(int dir_fd, struct record *ret_record)
{
	struct record record;
	int r = devbus_file_load(dir_fd, STATE_FILE, record_fields, &record);
	if (r == -ENOENT) {
		memset(&record, 0, sizeof(record));
		snprintf(record.state, sizeof(record.state), "%s", state_name(STATE_IDLE));
		r = 0;
	}
	if (r == 0)
		*ret_record = record;
	return r;
}

/* ---- what a start makes of it */

/*
 * A file that was being written or verified when the power went is verified again: its pages may not have reached the disk. An
 * installer may have switched the slot by itself, so the target can boot from `installing` on. A fallback of the boot loader is sealed by rolling back: the
 * source is made the one to boot, for good.
 */
static const struct {
	enum state same_boot, on_target, elsewhere;
} resumes[] = {
	[STATE_IDLE] = { STATE_IDLE, STATE_IDLE, STATE_IDLE },
	[STATE_ACCEPTED] = { STATE_ACCEPTED, STATE_ACCEPTED, STATE_ACCEPTED },
	[STATE_DOWNLOADING] = { STATE_DOWNLOADING, STATE_DOWNLOADING, STATE_DOWNLOADING },
	[STATE_VERIFYING] = { STATE_VERIFYING, STATE_VERIFYING, STATE_VERIFYING },
	[STATE_INSTALLING] = { STATE_VERIFYING, STATE_TESTING, STATE_VERIFYING },
	[STATE_INSTALLED] = { STATE_INSTALLED, STATE_TESTING, STATE_INSTALLED },
	[STATE_REBOOTING] = { STATE_REBOOTING, STATE_TESTING, STATE_ROLLING_BACK },
	[STATE_TESTING] = { STATE_TESTING, STATE_TESTING, STATE_ROLLING_BACK },
	[STATE_COMMITTING] = { STATE_COMMITTING, STATE_COMMITTING, STATE_ROLLING_BACK },
	[STATE_ROLLING_BACK] = { STATE_ROLLING_BACK, STATE_ROLLING_BACK, STATE_ROLLING_BACK },
	[STATE_SUCCEEDED] = { STATE_SUCCEEDED, STATE_SUCCEEDED, STATE_SUCCEEDED },
	[STATE_FAILED] = { STATE_FAILED, STATE_FAILED, STATE_FAILED },
	[STATE_CANCELLED] = { STATE_CANCELLED, STATE_CANCELLED, STATE_CANCELLED },
};

enum state record_resume(struct record *record, const char *boot_id, const char *booted)
{
	enum state state = record_state(record), next;
	if (strcmp(record->boot_id, boot_id) == 0)
		return resumes[state].same_boot;
	if (*record->target && strcmp(record->target, booted) == 0)
		return resumes[state].on_target;
	next = resumes[state].elsewhere;
	if (next == STATE_ROLLING_BACK && !*record->error_code)
		record_set_error(record, DEVBUS_E_ROLLED_BACK,
			"the device has booted slot %s and not %s, which has version %s", booted,
			record->target, record->version);
	if (next == STATE_ROLLING_BACK && strcmp(record->source, booted) != 0)
		return STATE_FAILED; /* neither of the two: somebody else is at work here */
	return next;
}
