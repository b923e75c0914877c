// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * Why the kernel says that the device was started, where it says anything at all:
 * - watchdog drivers: WDIOF_ bits of the reset in sys/class/watchdog/<name>/bootstatus (watchdog-api of the kernel);
 * - power_on_reason of a reset controller (ABI/testing/sysfs-platform-power-on-reason);
 * - a crash record of the kernel's in pstore, or where systemd-pstore(8) has put it.
 */
#ifndef REBOOT_EVIDENCE_H
#define REBOOT_EVIDENCE_H

#include "history.h"

enum cause {
	CAUSE_UNKNOWN,
	CAUSE_POWER,
	CAUSE_WATCHDOG,
	CAUSE_PANIC,
	CAUSE_ORDERED,
};
extern const char *const cause_words[];

struct evidence {
	enum cause cause; /* never CAUSE_ORDERED */
	char text[161]; /* what says so, for people; "": nothing does */
	char crash[CRASH_SIZE]; /* the newest crash record, for the next time; "": none */
};

/* Looks below the folder @root ("/"). A crash record is told of once: @seen_crash is that of the boot before. */
void evidence_read(const char *root, const char *seen_crash, struct evidence *ret_evidence);

#endif
