// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* Errors for the other side, filled in and passed on in one line. */
#ifndef FIRMWARE_REASON_H
#define FIRMWARE_REASON_H

#include <devbus/devbus.h>

/* Fills in *@ret_error. Returns @result. */
int reason_set(struct devbus_error *ret_error, int result, const char *code, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* The same with what @result, a negative errno, means: "no-space" for a full disk, else "io-error". */
int reason_errno(struct devbus_error *ret_error, int result, const char *what);

#endif
