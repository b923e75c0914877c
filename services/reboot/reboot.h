// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* The service as main.c sees it. */
#ifndef REBOOT_REBOOT_H
#define REBOOT_REBOOT_H

#include <devbus/devbus.h>

struct reboot;

/*
 * Reads the settings and the record, tells about a new boot, registers the methods and goes on with what was ordered before
 * the start. Returns 0 or a negative errno, with the reason in the log.
 */
int reboot_new(struct devbus *bus, struct reboot **ret_reboot);

/* Leaves the record, and a command that runs, as they are. Before devbus_close(). NULL is fine. */
void reboot_free(struct reboot *reboot);

#endif
