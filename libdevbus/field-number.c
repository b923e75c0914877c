// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * Numbers and booleans. A number passes through a double, as it does in most JSON readers, so that the
 * 64-bit types end at 2^53: what is past it would arrive changed at the other side.
 */
#include "field-type.h"

#include "json.h"

#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

/* Up to here each whole number is a double of its own (RFC 8259 section 6). */
#define EXACT_MAX 9007199254740992

static void store_bool(void *member, double number)
{
	*(bool *)member = number != 0;
}

static void store_int32(void *member, double number)
{
	*(int32_t *)member = (int32_t)number;
}

static void store_uint32(void *member, double number)
{
	*(uint32_t *)member = (uint32_t)number;
}

static void store_int64(void *member, double number)
{
	*(int64_t *)member = (int64_t)number;
}

static void store_uint64(void *member, double number)
{
	*(uint64_t *)member = (uint64_t)number;
}

static void store_double(void *member, double number)
{
	*(double *)member = number;
}

static double load_bool(const void *member)
{
	return *(const bool *)member;
}

static double load_int32(const void *member)
{
	return *(const int32_t *)member;
}

static double load_uint32(const void *member)
{
	return *(const uint32_t *)member;
}

/* Compared as an integer: as a double, 2^53 + 1 would have become 2^53 already. */
static double load_int64(const void *member)
{
	const int64_t number = *(const int64_t *)member;
	return number >= -EXACT_MAX && number <= EXACT_MAX ? (double)number : INFINITY;
}

static double load_uint64(const void *member)
{
	const uint64_t number = *(const uint64_t *)member;
	return number <= EXACT_MAX ? (double)number : INFINITY;
}

static double load_double(const void *member)
{
	return *(const double *)member;
}

/*
 * An initial value may lie outside of the bounds (0 for "not given"), but not outside of what C can
 * convert.
 */
static void set_initial_number(const struct devbus_field *field, void *member)
{
	const struct field_type *type = field_type_of(field);
	double number = field->initial;
	if (!(number >= type->low))
		number = type->low;
	if (number > type->high)
		number = type->high;
	type->store(member, number);
}

static bool is_empty_number(const struct devbus_field *field, const void *member)
{
	return field_type_of(field)->load(member) == 0;
}

static int read_number(const struct devbus_field *field, const struct devbus_json *json, void *member,
	struct devbus_error *ret_error)
{
	const struct field_type *type = field_type_of(field);
	char text[JSON_NUMBER_SIZE];
	double number;
	if (devbus_json_number(json, &number) < 0)
		return field_refuse_type(field, type->whole ? "a whole number" : "a number", json, ret_error);
	const int r = field_check_bounds(
		field, field_bounds_of(field, type->low, type->high), number, "", "", ret_error);
	if (r < 0)
		return r;
	if (type->whole && (double)(int64_t)number != number) {
		json_number_print(number, text);
		return field_refuse(ret_error, field, "%s is not a whole number",
			field->flags & DEVBUS_SECRET ? "the value" : text);
	}
	type->store(member, number);
	return 0;
}

static int write_number(const struct devbus_field *field, const void *member, struct devbus_json **ret_json)
{
	const double number = field_type_of(field)->load(member);
	return isfinite(number) ? field_made(devbus_json_new_number(number), ret_json) : -EINVAL;
}

static int number_from_text(const struct devbus_field *field, const char *text, struct devbus_json **ret_json,
	struct devbus_error *ret_error)
{
	struct devbus_json *json = NULL;
	struct devbus_error error = { 0 };
	int r = devbus_json_parse(text, strlen(text), &json, &error);
	if (r == -ENOMEM)
		return r;
	if (r < 0 || devbus_json_type(json) != DEVBUS_JSON_NUMBER) {
		devbus_json_free(json);
		return field_refuse(ret_error, field, "%s is not a number", field_quote(field, text).text);
	}
	*ret_json = json;
	return 0;
}

static int describe_bound(struct devbus_json *schema, const char *name, double bound, bool told)
{
	return told ? devbus_json_set(schema, name, devbus_json_new_number(bound)) : 0;
}

static int describe_number(const struct devbus_field *field, struct devbus_json *schema)
{
	const struct field_type *type = field_type_of(field);
	const struct field_bounds bounds = field_bounds_of(field, type->low, type->high);
	int r = describe_bound(schema, "minimum", bounds.min, bounds.min > -DBL_MAX);
	if (r == 0)
		r = describe_bound(schema, "maximum", bounds.max, bounds.max < DBL_MAX);
	return r < 0 ? r : field_describe_initial(field, schema, devbus_json_new_number(field->initial));
}

/* ---- booleans */

static int read_bool(const struct devbus_field *field, const struct devbus_json *json, void *member,
	struct devbus_error *ret_error)
{
	if (devbus_json_bool(json, member) < 0)
		return field_refuse_type(field, "true or false", json, ret_error);
	return 0;
}

static int write_bool(const struct devbus_field *field, const void *member, struct devbus_json **ret_json)
{
	(void)field;
	return field_made(devbus_json_new_bool(load_bool(member) != 0), ret_json);
}

static int bool_from_text(const struct devbus_field *field, const char *text, struct devbus_json **ret_json,
	struct devbus_error *ret_error)
{
	static const struct {
		const char *word;
		bool yes;
	} words[] = {
		{ "true", true },
		{ "false", false },
		{ "yes", true },
		{ "no", false },
		{ "on", true },
		{ "off", false },
		{ "1", true },
		{ "0", false },
	};
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(text, words[i].word) == 0)
			return field_made(devbus_json_new_bool(words[i].yes), ret_json);
	return field_refuse(ret_error, field, "%s is neither true nor false", field_quote(field, text).text);
}

static int describe_bool(const struct devbus_field *field, struct devbus_json *schema)
{
	return field_describe_initial(field, schema, devbus_json_new_bool(field->initial != 0));
}

/* ---- the rows */

#define NUMBER_FUNCTIONS                                                                                     \
	.set_initial = set_initial_number, .is_empty = is_empty_number, .read = read_number,                 \
	.write = write_number, .from_text = number_from_text, .describe = describe_number

const struct field_type field_numbers[] = {
	[DEVBUS_FIELD_BOOL] = {
		.size = sizeof(bool), .schema_name = "boolean", .low = 0, .high = 1,
		.store = store_bool, .load = load_bool,
		.set_initial = set_initial_number, .is_empty = is_empty_number, .read = read_bool, .write = write_bool,
		.from_text = bool_from_text, .describe = describe_bool,
	},
	[DEVBUS_FIELD_INT32] = {
		.size = sizeof(int32_t), .schema_name = "integer", .low = INT32_MIN, .high = INT32_MAX, .whole = true,
		.store = store_int32, .load = load_int32, NUMBER_FUNCTIONS,
	},
	[DEVBUS_FIELD_UINT32] = {
		.size = sizeof(uint32_t), .schema_name = "integer", .low = 0, .high = UINT32_MAX, .whole = true,
		.store = store_uint32, .load = load_uint32, NUMBER_FUNCTIONS,
	},
	[DEVBUS_FIELD_INT64] = {
		.size = sizeof(int64_t), .schema_name = "integer", .low = -EXACT_MAX, .high = EXACT_MAX, .whole = true,
		.store = store_int64, .load = load_int64, NUMBER_FUNCTIONS,
	},
	[DEVBUS_FIELD_UINT64] = {
		.size = sizeof(uint64_t), .schema_name = "integer", .low = 0, .high = EXACT_MAX, .whole = true,
		.store = store_uint64, .load = load_uint64, NUMBER_FUNCTIONS,
	},
	[DEVBUS_FIELD_DOUBLE] = {
		.size = sizeof(double), .schema_name = "number", .low = -DBL_MAX, .high = DBL_MAX,
		.store = store_double, .load = load_double, NUMBER_FUNCTIONS,
	},
};
