// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* What a start of the service owes to the boot it is in: the event `boot`, once, and the history that the guards live by. */
#ifndef REBOOT_ARRIVAL_H
#define REBOOT_ARRIVAL_H

#include "alarm.h"
#include "evidence.h"

struct arrival {
	struct devbus *bus;
	int state_dir_fd;
	struct guards guards;
	struct history history;
	struct alarm mark; /* the uptime is to be written down */
};

/* The event `boot`. */
struct boot_event {
	char cause[9]; /* of cause_words */
	char id[65];
	char reason[REASON_SIZE];
	char evidence[161];
	char old_boot_id[DEVBUS_BOOT_ID_SIZE];
	char new_boot_id[DEVBUS_BOOT_ID_SIZE];
	uint64_t down_ms;
	uint32_t short_boots;
};
extern const struct devbus_field boot_event_fields[];

/*
 * Fills in the event of @boot_id; @old_boot_id may be "", @record NULL. @wall_ms is the time now by the wall clock; 0: it cannot be
 * trusted.
 */
void arrival_event(struct boot_event *ret_event, const struct record *record, const char *old_boot_id,
	const char *boot_id, const struct evidence *evidence, uint64_t wall_ms);

/*
 * With arrival->bus, state_dir_fd and guards filled in. @record (NULL: none) is the order as the boot before left it. Returns 0 or a
 * negative errno; arrival_free() in any case.
 */
int arrival_begin(
	struct arrival *arrival, const struct record *record, const char *boot_id, const char *root);
void arrival_free(struct arrival *arrival);

#endif
