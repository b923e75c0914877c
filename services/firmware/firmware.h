// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* The service as main.c sees it. */
#ifndef FIRMWARE_FIRMWARE_H
#define FIRMWARE_FIRMWARE_H

#include <devbus/devbus.h>

struct firmware;

/*
 * Reads the settings, finishes what an earlier run began, and registers the methods. @http_proxy: that variable as it was before
 * devbus_open() (NULL: not set); borrowed until firmware_free(). Returns 0 or a negative errno, with the reason in the log.
 */
int firmware_new(struct devbus *bus, const char *http_proxy, struct firmware **ret_firmware);

/* Stops a running update, which is resumed at the next start. Before devbus_close(). NULL is fine. */
void firmware_free(struct firmware *firmware);

#endif
