// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * The part of JSON Schema (2020-12) that devbus_fields_describe() writes: type, minimum, maximum, minLength, maxLength,
 * enum, pattern, properties, required, additionalProperties. Lengths count bytes, as field tables do. A pattern is
 * a POSIX extended regular expression without escapes, which means the same in ECMA 262.
 *
 * JSON Schema lets a validator ignore words that it does not know. This one does not: a bound that is silently not
 * checked is worse than none, so a schema with an unknown word is refused as a whole.
 */
#ifndef DEVBUS_CONFIG_SCHEMA_H
#define DEVBUS_CONFIG_SCHEMA_H

#include <devbus/devbus.h>

/* Whether all of @schema can be checked. Returns 0 or -EINVAL; @ret_error ("incompatible") names the word. */
int schema_usable(const struct devbus_json *schema, struct devbus_error *ret_error);

/*
 * Checks @value against a usable @schema; @ret_error ("invalid-args") names the member and its bound.
 * Returns 0, -EINVAL or -ENOMEM (a pattern).
 */
int schema_check(
	const struct devbus_json *schema, const struct devbus_json *value, struct devbus_error *ret_error);

#endif
