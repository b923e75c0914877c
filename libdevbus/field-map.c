// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * Maps: what there can be any number of (sensors, ports, tenants) is an object by name and no array, because a JSON Merge Patch
 * (RFC 7396) reaches one member of an object, but can only replace an array as a whole.
 */
#include "field-type.h"

#include "error.h"
#include "topic.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static int check_name(const struct devbus_field *field, const char *name, struct devbus_error *ret_error)
{
	if (!(field->flags & DEVBUS_TOPIC_LEVEL) || topic_level_valid(name))
		return 0;
	return field_refuse(ret_error, field, "the name %s is not 1 to %d of a-z, 0-9, _ and -",
		field_quote(field, name).text, TOPIC_LEVEL_MAX);
}

/* @scratch is a struct of @field->each. */
static int check_member(const struct devbus_field *field, const struct devbus_json *member, void *scratch,
	struct devbus_error *ret_error)
{
	const char *name = devbus_json_name(member);
	struct devbus_error error;
	int r = check_name(field, name, ret_error);
	if (r < 0)
		return r;
	r = devbus_fields_read(field->each, member, scratch, &error);
	if (r == -EINVAL)
		error_set(ret_error, error.code, "%s.%s%s%s", field->name, name,
			devbus_json_type(member) == DEVBUS_JSON_OBJECT ? "." : ": ", error.message);
	if (r == 0)
		devbus_fields_clear(field->each, scratch);
	return r;
}

int field_map_check(
	const struct devbus_field *field, const struct devbus_json *json, struct devbus_error *ret_error)
{
	if (devbus_json_type(json) != DEVBUS_JSON_OBJECT)
		return field_refuse_type(field, "an object", json, ret_error);
	if (field->max > 0 && (double)devbus_json_count(json) > field->max)
		return field_refuse(ret_error, field, "has %zu members, more than %.0f",
			devbus_json_count(json), field->max);
	void *scratch = malloc(field->each_size);
	int r = scratch ? 0 : -ENOMEM;
	for (const struct devbus_json *i = devbus_json_first(json); r == 0 && i; i = devbus_json_next(i))
		r = check_member(field, i, scratch, ret_error);
	free(scratch);
	return r;
}

void field_map_strip(const struct devbus_field *field, struct devbus_json *json)
{
	for (struct devbus_json *i = devbus_json_first(json); i; i = devbus_json_next(i))
		for (const struct devbus_field *inner = field->each; inner->name; inner++)
			if (inner->flags & DEVBUS_SECRET)
				devbus_json_remove(i, inner->name);
			else if (inner->each)
				field_map_strip(inner, devbus_json_get(i, inner->name));
}

static int describe_names(const struct devbus_field *field, struct devbus_json *schema)
{
	char pattern[32];
	if (!(field->flags & DEVBUS_TOPIC_LEVEL))
		return 0;
	snprintf(pattern, sizeof(pattern), "^[a-z0-9_-]{1,%d}$", TOPIC_LEVEL_MAX);
	const int r = devbus_json_set(schema, "propertyNames", devbus_json_new_object());
	if (r < 0)
		return r;
	return devbus_json_set(
		devbus_json_get(schema, "propertyNames"), "pattern", devbus_json_new_string(pattern));
}

int field_map_describe(const struct devbus_field *field, struct devbus_json *schema)
{
	struct devbus_json *each;
	int r = devbus_fields_describe(field->each, &each);
	if (r < 0)
		return r;
	devbus_json_remove(each, "$schema");
	r = devbus_json_set(schema, "type", devbus_json_new_string("object"));
	const int set = devbus_json_set(schema, "additionalProperties", each);
	if (r == 0)
		r = set;
	if (r == 0 && field->max > 0)
		r = devbus_json_set(schema, "maxProperties", devbus_json_new_number(field->max));
	return r < 0 ? r : describe_names(field, schema);
}
