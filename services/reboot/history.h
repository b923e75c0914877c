// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * What is remembered of earlier boots, and the guards that live by it: a device must not be rebooted over and over, whoever asks.
 *
 * The wall clock may be unset after each boot, so time is counted as the sum of uptimes. While a device is off, or when it lost power
 * before its uptime was written down, this clock stands still: a guard then holds longer than it had to, never shorter.
 */
#ifndef REBOOT_HISTORY_H
#define REBOOT_HISTORY_H

#include "record.h"

#define HISTORY_FILE "boot.json"
#define HISTORY_SCHEMA 1
#define HISTORY_WINDOW_MS 3600000 /* of the limit per hour */
#define CRASH_SIZE 161

struct history {
	uint32_t schema;
	char boot_id[DEVBUS_BOOT_ID_SIZE]; /* of the newest boot that was told about; "": none yet */
	uint64_t base_ms; /* sum of the uptimes of the boots before it */
	uint64_t last_ms; /* its uptime, as far as it was written down */
	uint32_t short_boots; /* how many boots in a row, up to the one before it, were short */
	struct devbus_json
		*orders; /* when ordered reboots happened within the window, in ms of the sum of uptimes */
	char crash[CRASH_SIZE]; /* the kernel's newest crash record that was seen */
};
extern const struct devbus_field history_fields[];

struct guards {
	uint32_t min_uptime_s;
	uint32_t reboots_per_hour; /* 0: no limit */
	uint32_t short_boots_max; /* 0: no limit */
	uint32_t short_boot_s; /* a boot that does not last longer is short */
};

/* Takes note of @boot_id, if it is new. @record (NULL: none): the order. Returns 0 or -ENOMEM. */
int history_boot(struct history *history, const struct record *record, const char *boot_id,
	const struct guards *guards);

/* How many ordered reboots there were in the hour before @now_ms of the boot clock. */
unsigned history_orders(const struct history *history, uint64_t now_ms);

/* Whether so many boots in a row were short that none may be ordered until this one is not. */
bool history_loops(const struct history *history, const struct guards *guards, uint64_t now_ms);

/*
 * Whether a reboot at @due_ms of the boot clock may be ordered at @now_ms. Returns 0, or -EPERM with what the caller is told.
 * @force lifts the minimum uptime only.
 */
int history_admit(const struct history *history, const struct guards *guards, uint64_t now_ms,
	uint64_t due_ms, bool force, struct devbus_error *ret_error);

/*
 * How long after @now_ms the uptime is to be written down again, since a guard depends on it; 0: no more in this boot. A device that stays
 * up costs its flash two writes.
 */
uint64_t history_next_mark_ms(const struct guards *guards, uint64_t now_ms);

#endif
