// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* The service `reboot`. For struct devbus_service. */
#ifndef REBOOT_REBOOT_H
#define REBOOT_REBOOT_H

#include <devbus/devbus.h>

/*
 * Reads the settings and the record, tells about a new boot, registers the methods and goes on with what was ordered before
 * the start.
 */
int reboot_start(struct devbus *bus, void **ret_service);

/* Leaves the record, and a command that runs, as they are. */
void reboot_stop(void *service);

#endif
