// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * The one loop of the tool: dispatch until something is true, the time is up, or the user has had enough.
 */
#ifndef DEVBUSCTL_WAIT_H
#define DEVBUSCTL_WAIT_H

#include <devbus/devbus.h>
#include <stdint.h>

/* From now on SIGINT and SIGTERM end ctl_wait(). Call before the bus is opened. */
void ctl_catch_signals(void);

/* Monotonic milliseconds; and the deadline that lies @timeout_ms ahead. CTL_FOREVER is one that never comes. */
#define CTL_FOREVER INT64_MAX
int64_t ctl_now_ms(void);
int64_t ctl_deadline(uint32_t timeout_ms);

typedef bool ctl_condition(void *userdata);

/*
 * Dispatches until @done says true. Returns 0, -ETIMEDOUT at @deadline_ms, -EINTR after a signal, or the errno of
 * devbus_dispatch().
 */
int ctl_wait(struct devbus *bus, ctl_condition *done, void *userdata, int64_t deadline_ms);

#endif
