// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * JSON values as devbus accepts them: every text is checked once, strictly, when it is parsed
 * (protocol 2.1), and everyone behind that gets clean values. Most services never need this header's
 * functions: field tables (field.h) turn JSON into structs. It is for values whose shape is not
 * known at compile time, and for lists.
 *
 * Values are not locked: a value belongs to one thread at a time.
 */
#ifndef DEVBUS_JSON_H
#define DEVBUS_JSON_H

#include <devbus/error.h>
#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The deepest nesting of objects and arrays that is accepted, in levels (protocol 2.1). */
#define DEVBUS_JSON_DEPTH_MAX 32

/* One JSON value: an object, array, string, number, boolean or null. */
struct devbus_json;

enum devbus_json_type {
	DEVBUS_JSON_NULL,
	DEVBUS_JSON_BOOL,
	DEVBUS_JSON_NUMBER,
	DEVBUS_JSON_STRING,
	DEVBUS_JSON_ARRAY,
	DEVBUS_JSON_OBJECT,
};

/*
 * Parses @size bytes of UTF-8 (no terminating NUL needed) into a value that the caller owns.
 * Refused: trailing bytes, duplicate members, invalid UTF-8, \u0000 and lone surrogates, nesting past
 * DEVBUS_JSON_DEPTH_MAX, numbers that are not finite, integers that a double cannot hold exactly, and
 * whatever RFC 8259 does not allow. @ret_error (may be NULL) gets "malformed" and what is wrong, with
 * its byte offset.
 * Returns 0, -EBADMSG (refused) or -ENOMEM.
 */
int devbus_json_parse(
	const void *text, size_t size, struct devbus_json **ret_value, struct devbus_error *ret_error);

/* The value as compact JSON text; the caller frees it with free(). NULL when memory is short. */
char *devbus_json_print(const struct devbus_json *value);

/* Frees the value and all that is in it. NULL is fine. */
void devbus_json_free(struct devbus_json *value);

/* A deep copy that the caller owns; NULL when memory is short or @value is NULL. */
struct devbus_json *devbus_json_copy(const struct devbus_json *value);

/*
 * New values, owned by the caller; NULL when memory is short. Text may quote a program, a file or a device: '?' is put in place of each
 * byte that is not UTF-8, so that nobody's words can keep a value from being sent or saved.
 */
struct devbus_json *devbus_json_new_object(void);
struct devbus_json *devbus_json_new_array(void);
struct devbus_json *devbus_json_new_string(const char *text);
struct devbus_json *devbus_json_new_number(double number);
struct devbus_json *devbus_json_new_bool(bool yes);
struct devbus_json *devbus_json_new_null(void);

/*
 * Puts @value under @name (copied), in place of what was there. @value is taken, also on failure, so calls
 * nest: devbus_json_set(object, "name", devbus_json_new_string(text)). A NULL @value is reported
 * as -ENOMEM. Returns 0, -EINVAL (@object is no object) or -ENOMEM.
 */
int devbus_json_set(struct devbus_json *object, const char *name, struct devbus_json *value);

/* Appends @value to @array; @value is taken, also on failure. Returns 0, -EINVAL (no array) or -ENOMEM. */
int devbus_json_append(struct devbus_json *array, struct devbus_json *value);

/* Removes member @name from @object if it is there. */
void devbus_json_remove(struct devbus_json *object, const char *name);

enum devbus_json_type devbus_json_type(const struct devbus_json *value);

/* Member @name (exact case) of an object, borrowed until the object changes; NULL if absent or no object. */
struct devbus_json *devbus_json_get(const struct devbus_json *object, const char *name);

/* How many items an array, or members an object, has; 0 for anything else. */
size_t devbus_json_count(const struct devbus_json *value);

/* The first item of an array or member of an object, and the one after @item; NULL at the end. Borrowed. */
struct devbus_json *devbus_json_first(const struct devbus_json *value);
struct devbus_json *devbus_json_next(const struct devbus_json *item);

/* The name of a member of an object, borrowed; NULL for anything else. */
const char *devbus_json_name(const struct devbus_json *member);

/* The text of a string, borrowed; NULL for anything else (NULL included). */
const char *devbus_json_string(const struct devbus_json *value);

/* The number or boolean in @value. Returns 0, or -EINVAL for another type (NULL included). */
int devbus_json_number(const struct devbus_json *value, double *ret_number);
int devbus_json_bool(const struct devbus_json *value, bool *ret_yes);

/* Whether two values are the same: members in any order, numbers by value. NULL equals only NULL. */
bool devbus_json_equal(const struct devbus_json *a, const struct devbus_json *b);

/*
 * Applies a JSON Merge Patch (RFC 7396) to *@target, which may be NULL (absent) and may be replaced.
 * Returns 0 or -ENOMEM (*@target is then unchanged).
 */
int devbus_json_merge(struct devbus_json **target, const struct devbus_json *patch);

#ifdef __cplusplus
}
#endif
#endif
