// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* The one place that turns what went wrong here into the words of protocol 2.3. */
#include "refusal.h"
#include "limits.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int refuse(struct devbus_error *ret_error, int r, const char *code, const char *format, ...)
{
	va_list arguments;

	snprintf(ret_error->code, sizeof ret_error->code, "%s", code);
	va_start(arguments, format);
	vsnprintf(ret_error->message, sizeof ret_error->message, format, arguments);
	va_end(arguments);
	return r;
}

int refuse_errno(struct devbus_error *ret_error, int r)
{
	switch (r) {
	case -ENOSPC:
	case -EDQUOT:
		return refuse(ret_error, r, DEVBUS_E_NO_SPACE, "There is no room for it: %s.", strerror(-r));
	case -ENOMEM:
		return refuse(ret_error, r, DEVBUS_E_INTERNAL, "Out of memory.");
	default:
		return refuse(ret_error, r, DEVBUS_E_IO_ERROR, "It could not be written: %s.", strerror(-r));
	}
}

static unsigned depth_of(const struct devbus_json *value)
{
	enum devbus_json_type type = devbus_json_type(value);
	unsigned deepest = 0;

	if (type != DEVBUS_JSON_OBJECT && type != DEVBUS_JSON_ARRAY)
		return 0;
	for (const struct devbus_json *i = devbus_json_first(value); i; i = devbus_json_next(i)) {
		unsigned depth = depth_of(i);

		deepest = depth > deepest ? depth : deepest;
	}
	return deepest + 1;
}

int check_limits(const struct devbus_json *values, struct devbus_error *ret_error)
{
	if (depth_of(values) > LIMIT_DEPTH)
		return refuse(ret_error, -EMSGSIZE, DEVBUS_E_INVALID_ARGS, "values are nested past %d levels",
			LIMIT_DEPTH);
	char *text = devbus_json_print(values);
	size_t size = text ? strlen(text) : 0;

	free(text);
	if (!text)
		return refuse_errno(ret_error, -ENOMEM);
	if (size > LIMIT_SECTION_BYTES)
		return refuse(ret_error, -EMSGSIZE, DEVBUS_E_INVALID_ARGS,
			"values would have %zu bytes, more than the %d of a section", size,
			LIMIT_SECTION_BYTES);
	return 0;
}
