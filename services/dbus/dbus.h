// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * A connection to the system's D-Bus in the loop of the bus: sd-bus says what it waits for, the loop waits. Never waits itself, but for the
 * connect to the local socket.
 */
#ifndef DBUS_DBUS_H
#define DBUS_DBUS_H

#include <devbus/devbus.h>
#include <systemd/sd-bus.h>

struct dbus;

/*
 * Connects to the system bus. @lost, in the loop's thread and at most once: the connection broke with that negative errno, calls that were
 * under way get no answer; it may free the connection. Returns 0 or a negative errno.
 */
int dbus_open(
	struct devbus *bus, void (*lost)(void *userdata, int error), void *userdata, struct dbus **ret_dbus);

/* No handler of it is called any more. NULL is fine. */
void dbus_free(struct dbus *dbus);

/* For sd_bus_call_method_async() and the like; follow such calls by dbus_pump(). Borrowed until dbus_free(). */
sd_bus *dbus_connection(struct dbus *dbus);

/* Lets the loop wait for what the connection waits for now. */
void dbus_pump(struct dbus *dbus);

#endif
