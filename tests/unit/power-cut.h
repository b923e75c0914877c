// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * Kills a process at one of its system calls, and knows what a disk may hold after a power cut at that instant. With ptrace, because only
 * that meets each call exactly; a child's every write into a folder is noted, and each fsync and fdatasync says what of it is safe.
 */
#ifndef DEVBUS_TEST_POWER_CUT_H
#define DEVBUS_TEST_POWER_CUT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* What is found afterwards of what was written and not synced. */
enum cut {
	CUT_KILL, /* all of it: the process was killed, the system lives */
	CUT_NOTHING, /* none */
	CUT_SOME, /* any of it, in sectors of 512 bytes and in any order */
	CUTS,
};

/* False: the system does not let us trace. */
bool power_cut_possible(void);

/*
 * Runs @work(@userdata) in a child process, which is killed when it is about to make its system call number @at (1 is the first). Returns
 * how many it made; less than @at: it ended first, with status 0. @folder: its files are watched.
 */
size_t power_cut_run(void (*work)(void *userdata), void *userdata, const char *folder, size_t at);

/* Makes @folder as the disk would have it after that. What comes of CUT_SOME depends on @seed alone. */
void power_cut_apply(const char *folder, enum cut cut, unsigned seed);

#endif
