// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * Walks field tables. What a value may be is written once, in the table, and serves the wire, the settings
 * and the description, so that the three cannot disagree. All that depends on the type is in field-type.c.
 */
#include "field.h"

#include "error.h"
#include "field-type.h"

#include <errno.h>
#include <string.h>

/* A table ends with { 0 }, and no table at all is an empty one. */
static bool more(const struct devbus_field *field)
{
	return field && field->name;
}

static void *member_of(const struct devbus_field *field, void *value)
{
	return (char *)value + field->offset;
}

static const void *const_member_of(const struct devbus_field *field, const void *value)
{
	return (const char *)value + field->offset;
}

const struct devbus_field *field_find(const struct devbus_field *fields, const char *name)
{
	for (; more(fields); fields++)
		if (strcmp(fields->name, name) == 0)
			return fields;
	return NULL;
}

/* ---- values that a struct holds */

void devbus_fields_initial(const struct devbus_field *fields, void *value)
{
	for (; more(fields); fields++) {
		const struct field_type *type = field_type_of(fields);
		if (type)
			type->set_initial(fields, member_of(fields, value));
	}
}

void devbus_fields_clear(const struct devbus_field *fields, void *value)
{
	for (; more(fields); fields++) {
		if (fields->type != DEVBUS_FIELD_JSON || !field_type_of(fields))
			continue;
		struct devbus_json **json = member_of(fields, value);
		devbus_json_free(*json);
		*json = NULL;
	}
}

/* ---- reading */

static int refuse(const struct devbus_field *field, const char *problem, struct devbus_error *ret_error)
{
	error_set(ret_error, DEVBUS_E_INVALID_ARGS, "%s: %s", field->name, problem);
	return -EINVAL;
}

static int read_one(const struct devbus_field *field, const struct devbus_json *json, void *value,
	struct devbus_error *ret_error)
{
	const struct field_type *type = field_type_of(field);
	if (!type)
		return refuse(field, "the field table is wrong (type or size)", ret_error);
	if (json)
		return type->read(field, json, member_of(field, value), ret_error);
	return field->flags & DEVBUS_REQUIRED ? refuse(field, "is missing", ret_error) : 0;
}

int devbus_fields_read(const struct devbus_field *fields, const struct devbus_json *object, void *value,
	struct devbus_error *ret_error)
{
	int r = 0;
	if (object && devbus_json_type(object) != DEVBUS_JSON_OBJECT) {
		error_set(ret_error, DEVBUS_E_INVALID_ARGS, "an object is expected");
		return -EINVAL;
	}
	devbus_fields_initial(fields, value);
	for (const struct devbus_field *field = fields; r == 0 && more(field); field++)
		r = read_one(field, devbus_json_get(object, field->name), value, ret_error);
	if (r < 0)
		devbus_fields_clear(fields, value);
	return r;
}

int field_read_text(
	const struct devbus_field *field, const char *text, void *value, struct devbus_error *ret_error)
{
	const struct field_type *type = field_type_of(field);
	struct devbus_json *json = NULL, *old = NULL;
	if (!type)
		return refuse(field, "the field table is wrong (type or size)", ret_error);
	int r = type->from_text(field, text, &json, ret_error);
	if (r < 0)
		return r;
	if (field->type == DEVBUS_FIELD_JSON)
		old = *(struct devbus_json **)member_of(field, value);
	r = type->read(field, json, member_of(field, value), ret_error);
	if (r == 0)
		devbus_json_free(old);
	devbus_json_free(json);
	return r;
}

/* ---- writing */

static int write_one(const struct devbus_field *field, const void *value, struct devbus_json *object)
{
	const struct field_type *type = field_type_of(field);
	struct devbus_json *json = NULL;
	if (!type)
		return -EINVAL;
	const void *member = const_member_of(field, value);
	if (field->flags & DEVBUS_SECRET)
		return 0;
	if (field->flags & DEVBUS_OMIT_EMPTY && type->is_empty(field, member))
		return 0;
	const int r = type->write(field, member, &json);
	return r < 0 ? r : devbus_json_set(object, field->name, json);
}

int devbus_fields_write(const struct devbus_field *fields, const void *value, struct devbus_json **ret_object)
{
	struct devbus_json *object = devbus_json_new_object();
	int r = object ? 0 : -ENOMEM;
	for (; r == 0 && more(fields); fields++)
		r = write_one(fields, value, object);
	if (r < 0) {
		devbus_json_free(object);
		return r;
	}
	*ret_object = object;
	return 0;
}

/* ---- secrets */

bool field_has_secrets(const struct devbus_field *fields)
{
	for (; more(fields); fields++)
		if (fields->flags & DEVBUS_SECRET || field_has_secrets(fields->each))
			return true;
	return false;
}

int field_hide_secrets(const struct devbus_field *fields, struct devbus_json *object)
{
	int r = 0;

	for (; r == 0 && more(fields); fields++) {
		struct devbus_json *member = devbus_json_get(object, fields->name);

		if (!member)
			continue;
		if (fields->flags & DEVBUS_SECRET)
			r = devbus_json_set(object, fields->name, devbus_json_new_bool(true));
		else if (fields->each)
			for (member = devbus_json_first(member); r == 0 && member;
				member = devbus_json_next(member))
				r = field_hide_secrets(fields->each, member);
	}
	return r;
}

/* ---- describing */

static int describe_one(
	const struct devbus_field *field, const struct field_type *type, struct devbus_json *schema)
{
	int r = 0;
	if (type->schema_name)
		r = devbus_json_set(schema, "type", devbus_json_new_string(type->schema_name));
	if (r == 0 && field->description)
		r = devbus_json_set(schema, "description", devbus_json_new_string(field->description));
	if (r == 0 && field->flags & DEVBUS_SECRET)
		r = devbus_json_set(schema, "writeOnly", devbus_json_new_bool(true));
	return r < 0 ? r : type->describe(field, schema);
}

static int describe_into(
	const struct devbus_field *field, struct devbus_json *properties, struct devbus_json *required)
{
	const struct field_type *type = field_type_of(field);
	struct devbus_json *schema;
	if (!type)
		return -EINVAL;
	int r = devbus_json_set(properties, field->name, devbus_json_new_object());
	if (r < 0)
		return r;
	schema = devbus_json_get(properties, field->name);
	r = describe_one(field, type, schema);
	if (r == 0 && field->flags & DEVBUS_REQUIRED)
		r = devbus_json_append(required, devbus_json_new_string(field->name));
	return r;
}

/* The members that every description has; the two that are filled later are handed out, borrowed. */
static int describe_frame(
	struct devbus_json *schema, struct devbus_json **ret_properties, struct devbus_json **ret_required)
{
	int r = devbus_json_set(
		schema, "$schema", devbus_json_new_string("https://json-schema.org/draft/2020-12/schema"));
	if (r == 0)
		r = devbus_json_set(schema, "type", devbus_json_new_string("object"));
	if (r == 0)
		r = devbus_json_set(schema, "properties", devbus_json_new_object());
	if (r == 0)
		r = devbus_json_set(schema, "required", devbus_json_new_array());
	*ret_properties = devbus_json_get(schema, "properties");
	*ret_required = devbus_json_get(schema, "required");
	return r;
}

int devbus_fields_describe(const struct devbus_field *fields, struct devbus_json **ret_schema)
{
	struct devbus_json *schema = devbus_json_new_object(), *properties, *required;
	int r = schema ? describe_frame(schema, &properties, &required) : -ENOMEM;
	for (; r == 0 && more(fields); fields++)
		r = describe_into(fields, properties, required);
	if (r < 0) {
		devbus_json_free(schema);
		return r;
	}
	*ret_schema = schema;
	return 0;
}
