// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* What a caller is told when a change is not made. */
#ifndef DEVBUS_CONFIG_REFUSAL_H
#define DEVBUS_CONFIG_REFUSAL_H

#include <devbus/devbus.h>

/* Fills @ret_error and returns @r, so that one line refuses. */
int refuse(struct devbus_error *ret_error, int r, const char *code, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* The same for a system error. */
int refuse_errno(struct devbus_error *ret_error, int r);

/* Whether @values is within limits.h. 0, -EMSGSIZE or -ENOMEM, with @ret_error. */
int check_limits(const struct devbus_json *values, struct devbus_error *ret_error);

#endif
