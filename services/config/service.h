// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* The service `config`: the sections on the bus. For struct devbus_service. */
#ifndef DEVBUS_CONFIG_SERVICE_H
#define DEVBUS_CONFIG_SERVICE_H

#include <devbus/devbus.h>

int config_start(struct devbus *bus, void **ret_service);
void config_stop(void *service);

#endif
