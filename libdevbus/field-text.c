// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * Strings, and members of any JSON. A string is an array in the struct, not a pointer, so that a struct
 * can be copied and has nothing to free; therefore lengths are counted in bytes, of which a character may
 * take four.
 */
#include "field-type.h"

#include "topic.h"
#include "utf8.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* ---- strings */

static struct field_bounds length_bounds(const struct devbus_field *field)
{
	return field_bounds_of(field, 0, field->size - 1);
}

static void set_initial_string(const struct devbus_field *field, void *member)
{
	memset(member, 0, field->size);
	if (field->initial_text)
		snprintf(member, field->size, "%s", field->initial_text);
}

static bool is_empty_string(const struct devbus_field *field, const void *member)
{
	(void)field;
	return *(const char *)member == '\0';
}

static int refuse_choice(const struct devbus_field *field, const char *text, struct devbus_error *ret_error)
{
	char choices[160] = "";
	for (size_t i = 0; field->choices[i]; i++) {
		const size_t used = strlen(choices);
		snprintf(
			choices + used, sizeof(choices) - used, "%s%s", i > 0 ? ", " : "", field->choices[i]);
	}
	return field_refuse(ret_error, field, "%s is none of %s", field_quote(field, text).text, choices);
}

static int check_choice(const struct devbus_field *field, const char *text, struct devbus_error *ret_error)
{
	if (!field->choices)
		return 0;
	for (size_t i = 0; field->choices[i]; i++)
		if (strcmp(text, field->choices[i]) == 0)
			return 0;
	return refuse_choice(field, text, ret_error);
}

static int check_topic_level(
	const struct devbus_field *field, const char *text, struct devbus_error *ret_error)
{
	if (!(field->flags & DEVBUS_TOPIC_LEVEL) || topic_level_valid(text))
		return 0;
	if (!*text && !(field->flags & DEVBUS_REQUIRED))
		return 0;
	return field_refuse(ret_error, field, "%s is not 1 to %d of a-z, 0-9, _ and -",
		field_quote(field, text).text, TOPIC_LEVEL_MAX);
}

static int read_string(const struct devbus_field *field, const struct devbus_json *json, void *member,
	struct devbus_error *ret_error)
{
	const char *text = devbus_json_string(json);
	if (!text)
		return field_refuse_type(field, "a string", json, ret_error);
	const size_t length = strlen(text);
	int r = field_check_bounds(
		field, length_bounds(field), (double)length, "length ", " bytes", ret_error);
	if (r == 0)
		r = check_topic_level(field, text, ret_error);
	if (r == 0)
		r = check_choice(field, text, ret_error);
	if (r < 0)
		return r;
	memset(member, 0, field->size);
	memcpy(member, text, length);
	return 0;
}

static int write_string(const struct devbus_field *field, const void *member, struct devbus_json **ret_json)
{
	if (strnlen(member, field->size) == field->size)
		return -EINVAL;
	return field_made(devbus_json_new_string(member), ret_json);
}

static int string_from_text(const struct devbus_field *field, const char *text, struct devbus_json **ret_json,
	struct devbus_error *ret_error)
{
	if (!utf8_valid(text, strlen(text)))
		return field_refuse(ret_error, field, "is not UTF-8");
	return field_made(devbus_json_new_string(text), ret_json);
}

static int describe_choices(const struct devbus_field *field, struct devbus_json *schema)
{
	if (!field->choices)
		return 0;
	int r = devbus_json_set(schema, "enum", devbus_json_new_array());
	for (size_t i = 0; r == 0 && field->choices[i]; i++)
		r = devbus_json_append(
			devbus_json_get(schema, "enum"), devbus_json_new_string(field->choices[i]));
	return r;
}

static int describe_topic_level(const struct devbus_field *field, struct devbus_json *schema)
{
	char pattern[32];
	if (!(field->flags & DEVBUS_TOPIC_LEVEL))
		return 0;
	snprintf(pattern, sizeof(pattern), "^[a-z0-9_-]{%d,%d}$", field->flags & DEVBUS_REQUIRED ? 1 : 0,
		TOPIC_LEVEL_MAX);
	return devbus_json_set(schema, "pattern", devbus_json_new_string(pattern));
}

/*
 * JSON Schema counts characters. The bounds that are written never refuse what we take: as many characters
 * as bytes at most, a quarter at least.
 */
static int describe_length(const struct devbus_field *field, struct devbus_json *schema)
{
	const struct field_bounds bounds = length_bounds(field);
	const double least = (double)(((uint32_t)bounds.min + 3) / 4);
	int r = devbus_json_set(schema, "maxLength", devbus_json_new_number(bounds.max));
	if (r == 0 && least > 0)
		r = devbus_json_set(schema, "minLength", devbus_json_new_number(least));
	return r;
}

static int describe_string(const struct devbus_field *field, struct devbus_json *schema)
{
	int r = describe_length(field, schema);
	if (r == 0)
		r = describe_topic_level(field, schema);
	if (r == 0)
		r = describe_choices(field, schema);
	if (r < 0)
		return r;
	return field_describe_initial(
		field, schema, devbus_json_new_string(field->initial_text ? field->initial_text : ""));
}

const struct field_type field_string = {
	.schema_name = "string",
	.set_initial = set_initial_string,
	.is_empty = is_empty_string,
	.read = read_string,
	.write = write_string,
	.from_text = string_from_text,
	.describe = describe_string,
};

/* ---- any JSON */

static void set_initial_json(const struct devbus_field *field, void *member)
{
	(void)field;
	*(struct devbus_json **)member = NULL;
}

static bool is_empty_json(const struct devbus_field *field, const void *member)
{
	(void)field;
	return !*(struct devbus_json *const *)member;
}

static int copy_json(const struct devbus_json *json, struct devbus_json **ret_copy)
{
	return field_made(devbus_json_copy(json), ret_copy);
}

static int read_json(const struct devbus_field *field, const struct devbus_json *json, void *member,
	struct devbus_error *ret_error)
{
	const int r = field->each ? field_map_check(field, json, ret_error) : 0;
	return r < 0 ? r : copy_json(json, member);
}

static int write_json(const struct devbus_field *field, const void *member, struct devbus_json **ret_json)
{
	const struct devbus_json *json = *(struct devbus_json *const *)member;
	if (!json)
		return field_made(devbus_json_new_null(), ret_json);
	const int r = copy_json(json, ret_json);
	if (r == 0 && field->each)
		field_map_strip(field, *ret_json);
	return r;
}

static int json_from_text(const struct devbus_field *field, const char *text, struct devbus_json **ret_json,
	struct devbus_error *ret_error)
{
	struct devbus_error error = { 0 };
	const int r = devbus_json_parse(text, strlen(text), ret_json, &error);
	if (r != -EBADMSG)
		return r;
	if (field->flags & DEVBUS_SECRET)
		return field_refuse(ret_error, field, "is not JSON");
	return field_refuse(ret_error, field, "is not JSON: %s", error.message);
}

static int describe_json(const struct devbus_field *field, struct devbus_json *schema)
{
	return field->each ? field_map_describe(field, schema) : 0;
}

const struct field_type field_json = {
	.size = sizeof(struct devbus_json *),
	.set_initial = set_initial_json,
	.is_empty = is_empty_json,
	.read = read_json,
	.write = write_json,
	.from_text = json_from_text,
	.describe = describe_json,
};
