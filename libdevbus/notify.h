// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * What systemd is told, by the protocol of sd_notify(3): a datagram to $NOTIFY_SOCKET. Its manual promises that
 * protocol, so these lines stand in for a library (libsystemd) that the device may not have.
 */
#ifndef DEVBUS_INTERNAL_NOTIFY_H
#define DEVBUS_INTERNAL_NOTIFY_H

#include <stdint.h>

/* Sends @state, such as "READY=1". Does nothing without $NOTIFY_SOCKET; a failure is logged at debug. */
void notify_send(const char *state);

/* How often WATCHDOG=1 must be sent, in ms: half of $WATCHDOG_USEC, or 0: no watchdog wants it from this process. */
uint32_t notify_watchdog_interval_ms(void);

#endif
