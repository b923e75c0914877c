// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * One table describes a C struct, and that table reads, writes, checks and documents it:
 *
 *	struct set { uint32_t percent; char mode[16]; };
 *	static const struct devbus_field set_fields[] = {
 *		DEVBUS_FIELD(struct set, percent, .max = 100, .flags = DEVBUS_REQUIRED),
 *		DEVBUS_FIELD(struct set, mode, .initial_text = "auto"),
 *		{ 0 },
 *	};
 *
 * The JSON type is taken from the C member, so that a member of a type that cannot travel does not
 * compile. Tables end with { 0 } and are borrowed for as long as they are registered.
 */
#ifndef DEVBUS_FIELD_H
#define DEVBUS_FIELD_H

#include <devbus/json.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum devbus_field_type {
	DEVBUS_FIELD_END = 0,
	DEVBUS_FIELD_BOOL, /* bool */
	DEVBUS_FIELD_INT32, /* int32_t */
	DEVBUS_FIELD_UINT32, /* uint32_t */
	DEVBUS_FIELD_INT64, /* int64_t; -2^53 .. 2^53, what every JSON reader keeps exactly (RFC 8259 6) */
	DEVBUS_FIELD_UINT64, /* uint64_t; 0 .. 2^53 */
	DEVBUS_FIELD_DOUBLE, /* double; finite */
	DEVBUS_FIELD_STRING, /* char[N]: at most N-1 bytes of UTF-8 and a NUL */
	DEVBUS_FIELD_JSON, /* struct devbus_json *: any value, owned by the struct */
};

enum devbus_field_flags {
	DEVBUS_REQUIRED = 1 << 0, /* must be there when read */
	DEVBUS_OMIT_EMPTY = 1 << 1, /* not written when it is 0, false, "" or NULL */
	DEVBUS_TOPIC_LEVEL = 1 << 2, /* a string of [a-z0-9_-]{1,64} (protocol 1.3), or "" when optional */
	DEVBUS_SECRET = 1 << 3, /* never written, shown or logged */
};

struct devbus_field {
	const char *name; /* of the C member and of the JSON member */
	enum devbus_field_type type;
	uint32_t offset; /* of the member in the struct, in bytes */
	uint32_t size; /* of the member, in bytes */
	unsigned flags; /* of enum devbus_field_flags */
	double min, max; /* numbers: smallest and largest value; strings: length in bytes.
					 * both 0: whatever the type holds */
	double initial; /* value of an absent number or boolean */
	const char *initial_text; /* value of an absent string; NULL: "" */
	const char *const *choices; /* strings: the allowed values, ended by NULL; NULL: any */
	const char *description; /* one sentence for people, with the unit; may be NULL */
	/*
	 * JSON only, NULL: any value. Else a map: an object, each member of which is an object that fits this table;
	 * with DEVBUS_TOPIC_LEVEL their names are topic levels; @max is how many there may be (0: any number). Absent is empty.
	 * The value is checked and copied as a whole; walk it with devbus_json_first() and devbus_fields_read().
	 */
	const struct devbus_field *each;
	uint32_t each_size; /* sizeof the struct that @each describes */
};

#define DEVBUS_FIELD(struct_type, member, ...)                                                               \
	{                                                                                                    \
		.name = #member, .type = DEVBUS_FIELD_TYPE(((struct_type *)0)->member),                      \
		.offset = offsetof(struct_type, member), .size = sizeof(((struct_type *)0)->member),         \
		__VA_ARGS__                                                                                  \
	}

/* The inner choice tells an array, which may travel, from a pointer, which may not: that does not compile. */
#define DEVBUS_FIELD_TYPE(member)                                                                            \
	_Generic((member),                                                                                   \
		bool: DEVBUS_FIELD_BOOL,                                                                     \
		int32_t: DEVBUS_FIELD_INT32,                                                                 \
		uint32_t: DEVBUS_FIELD_UINT32,                                                               \
		int64_t: DEVBUS_FIELD_INT64,                                                                 \
		uint64_t: DEVBUS_FIELD_UINT64,                                                               \
		double: DEVBUS_FIELD_DOUBLE,                                                                 \
		char *: DEVBUS_FIELD_STRING + 0 * sizeof(char[_Generic(&(member), char **: -1, default: 1)]), \
		struct devbus_json *: DEVBUS_FIELD_JSON)

/*
 * Fills *@value from @object: absent members get their initial value, members that the table does not know are
 * ignored (protocol 2.1), a member that is wrong is named in @ret_error (may be NULL; "invalid-args"). What
 * JSON members of the struct held before is not freed; the caller frees what was read with
 * devbus_fields_clear(). Nothing is left allocated on failure, and *@value is then undefined.
 * @fields may be NULL (no fields). Returns 0, -EINVAL (a member is wrong or missing) or -ENOMEM.
 */
int devbus_fields_read(const struct devbus_field *fields, const struct devbus_json *object, void *value,
	struct devbus_error *ret_error);

/*
 * A new object from *@value, owned by the caller. Secrets are left out; strings are made UTF-8, as by
 * devbus_json_new_string(). Returns 0, -ENOMEM, or -EINVAL when a value cannot travel (not finite, past 2^53, a
 * string without a NUL).
 */
int devbus_fields_write(
	const struct devbus_field *fields, const void *value, struct devbus_json **ret_object);

/* Gives every member its initial value; JSON members become NULL. */
void devbus_fields_initial(const struct devbus_field *fields, void *value);

/* Frees the JSON members of *@value and sets them to NULL. */
void devbus_fields_clear(const struct devbus_field *fields, void *value);

/* The table as a JSON Schema (2020-12) object, owned by the caller. Returns 0 or -ENOMEM. */
int devbus_fields_describe(const struct devbus_field *fields, struct devbus_json **ret_schema);

#ifdef __cplusplus
}
#endif
#endif
