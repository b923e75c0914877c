// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* What the files behind <devbus/json.h> share with each other and with the field tables. */
#ifndef DEVBUS_INTERNAL_JSON_H
#define DEVBUS_INTERNAL_JSON_H

#include <devbus/json.h>

/*
 * The longest number that is accepted, in bytes: some releases of cJSON read a number through a buffer of
 * 64 and take what does not fit for the next thing. RFC 8259 section 6 leaves the limit to the reader; a
 * double needs 24.
 */
#define JSON_NUMBER_LENGTH_MAX 63

/* Big enough for every number that json_number_print() writes, with its NUL. */
#define JSON_NUMBER_SIZE 32

/* Where in a text its value is, without the white space around it; @end is the first byte behind. */
struct json_extent {
	size_t begin, end;
};

/*
 * Checks @size bytes of @text for all that protocol 2.1 and RFC 8259 ask, except duplicate members.
 * Returns 0, or -EBADMSG with @ret_error (may be NULL) set.
 */
int json_scan(const char *text, size_t size, struct json_extent *ret_value, struct devbus_error *ret_error);

/* How many bytes at the beginning of @text stand for themselves in a JSON string and are ASCII; a NUL is none. */
size_t json_plain_length(const char *text, size_t size);

/* The shortest decimal text that reads back as @number, in any locale; "null" when it is not finite. */
void json_number_print(double number, char text[JSON_NUMBER_SIZE]);

/*
 * Looks for two members of one name, at any depth. Returns 0, -ENOMEM, or -EBADMSG with @ret_error (may be
 * NULL) set.
 */
int json_check_duplicates(const struct devbus_json *value, struct devbus_error *ret_error);

/*
 * devbus_json_set() for a @name that @object is known not to have, which saves looking through all its
 * members.
 */
int json_add(struct devbus_json *object, const char *name, struct devbus_json *value);

/* devbus_json_print() of a @value that is not needed any more: taken, also on failure. */
char *json_print_and_free(struct devbus_json *value);

/* Memory from where cJSON takes its own, so that one hook sees all of it. */
void *json_allocate(size_t size);
void json_release(void *memory);

#endif
