// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* Has the device rebooted by the service `reboot`, which knows how, and what else stands in the way. */
#ifndef FIRMWARE_RESTART_H
#define FIRMWARE_RESTART_H

#include <devbus/devbus.h>

struct restart;

/* The device is still up after the time that it had: @error says what was tried. Once; restart_free() is allowed in it. */
typedef void restart_failed(void *userdata, const struct devbus_error *error);

/*
 * Orders a reboot, again as long as the service does not take the order, and calls @failed after @timeout_ms (1..2^31-1). @reason is for people, copied.
 * Returns 0 or a negative errno.
 */
int restart_start(struct devbus *bus, const char *reason, uint32_t timeout_ms, restart_failed *failed,
	void *userdata, struct restart **ret_restart);

/* NULL is fine. An order that was taken stands. */
void restart_free(struct restart *restart);

#endif
