// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* One place decides which errno is a full disk. */
#include "reason.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int reason_set(struct devbus_error *ret_error, int result, const char *code, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	snprintf(ret_error->code, sizeof(ret_error->code), "%s", code);
	vsnprintf(ret_error->message, sizeof(ret_error->message), format, args);
	va_end(args);
	return result;
}

int reason_errno(struct devbus_error *ret_error, int result, const char *what)
{
	bool full = result == -ENOSPC || result == -EDQUOT || result == -EFBIG;
	return reason_set(ret_error, result, full ? DEVBUS_E_NO_SPACE : DEVBUS_E_IO_ERROR, "%s: %s", what,
		strerror(-result));
}
