// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* Which boot this is, and how old. */
#ifndef REBOOT_BOOT_H
#define REBOOT_BOOT_H

#include "record.h"

/* The first line of @path, without white space. Returns 0, -EBADMSG (empty or too long) or another negative errno. */
int boot_id_read(const char *path, char ret_boot_id[BOOT_ID_SIZE]);

/* Milliseconds since the boot, time asleep included (CLOCK_BOOTTIME): steps of the wall clock change nothing. */
uint64_t boot_clock_ms(void);

#endif
