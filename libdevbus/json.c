// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * The only file that knows cJSON: a struct devbus_json is a cJSON behind a cast, which costs nothing and
 * lets the library behind it be another one some day. What keeps everyone else's code simple is kept here:
 * names are unique and match by exact case, only members have names, all text is UTF-8, and every number
 * is finite.
 */
#include "json.h"

#include "error.h"
#include "utf8.h"

#include <cJSON.h>
#include <errno.h>
#include <math.h>
#include <string.h>

static struct devbus_json *wrap(cJSON *item)
{
	return (struct devbus_json *)item;
}

static cJSON *unwrap(const struct devbus_json *value)
{
	return (cJSON *)value;
}

void *json_allocate(size_t size)
{
	return cJSON_malloc(size);
}

void json_release(void *memory)
{
	cJSON_free(memory);
}

/* ---- text to value */

/* cJSON sees exactly the value: trailing white space would make it misjudge where the text ends. */
static int build(const char *text, size_t size, cJSON **ret_item, struct devbus_error *ret_error)
{
	const char *end = NULL;
	cJSON *item = cJSON_ParseWithLengthOpts(text, size, &end, false);
	if (!item)
		return -ENOMEM;
	if (end != text + size) {
		cJSON_Delete(item);
		error_set(ret_error, DEVBUS_E_MALFORMED, "trailing bytes");
		return -EBADMSG;
	}
	*ret_item = item;
	return 0;
}

int devbus_json_parse(
	const void *text, size_t size, struct devbus_json **ret_value, struct devbus_error *ret_error)
{
	struct json_extent extent;
	cJSON *item = NULL;
	int r = json_scan(text, size, &extent, ret_error);
	if (r == 0)
		r = build((const char *)text + extent.begin, extent.end - extent.begin, &item, ret_error);
	if (r == 0)
		r = json_check_duplicates(wrap(item), ret_error);
	if (r < 0) {
		cJSON_Delete(item);
		return r;
	}
	*ret_value = wrap(item);
	return 0;
}

/* ---- whole values */

void devbus_json_free(struct devbus_json *value)
{
	cJSON_Delete(unwrap(value));
}

static void drop_name(cJSON *item)
{
	cJSON_free(item->string);
	item->string = NULL;
}

struct devbus_json *devbus_json_copy(const struct devbus_json *value)
{
	cJSON *item = cJSON_Duplicate(unwrap(value), true);
	if (item)
		drop_name(item);
	return wrap(item);
}

struct devbus_json *devbus_json_new_object(void)
{
	return wrap(cJSON_CreateObject());
}

struct devbus_json *devbus_json_new_array(void)
{
	return wrap(cJSON_CreateArray());
}

struct devbus_json *devbus_json_new_string(const char *text)
{
	cJSON *item = cJSON_CreateString(text);
	if (item)
		utf8_clean(item->valuestring);
	return wrap(item);
}

struct devbus_json *devbus_json_new_number(double number)
{
	return wrap(isfinite(number) ? cJSON_CreateNumber(number) : cJSON_CreateNull());
}

struct devbus_json *devbus_json_new_bool(bool yes)
{
	return wrap(cJSON_CreateBool(yes));
}

struct devbus_json *devbus_json_new_null(void)
{
	return wrap(cJSON_CreateNull());
}

/* ---- changing */

/*
 * The old member's name is handed on, so that replacing needs no memory and @name may belong to the old
 * member.
 */
static void replace(cJSON *object, cJSON *old, cJSON *item)
{
	drop_name(item);
	item->string = old->string;
	old->string = NULL;
	cJSON_ReplaceItemViaPointer(object, old, item);
}

int json_add(struct devbus_json *object, const char *name, struct devbus_json *value)
{
	int r = 0;
	if (!value)
		return -ENOMEM;
	if (!cJSON_IsObject(unwrap(object)) || !name || !utf8_valid(name, strlen(name)))
		r = -EINVAL;
	else if (!cJSON_AddItemToObject(unwrap(object), name, unwrap(value)))
		r = -ENOMEM;
	if (r < 0)
		devbus_json_free(value);
	return r;
}

int devbus_json_set(struct devbus_json *object, const char *name, struct devbus_json *value)
{
	cJSON *old = unwrap(devbus_json_get(object, name));
	if (!old || !value)
		return json_add(object, name, value);
	replace(unwrap(object), old, unwrap(value));
	return 0;
}

int devbus_json_append(struct devbus_json *array, struct devbus_json *value)
{
	if (!value)
		return -ENOMEM;
	if (!cJSON_IsArray(unwrap(array)) || !cJSON_AddItemToArray(unwrap(array), unwrap(value))) {
		devbus_json_free(value);
		return -EINVAL;
	}
	return 0;
}

void devbus_json_remove(struct devbus_json *object, const char *name)
{
	struct devbus_json *member = devbus_json_get(object, name);
	if (member)
		devbus_json_free(wrap(cJSON_DetachItemViaPointer(unwrap(object), unwrap(member))));
}

/* ---- looking */

enum devbus_json_type devbus_json_type(const struct devbus_json *value)
{
	static const enum devbus_json_type types[] = {
		[cJSON_False] = DEVBUS_JSON_BOOL,
		[cJSON_True] = DEVBUS_JSON_BOOL,
		[cJSON_NULL] = DEVBUS_JSON_NULL,
		[cJSON_Number] = DEVBUS_JSON_NUMBER,
		[cJSON_String] = DEVBUS_JSON_STRING,
		[cJSON_Array] = DEVBUS_JSON_ARRAY,
		[cJSON_Object] = DEVBUS_JSON_OBJECT,
	};
	return value ? types[unwrap(value)->type & (2 * cJSON_Object - 1)] : DEVBUS_JSON_NULL;
}

struct devbus_json *devbus_json_get(const struct devbus_json *object, const char *name)
{
	if (!name || !cJSON_IsObject(unwrap(object)))
		return NULL;
	return wrap(cJSON_GetObjectItemCaseSensitive(unwrap(object), name));
}

size_t devbus_json_count(const struct devbus_json *value)
{
	size_t count = 0;
	for (const struct devbus_json *item = devbus_json_first(value); item; item = devbus_json_next(item))
		count++;
	return count;
}

struct devbus_json *devbus_json_first(const struct devbus_json *value)
{
	return value ? wrap(unwrap(value)->child) : NULL;
}

struct devbus_json *devbus_json_next(const struct devbus_json *item)
{
	return item ? wrap(unwrap(item)->next) : NULL;
}

const char *devbus_json_name(const struct devbus_json *member)
{
	return member ? unwrap(member)->string : NULL;
}

const char *devbus_json_string(const struct devbus_json *value)
{
	return cJSON_GetStringValue(unwrap(value));
}

int devbus_json_number(const struct devbus_json *value, double *ret_number)
{
	if (!cJSON_IsNumber(unwrap(value)))
		return -EINVAL;
	*ret_number = unwrap(value)->valuedouble;
	return 0;
}

int devbus_json_bool(const struct devbus_json *value, bool *ret_yes)
{
	if (!cJSON_IsBool(unwrap(value)))
		return -EINVAL;
	*ret_yes = cJSON_IsTrue(unwrap(value));
	return 0;
}
