// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* The wall clock, for how long a device was down: the only time that goes on while it is off, if it can be trusted at all. */
#ifndef REBOOT_WALL_H
#define REBOOT_WALL_H

#include <devbus/host.h>
#include <stdint.h>
#include <time.h>

/* Milliseconds since 1970 UTC; 0: not known. */
static inline uint64_t wall_trusted_ms(const struct devbus *bus)
{
	struct timespec now;
	if (!devbus_clock_synced(bus))
		return 0;
	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

#endif
