// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * The table of types, and what they share. Messages name the member, the value and the bound, because
 * whoever reads them is far away: at the cloud, or in front of a settings file. A secret's value is in
 * none of them.
 */
#include "field-type.h"

#include "error.h"
#include "json.h"
#include "utf8.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const struct field_type *field_type_of(const struct devbus_field *field)
{
	static const struct field_type *const types[] = {
		[DEVBUS_FIELD_BOOL] = &field_numbers[DEVBUS_FIELD_BOOL],
		[DEVBUS_FIELD_INT32] = &field_numbers[DEVBUS_FIELD_INT32],
		[DEVBUS_FIELD_UINT32] = &field_numbers[DEVBUS_FIELD_UINT32],
		[DEVBUS_FIELD_INT64] = &field_numbers[DEVBUS_FIELD_INT64],
		[DEVBUS_FIELD_UINT64] = &field_numbers[DEVBUS_FIELD_UINT64],
		[DEVBUS_FIELD_DOUBLE] = &field_numbers[DEVBUS_FIELD_DOUBLE],
		[DEVBUS_FIELD_STRING] = &field_string,
		[DEVBUS_FIELD_JSON] = &field_json,
	};
	const unsigned index = field->type;
	if (index >= sizeof(types) / sizeof(types[0]) || !types[index])
		return NULL;
	const size_t size = types[index]->size;
	return (size == 0 ? field->size > 0 : field->size == size) ? types[index] : NULL;
}

int field_refuse(struct devbus_error *ret_error, const struct devbus_field *field, const char *format, ...)
{
	char problem[sizeof(ret_error->message)];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(problem, sizeof(problem), format, arguments);
	va_end(arguments);
	error_set(ret_error, DEVBUS_E_INVALID_ARGS, "%s: %s", field->name, problem);
	return -EINVAL;
}

struct field_quote field_quote(const struct devbus_field *field, const char *text)
{
	struct field_quote quote;
	size_t length = 0;
	if (field->flags & DEVBUS_SECRET)
		return (struct field_quote) { "the value" };
	while (text[length]) {
		const size_t step = utf8_decode(text + length, strnlen(text + length, UTF8_LENGTH_MAX), NULL);
		if (step == 0 || length + step > FIELD_QUOTE_MAX)
			break;
		length += step;
	}
	snprintf(quote.text, sizeof(quote.text), "\"%.*s%s\"", (int)length, text, text[length] ? "..." : "");
	return quote;
}

int field_refuse_type(const struct devbus_field *field, const char *wanted, const struct devbus_json *json,
	struct devbus_error *ret_error)
{
	static const char *const words[] = {
		[DEVBUS_JSON_NULL] = "null",
		[DEVBUS_JSON_BOOL] = "a boolean",
		[DEVBUS_JSON_NUMBER] = "a number",
		[DEVBUS_JSON_STRING] = "a string",
		[DEVBUS_JSON_ARRAY] = "an array",
		[DEVBUS_JSON_OBJECT] = "an object",
	};
	return field_refuse(ret_error, field, "must be %s, not %s", wanted, words[devbus_json_type(json)]);
}

int field_made(struct devbus_json *json, struct devbus_json **ret_json)
{
	if (!json)
		return -ENOMEM;
	*ret_json = json;
	return 0;
}

/* ---- bounds */

struct field_bounds field_bounds_of(const struct devbus_field *field, double low, double high)
{
	struct field_bounds bounds = { low, high };
	if (field->min == 0 && field->max == 0)
		return bounds;
	if (field->min > low)
		bounds.min = field->min;
	if (field->max >= field->min && field->max < high)
		bounds.max = field->max;
	return bounds;
}

int field_check_bounds(const struct devbus_field *field, struct field_bounds bounds, double number,
	const char *what, const char *unit, struct devbus_error *ret_error)
{
	char text[JSON_NUMBER_SIZE], bound[JSON_NUMBER_SIZE];
	if (number >= bounds.min && number <= bounds.max)
		return 0;
	const bool above = number > bounds.max;
	json_number_print(number, text);
	json_number_print(above ? bounds.max : bounds.min, bound);
	const bool secret = field->flags & DEVBUS_SECRET;
	return field_refuse(ret_error, field, "%s%s is %s %s%s", secret ? "" : what,
		secret ? "the value" : text, above ? "above" : "below", bound, unit);
}

/* ---- describing */

/* Where empty means absent, to be absent is not a value. */
static bool initial_means_absent(const struct devbus_field *field)
{
	const char *text = field->initial_text;
	return field->flags & DEVBUS_OMIT_EMPTY && field->initial == 0 && (!text || !*text);
}

int field_describe_initial(
	const struct devbus_field *field, struct devbus_json *schema, struct devbus_json *initial)
{
	const bool told = !(field->flags & (DEVBUS_REQUIRED | DEVBUS_SECRET)) && !initial_means_absent(field);
	if (told || !initial)
		return devbus_json_set(schema, "default", initial);
	devbus_json_free(initial);
	return 0;
}
