// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* The service `azure`. For struct devbus_service. */
#ifndef AZURE_AZURE_H
#define AZURE_AZURE_H

#include <devbus/devbus.h>

/* Reads the settings and begins to translate. */
int azure_start(struct devbus *bus, void **ret_service);

void azure_stop(void *service);

#endif
