// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* Secrets in the values of a section: the members that its schema marks with writeOnly, at any depth (protocol 7.5). */
#ifndef DEVBUS_CONFIG_MASK_H
#define DEVBUS_CONFIG_MASK_H

#include <devbus/devbus.h>

/* A copy of @values as everyone may see it, with "***" for each secret. NULL: memory is short. */
struct devbus_json *mask_shown(const struct devbus_json *schema, const struct devbus_json *values);

/* A new object with the secrets of @values alone. NULL: memory is short. */
struct devbus_json *mask_secrets(const struct devbus_json *schema, const struct devbus_json *values);

/* Takes "***" out of the secrets of @patch: whoever sends back what was shown changes nothing. */
void mask_strip(const struct devbus_json *schema, struct devbus_json *patch);

#endif
