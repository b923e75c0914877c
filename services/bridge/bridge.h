// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* The service `bridge`. For struct devbus_service. */
#ifndef BRIDGE_BRIDGE_H
#define BRIDGE_BRIDGE_H

#include <devbus/devbus.h>

/* Reads the settings and begins to watch. */
int bridge_start(struct devbus *bus, void **ret_service);

/* Leaves every status and the held commands as they are. */
void bridge_stop(void *service);

#endif
