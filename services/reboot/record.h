// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * What the service must know after the reboot that it ordered, and the decisions that follow from it. The decisions are
 * pure: record, boot id and time go in.
 */
#ifndef REBOOT_RECORD_H
#define REBOOT_RECORD_H

#include <devbus/devbus.h>
#include <devbus/host.h>

#define REASON_SIZE 201
#define RECORD_FILE "order.json"
#define RECORD_SCHEMA 1

/* How often a boot may be asked for: once, and again after each crash of this service before it came. */
#define RECORD_TRIES_MAX 3

/*
 * The newest order, on disk from its acceptance on, until the next one takes its place. Times are of the boot clock (CLOCK_BOOTTIME), so
 * they mean something only while the boot id is the same.
 */
struct record {
	uint32_t schema;
	char phase[12]; /* "waiting"; "rebooting": is about to be asked for, or was; "ended": no reboot */
	char id[65]; /* of the command; "": a local call */
	char boot_id[DEVBUS_BOOT_ID_SIZE]; /* when it was ordered */
	char reason[REASON_SIZE];
	bool force;
	uint64_t delay_ms;
	uint64_t due_ms; /* end of the delay */
	uint64_t ordered_ms; /* "rebooting": when the phase began */
	uint32_t tries; /* "rebooting": how often the reboot was asked for */
	char error_code[32]; /* "ended": what the command comes to */
	char error_message[256];
	char time[DEVBUS_TIME_SIZE]; /* when it was requested, by the wall clock, for people */
	uint64_t wall_ms; /* "rebooting": when, by the wall clock; 0: it could not be trusted */
};
extern const struct devbus_field record_fields[];

enum verdict {
	VERDICT_NONE, /* there is no order */
	VERDICT_DAMAGED, /* nobody knows; never from record_decide() */
	VERDICT_WAIT, /* still in the delay; rest_ms of it */
	VERDICT_AGAIN, /* asked for, perhaps, and the device is still up: ask again; rest_ms until that is a failure */
	VERDICT_EXPECT, /* the same, but it was asked for often enough */
	VERDICT_BOOTED, /* it happened */
	VERDICT_TIMEOUT, /* it did not happen in time */
	VERDICT_INTERRUPTED, /* another boot came before, or the delay ended long ago while the service was down */
	VERDICT_ENDED, /* it had come to its end, with error_code */
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

/* Whether the boot after @old_boot_id is the one that @record (NULL: none) asked for. */
bool record_caused_boot(const struct record *record, const char *old_boot_id, const char *boot_id);

/* Whether the state that the firmware service tells forbids a reboot. @state may be NULL. */
bool record_vetoes(const char *state);

#endif
