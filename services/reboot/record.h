// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * What the service must know after the reboot that it ordered, and the decisions that follow from it. The decisions are
 * pure: record, boot id and time go in.
 */
#ifndef REBOOT_RECORD_H
#define REBOOT_RECORD_H

#include <devbus/devbus.h>

#define BOOT_ID_SIZE 65
#define REASON_SIZE 201
#define RECORD_FILE "order.json"
#define SEEN_FILE "boot.json"
#define RECORD_SCHEMA 1

/*
 * One order, on disk from its acceptance to its end. Times are of the boot clock (CLOCK_BOOTTIME), so they mean something only
 * while the boot id is the same.
 */
struct record {
	uint32_t schema;
	char phase[12]; /* "waiting"; "rebooting": the command is about to be run, or was */
	char id[65]; /* of the command; "": a local call */
	char boot_id[BOOT_ID_SIZE]; /* when it was ordered */
	char reason[REASON_SIZE];
	bool force;
	uint64_t delay_ms;
	uint64_t due_ms; /* end of the delay */
	uint64_t ordered_ms; /* "rebooting": when the phase began */
	char time[DEVBUS_TIME_SIZE]; /* wall clock, for people */
};
extern const struct devbus_field record_fields[];

/* The boot that the service has told about. */
struct seen {
	char boot_id[BOOT_ID_SIZE];
};
extern const struct devbus_field seen_fields[];

enum verdict {
	VERDICT_NONE, /* there is no order */
	VERDICT_WAIT, /* still in the delay; rest_ms of it */
	VERDICT_EXPECT, /* the command was run, the device is still up; rest_ms until that is a failure */
	VERDICT_BOOTED, /* it happened */
	VERDICT_TIMEOUT, /* it did not happen in time */
	VERDICT_INTERRUPTED, /* another boot came before, or the delay ended long ago while the service was down */
};

struct decision {
	enum verdict verdict;
	uint64_t rest_ms;
};

/* How late a delay may end after a restart of the service. Later, the reboot would come as a surprise. */
#define RECORD_LATE_MAX_MS 60000

/* What to do about @record (NULL: none) in the boot @boot_id at @now_ms of its boot clock. */
struct decision record_decide(
	const struct record *record, const char *boot_id, uint64_t now_ms, uint32_t timeout_s);

/* How much of the delay is over, in percent. */
int record_percent(const struct record *record, uint64_t now_ms);

/* Whether the state that the firmware service tells forbids a reboot. @state may be NULL. */
bool record_vetoes(const char *state);

/* The event `boot`. */
struct boot_event {
	char cause[8]; /* "ordered" or "unknown" */
	char id[65];
	char reason[REASON_SIZE];
	char old_boot_id[BOOT_ID_SIZE];
	char new_boot_id[BOOT_ID_SIZE];
};
extern const struct devbus_field boot_event_fields[];

/* Fills *@ret_event and returns true if @boot_id is a boot that was not told yet. @seen (NULL: none), @record (NULL: none). */
bool record_boot_event(const struct record *record, const struct seen *seen, const char *boot_id,
	struct boot_event *ret_event);

#endif
