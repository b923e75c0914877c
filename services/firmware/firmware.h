// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* The service `firmware`. For struct devbus_service. */
#ifndef FIRMWARE_FIRMWARE_H
#define FIRMWARE_FIRMWARE_H

#include <devbus/devbus.h>

/* Reads the settings, finishes what an earlier run began, and registers the methods. */
int firmware_start(struct devbus *bus, void **ret_service);

/* Stops a running update, which is resumed at the next start. */
void firmware_stop(void *service);

#endif
