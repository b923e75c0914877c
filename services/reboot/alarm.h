// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * The clock of the reboots: milliseconds since the boot, time asleep included (CLOCK_BOOTTIME), and one alarm on it. Steps of the wall
 * clock change nothing, and a device that slept through its delay does not begin it again.
 */
#ifndef REBOOT_ALARM_H
#define REBOOT_ALARM_H

#include <devbus/devbus.h>

uint64_t boot_clock_ms(void);

/* All zero: not set. */
struct alarm {
	struct devbus *bus;
	int fd; /* 0: none */
	devbus_timer_handler *handler;
	void *userdata;
};

/* Calls @handler once, in @rest_ms; what was set before is forgotten. Returns 0 or a negative errno. */
int alarm_set(struct alarm *alarm, struct devbus *bus, uint64_t rest_ms, devbus_timer_handler *handler,
	void *userdata);

/* No call back follows. */
void alarm_stop(struct alarm *alarm);

#endif
