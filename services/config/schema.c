// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* One row per word: what it must look like in a schema, and how it judges a value. */
#include "schema.h"
#include "shape.h"

#include <errno.h>
#include <math.h>
#include <regex.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define PATH_SIZE 160

/* Where we are in the value ("a.b"), and where a complaint goes. */
struct place {
	const char *path;
	struct devbus_error *error;
};

static int complain(const struct place *place, const char *format, ...) __attribute__((format(printf, 2, 3)));

static int complain(const struct place *place, const char *format, ...)
{
	int length = 0;
	va_list arguments;

	if (!place->error)
		return -EINVAL;
	snprintf(place->error->code, sizeof place->error->code, "%s", DEVBUS_E_INVALID_ARGS);
	length = snprintf(place->error->message, sizeof place->error->message, "%s ",
		place->path[0] ? place->path : "the section");
	va_start(arguments, format);
	vsnprintf(place->error->message + length, sizeof place->error->message - (size_t)length, format,
		arguments);
	va_end(arguments);
	return -EINVAL;
}

static int check_value(
	const struct devbus_json *schema, const struct devbus_json *value, const struct place *place);

/* ---- the words; @limit is the word's own value in @schema */

static double number_of(const struct devbus_json *value)
{
	double number = 0;

	devbus_json_number(value, &number);
	return number;
}

static bool has_type(const struct devbus_json *value, const char *type)
{
	static const struct name {
		const char *word;
		enum devbus_json_type type;
	} names[] = {
		{ "null", DEVBUS_JSON_NULL },
		{ "boolean", DEVBUS_JSON_BOOL },
		{ "number", DEVBUS_JSON_NUMBER },
		{ "string", DEVBUS_JSON_STRING },
		{ "array", DEVBUS_JSON_ARRAY },
		{ "object", DEVBUS_JSON_OBJECT },
	};

	if (strcmp(type, "integer") == 0)
		return devbus_json_type(value) == DEVBUS_JSON_NUMBER &&
		       floor(number_of(value)) == number_of(value);
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (strcmp(type, names[i].word) == 0)
			return devbus_json_type(value) == names[i].type;
	return false;
}

static int check_type(const struct devbus_json *limit, const struct devbus_json *schema,
	const struct devbus_json *value, const struct place *place)
{
	(void)schema;
	if (has_type(value, devbus_json_string(limit)))
		return 0;
	return complain(place, "must be of type %s", devbus_json_string(limit));
}

static int check_minimum(const struct devbus_json *limit, const struct devbus_json *schema,
	const struct devbus_json *value, const struct place *place)
{
	double number;

	(void)schema;
	if (devbus_json_number(value, &number) < 0 || number >= number_of(limit))
		return 0;
	return complain(place, "is %.15g, below the minimum of %.15g", number, number_of(limit));
}

static int check_maximum(const struct devbus_json *limit, const struct devbus_json *schema,
	const struct devbus_json *value, const struct place *place)
{
	double number;

	(void)schema;
	if (devbus_json_number(value, &number) < 0 || number <= number_of(limit))
		return 0;
	return complain(place, "is %.15g, above the maximum of %.15g", number, number_of(limit));
}

static int check_min_length(const struct devbus_json *limit, const struct devbus_json *schema,
	const struct devbus_json *value, const struct place *place)
{
	const char *text = devbus_json_string(value);

	(void)schema;
	if (!text || (double)strlen(text) >= number_of(limit))
		return 0;
	return complain(place, "is shorter than %.15g bytes", number_of(limit));
}

static int check_max_length(const struct devbus_json *limit, const struct devbus_json *schema,
	const struct devbus_json *value, const struct place *place)
{
	const char *text = devbus_json_string(value);

	(void)schema;
	if (!text || (double)strlen(text) <= number_of(limit))
		return 0;
	return complain(place, "is longer than %.15g bytes", number_of(limit));
}

static int check_enum(const struct devbus_json *limit, const struct devbus_json *schema,
	const struct devbus_json *value, const struct place *place)
{
	(void)schema;
	for (const struct devbus_json *i = devbus_json_first(limit); i; i = devbus_json_next(i))
		if (devbus_json_equal(i, value))
			return 0;
	return complain(place, "is none of the allowed values");
}

static int check_pattern(const struct devbus_json *limit, const struct devbus_json *schema,
	const struct devbus_json *value, const struct place *place)
{
	const char *text = devbus_json_string(value), *pattern = devbus_json_string(limit);
	regex_t expression;

	(void)schema;
	if (!text)
		return 0;
	if (regcomp(&expression, pattern, REG_EXTENDED | REG_NOSUB) != 0)
		return -ENOMEM;
	int mismatch = regexec(&expression, text, 0, NULL, 0);

	regfree(&expression);
	return mismatch ? complain(place, "does not match %s", pattern) : 0;
}

/* @place one member further in; the path is kept in @path. */
static struct place below(const struct place *place, const char *name, char path[PATH_SIZE])
{
	snprintf(path, PATH_SIZE, "%s%s%s", place->path, place->path[0] ? "." : "", name);
	return (struct place) { path, place->error };
}

/* In JSON Schema these words say nothing of an array. Here they do: a secret could hide in one, where no schema can point it out. */
static int check_object(const struct devbus_json *value, const struct place *place)
{
	return has_type(value, "object") ? 0 : complain(place, "must be of type object");
}

static int check_properties(const struct devbus_json *limit, const struct devbus_json *schema,
	const struct devbus_json *value, const struct place *place)
{
	int r = check_object(value, place);

	(void)schema;
	for (struct devbus_json *i = devbus_json_first(limit); r == 0 && i; i = devbus_json_next(i)) {
		const struct devbus_json *member = devbus_json_get(value, devbus_json_name(i));
		char path[PATH_SIZE];
		struct place inside = below(place, devbus_json_name(i), path);

		if (member)
			r = check_value(i, member, &inside);
	}
	return r;
}

static int check_required(const struct devbus_json *limit, const struct devbus_json *schema,
	const struct devbus_json *value, const struct place *place)
{
	(void)schema;
	if (devbus_json_type(value) != DEVBUS_JSON_OBJECT)
		return 0;
	for (const struct devbus_json *i = devbus_json_first(limit); i; i = devbus_json_next(i))
		if (!devbus_json_get(value, devbus_json_string(i)))
			return complain(place, "lacks the member %s", devbus_json_string(i));
	return 0;
}

static int check_additional(const struct devbus_json *limit, const struct devbus_json *schema,
	const struct devbus_json *value, const struct place *place)
{
	const struct devbus_json *known = devbus_json_get(schema, "properties");
	bool allowed = devbus_json_type(limit) == DEVBUS_JSON_OBJECT;
	int r = check_object(value, place);

	devbus_json_bool(limit, &allowed);
	for (struct devbus_json *i = devbus_json_first(value); r == 0 && i; i = devbus_json_next(i)) {
		char path[PATH_SIZE];
		struct place inside = below(place, devbus_json_name(i), path);

		if (known && devbus_json_get(known, devbus_json_name(i)))
			continue;
		r = allowed ? check_value(limit, i, &inside)
			    : complain(&inside, "is not a member of this section");
	}
	return r;
}

static int check_names(const struct devbus_json *limit, const struct devbus_json *schema,
	const struct devbus_json *value, const struct place *place)
{
	int r = 0;

	(void)schema;
	if (devbus_json_type(value) != DEVBUS_JSON_OBJECT)
		return 0;
	for (struct devbus_json *i = devbus_json_first(value); r == 0 && i; i = devbus_json_next(i)) {
		struct devbus_json *name = devbus_json_new_string(devbus_json_name(i));
		char path[PATH_SIZE];
		struct place inside = below(place, devbus_json_name(i), path);

		r = name ? check_value(limit, name, &inside) : -ENOMEM;
		devbus_json_free(name);
	}
	return r;
}

static int check_max_members(const struct devbus_json *limit, const struct devbus_json *schema,
	const struct devbus_json *value, const struct place *place)
{
	(void)schema;
	if (devbus_json_type(value) != DEVBUS_JSON_OBJECT ||
		(double)devbus_json_count(value) <= number_of(limit))
		return 0;
	return complain(place, "has more than %.15g members", number_of(limit));
}

/* ---- whether the words themselves are well formed */

static bool is_bool_or_schema(const struct devbus_json *limit)
{
	return devbus_json_type(limit) == DEVBUS_JSON_BOOL || schema_usable(limit, NULL) == 0;
}

static bool is_schema(const struct devbus_json *limit)
{
	return schema_usable(limit, NULL) == 0;
}

typedef int check_word(const struct devbus_json *limit, const struct devbus_json *schema,
	const struct devbus_json *value, const struct place *place);

static const struct word {
	const char *name;
	bool (*usable)(const struct devbus_json *limit); /* NULL: any value */
	check_word *check; /* NULL: it only explains */
} words[] = {
	{ "type", shape_type, check_type }, { "minimum", shape_number, check_minimum },
	{ "maximum", shape_number, check_maximum }, { "minLength", shape_number, check_min_length },
	{ "maxLength", shape_number, check_max_length }, { "enum", shape_list, check_enum },
	{ "pattern", shape_pattern, check_pattern }, { "properties", shape_object, check_properties },
	{ "required", shape_name_list, check_required }, { "maxProperties", shape_number, check_max_members },
	{ "propertyNames", is_schema, check_names },
	{ "additionalProperties", is_bool_or_schema, check_additional }, { "$schema", NULL, NULL },
	{ "$id", NULL, NULL }, { "$comment", NULL, NULL }, { "title", NULL, NULL },
	{ "description", NULL, NULL }, { "default", NULL, NULL }, { "examples", NULL, NULL },
	{ "deprecated", NULL, NULL }, { "readOnly", NULL, NULL },
	{ "writeOnly", shape_bool, NULL }, /* mask.h */
};

static const struct word *find_word(const char *name)
{
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		if (strcmp(words[i].name, name) == 0)
			return &words[i];
	return NULL;
}

static int refuse(struct devbus_error *ret_error, const char *problem, const char *name)
{
	if (ret_error) {
		snprintf(ret_error->code, sizeof ret_error->code, "%s", DEVBUS_E_INCOMPATIBLE);
		snprintf(ret_error->message, sizeof ret_error->message, "%s \"%.64s\"", problem, name);
	}
	return -EINVAL;
}

int schema_usable(const struct devbus_json *schema, struct devbus_error *ret_error)
{
	int r = 0;

	if (devbus_json_type(schema) != DEVBUS_JSON_OBJECT)
		return refuse(ret_error, "a schema must be an object, as of the word", "properties");
	for (const struct devbus_json *i = devbus_json_first(schema); i; i = devbus_json_next(i)) {
		const struct word *word = find_word(devbus_json_name(i));

		if (!word)
			return refuse(ret_error, "cannot check the word", devbus_json_name(i));
		if (word->usable && !word->usable(i))
			return refuse(ret_error, "cannot use the value of the word", word->name);
	}
	const struct devbus_json *members = devbus_json_get(schema, "properties");

	for (struct devbus_json *i = devbus_json_first(members); r == 0 && i; i = devbus_json_next(i))
		r = schema_usable(i, ret_error);
	return r;
}

static int check_value(
	const struct devbus_json *schema, const struct devbus_json *value, const struct place *place)
{
	bool secret = false;
	int r = 0;

	/* In the table's order: a wrong type is the complaint that explains the others. */
	for (size_t i = 0; r == 0 && i < sizeof words / sizeof words[0]; i++) {
		const struct devbus_json *limit = devbus_json_get(schema, words[i].name);

		if (limit && words[i].check)
			r = words[i].check(limit, schema, value, place);
	}
	/* What is wrong with it would tell what it is. */
	devbus_json_bool(devbus_json_get(schema, "writeOnly"), &secret);
	return r == -EINVAL && secret ? complain(place, "is not what its schema allows; its value is secret")
				      : r;
}

int schema_check(
	const struct devbus_json *schema, const struct devbus_json *value, struct devbus_error *ret_error)
{
	const struct place top = { "", ret_error };

	return check_value(schema, value, &top);
}
