// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * An instant that means the same to the next life of this process: on the clock that counts on in suspend and that nobody sets
 * (CLOCK_BOOTTIME), together with the boot that it counts from.
 */
#ifndef DEVBUS_CONFIG_DEADLINE_H
#define DEVBUS_CONFIG_DEADLINE_H

#include <devbus/host.h>
#include <stdint.h>

struct deadline {
	char boot_id[DEVBUS_BOOT_ID_SIZE]; /* "": unknown, where the kernel has none */
	int64_t boot_ms; /* since that boot */
};

struct deadline deadline_in(int64_t ms);

/* How long there is still to go; 0: it is over. In another boot it is over: nobody knows for how long the device was off. */
int64_t deadline_left_ms(const struct deadline *deadline);

#endif
