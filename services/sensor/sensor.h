// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* The service `sensor`: the sampler on the bus. For struct devbus_service. */
#ifndef DEVBUS_SENSOR_SENSOR_H
#define DEVBUS_SENSOR_SENSOR_H

#include <devbus/devbus.h>

int sensor_start(struct devbus *bus, void **ret_service);
void sensor_stop(void *service);

#endif
