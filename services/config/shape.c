// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
#include "shape.h"

#include <regex.h>
#include <string.h>

bool shape_type(const struct devbus_json *limit)
{
	static const char *const words[] = { "null", "boolean", "number", "integer", "string", "array",
		"object" };
	const char *type = devbus_json_string(limit);

	for (size_t i = 0; type && i < sizeof words / sizeof words[0]; i++)
		if (strcmp(type, words[i]) == 0)
			return true;
	return false;
}

bool shape_number(const struct devbus_json *limit)
{
	return devbus_json_type(limit) == DEVBUS_JSON_NUMBER;
}

bool shape_bool(const struct devbus_json *limit)
{
	return devbus_json_type(limit) == DEVBUS_JSON_BOOL;
}

bool shape_list(const struct devbus_json *limit)
{
	return devbus_json_type(limit) == DEVBUS_JSON_ARRAY;
}

bool shape_name_list(const struct devbus_json *limit)
{
	if (!shape_list(limit))
		return false;
	for (const struct devbus_json *i = devbus_json_first(limit); i; i = devbus_json_next(i))
		if (!devbus_json_string(i))
			return false;
	return true;
}

/* ECMA 262 escapes such as \d would mean something else to regcomp(3). */
bool shape_pattern(const struct devbus_json *limit)
{
	const char *pattern = devbus_json_string(limit);
	regex_t expression;

	if (!pattern || strchr(pattern, '\\') || strstr(pattern, "(?") ||
		regcomp(&expression, pattern, REG_EXTENDED | REG_NOSUB) != 0)
		return false;
	regfree(&expression);
	return true;
}

bool shape_object(const struct devbus_json *limit)
{
	return devbus_json_type(limit) == DEVBUS_JSON_OBJECT;
}
