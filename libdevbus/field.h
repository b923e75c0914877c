// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* What the settings need of the field tables beside <devbus/field.h>: one member at a time, from a text. */
#ifndef DEVBUS_INTERNAL_FIELD_H
#define DEVBUS_INTERNAL_FIELD_H

#include <devbus/field.h>

/* The row of @fields (may be NULL) for member @name, exact case, or NULL. */
const struct devbus_field *field_find(const struct devbus_field *fields, const char *name);

/* Whether any of @fields is secret, those of maps included. */
bool field_has_secrets(const struct devbus_field *fields);

/* Puts `true` in the place of each secret in @object, those in maps included. 0 or -ENOMEM. */
int field_hide_secrets(const struct devbus_field *fields, struct devbus_json *object);

/*
 * Sets the one member that @field describes in the struct at @value from a text as it stands in a settings
 * file, under the same bounds and with the same messages as devbus_fields_read(). Booleans are true/false,
 * yes/no, on/off, 1/0; numbers are written as in JSON; a string is the text itself; a JSON member takes
 * any JSON text, and what it held is freed.
 * Returns 0, -EINVAL (@ret_error, which may be NULL, names the member) or -ENOMEM; *@value is then
 * unchanged.
 */
int field_read_text(
	const struct devbus_field *field, const char *text, void *value, struct devbus_error *ret_error);

#endif
