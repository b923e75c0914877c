// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* One call of a method, for the subcommands that make one. */
#ifndef DEVBUSCTL_REQUEST_H
#define DEVBUSCTL_REQUEST_H

#include "ctl.h"

/*
 * Connects, calls and waits, all within @timeout_ms. @args is taken. Returns CTL_OK with *@ret_result, which the
 * caller frees, or the exit status after saying why.
 */
int request_make(const struct ctl_globals *globals, const char *service, const char *method,
	struct devbus_json *args, uint32_t timeout_ms, struct devbus_json **ret_result);

#endif
