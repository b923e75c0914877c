// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* What more than one subcommand needs; see ctl.h. */
#include "ctl.h"
#include "pretty.h"
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void ctl_error(const char *format, ...)
{
	va_list list;

	fprintf(stderr, "devbusctl: ");
	va_start(list, format);
	vfprintf(stderr, format, list);
	va_end(list);
	fputc('\n', stderr);
}

int ctl_object(const char *text, struct devbus_json **ret_object)
{
	struct devbus_json *object = NULL;
	struct devbus_error error;
	int r;

	if (!text)
		text = "{}";
	r = devbus_json_parse(text, strlen(text), &object, &error);
	if (r == 0 && devbus_json_type(object) != DEVBUS_JSON_OBJECT) {
		snprintf(error.message, sizeof error.message, "is none");
		devbus_json_free(object);
		r = -EINVAL;
	}
	if (r < 0) {
		ctl_error("%s: %s; give an object, such as '{\"key\":1}'", text,
			r == -ENOMEM ? strerror(ENOMEM) : error.message);
		return -EINVAL;
	}
	*ret_object = object;
	return 0;
}

bool ctl_level(const char *what, const char *level)
{
	size_t length = strspn(level, "abcdefghijklmnopqrstuvwxyz0123456789_-");

	if (length >= 1 && length <= 64 && level[length] == '\0')
		return true;
	ctl_error("%s: not the name of a %s; give 1 to 64 of a-z 0-9 _ -", level, what);
	return false;
}

void ctl_print_result(const struct devbus_json *result)
{
	struct pretty pretty = pretty_for(stdout);

	if (pretty.terminal) {
		pretty_json(&pretty, result, 0, 0);
	} else {
		char *text = devbus_json_print(result);
		fputs(text ? text : "", stdout);
		free(text);
	}
	putchar('\n');
}
