// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * Messages quote what came from outside, which may be of any length. They travel as JSON strings, so that
 * a cut in the middle of a character would make the whole payload malformed.
 */
#include "error.h"

#include "utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Takes away the last character if it is incomplete. */
static void cut_between_characters(char *text)
{
	const size_t length = strlen(text);
	size_t last = length;
	while (last > 0 && length - last < 3 && ((unsigned char)text[last - 1] & 0xc0) == 0x80)
		last--;
	if (last > 0 && utf8_decode(text + last - 1, length - last + 1, NULL) != length - last + 1)
		text[last - 1] = '\0';
}

void error_set(struct devbus_error *ret_error, const char *code, const char *format, ...)
{
	struct devbus_error error;
	va_list arguments;
	if (!ret_error)
		return;
	snprintf(error.code, sizeof(error.code), "%s", code);
	va_start(arguments, format);
	const int length = vsnprintf(error.message, sizeof(error.message), format, arguments);
	va_end(arguments);
	if (length < 0)
		error.message[0] = '\0';
	else if ((size_t)length >= sizeof(error.message))
		cut_between_characters(error.message);
	*ret_error = error;
}
