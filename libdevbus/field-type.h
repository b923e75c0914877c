// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * What a type of field can do: field.c walks tables of fields, field-number.c, field-text.c and field-map.c know the
 * types, and field-type.c holds what those share.
 */
#ifndef DEVBUS_INTERNAL_FIELD_TYPE_H
#define DEVBUS_INTERNAL_FIELD_TYPE_H

#include <devbus/field.h>

/* How much of a wrong value is quoted, in bytes, so that what is said about it still fits. */
#define FIELD_QUOTE_MAX 40

/*
 * One row per enum devbus_field_type. @member is the member itself, at field->offset of its struct. Every
 * function is there in every row, except where said. Results are 0 or a negative errno; nothing is changed
 * on failure.
 */
struct field_type {
	size_t size; /* of the C member, in bytes; 0: any from 1 on */
	const char *schema_name; /* "type" of JSON Schema; NULL: any */
	double low, high; /* what the type holds and JSON keeps exactly */
	bool whole;
	void (*store)(void *member, double number); /* numbers and booleans only */
	double (*load)(const void *member); /* the same; not finite: cannot travel */

	void (*set_initial)(const struct devbus_field *field, void *member);
	bool (*is_empty)(const struct devbus_field *field, const void *member);
	int (*read)(const struct devbus_field *field, const struct devbus_json *json, void *member,
		struct devbus_error *ret_error);
	int (*write)(const struct devbus_field *field, const void *member, struct devbus_json **ret_json);
	/* The JSON that @text stands for, so that the settings pass the same checks as the wire. */
	int (*from_text)(const struct devbus_field *field, const char *text, struct devbus_json **ret_json,
		struct devbus_error *ret_error);
	/* Adds the bounds, and for optional fields the initial value, to the field's own JSON Schema. */
	int (*describe)(const struct devbus_field *field, struct devbus_json *schema);
};

/* The row for @field; NULL when the table is wrong: no such type, or a size that the type cannot have. */
const struct field_type *field_type_of(const struct devbus_field *field);

extern const struct field_type field_numbers[]; /* by enum devbus_field_type, booleans and numbers only */
extern const struct field_type field_string;
extern const struct field_type field_json;

/* ---- what the types share */

/* Sets @ret_error to "member: ..." and returns -EINVAL. */
int field_refuse(struct devbus_error *ret_error, const struct devbus_field *field, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
int field_refuse_type(const struct devbus_field *field, const char *wanted, const struct devbus_json *json,
	struct devbus_error *ret_error);

/* @text in quotation marks, cut between two characters; of a secret, only "the value". */
struct field_quote {
	char text[FIELD_QUOTE_MAX + 8];
};
struct field_quote field_quote(const struct devbus_field *field, const char *text);

/* Hands out a new value; NULL means that memory was short. */
int field_made(struct devbus_json *json, struct devbus_json **ret_json);

/* The table's bounds within those of the type. A minimum alone (maximum 0, below it) leaves the top open. */
struct field_bounds {
	double min, max;
};
struct field_bounds field_bounds_of(const struct devbus_field *field, double low, double high);

/* 0 or -EINVAL; @what and @unit are put around the numbers in the message. */
int field_check_bounds(const struct devbus_field *field, struct field_bounds bounds, double number,
	const char *what, const char *unit, struct devbus_error *ret_error);

/* For fields with a table of their members (field->each): 0, -EINVAL or -ENOMEM. */
int field_map_check(
	const struct devbus_field *field, const struct devbus_json *json, struct devbus_error *ret_error);
/* Takes the secrets out of a map. */
void field_map_strip(const struct devbus_field *field, struct devbus_json *json);
int field_map_describe(const struct devbus_field *field, struct devbus_json *schema);

/*
 * Adds "default" where an absent member means something and may be shown. @initial is taken; NULL is
 * -ENOMEM.
 */
int field_describe_initial(
	const struct devbus_field *field, struct devbus_json *schema, struct devbus_json *initial);

#endif
