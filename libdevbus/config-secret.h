// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* Members of a section that are published by nobody (DEVBUS_SECRET): what stands in their place, and where they come from. */
#ifndef DEVBUS_INTERNAL_CONFIG_SECRET_H
#define DEVBUS_INTERNAL_CONFIG_SECRET_H

#include <devbus/field.h>

/* What a published section has in place of a secret that is set (protocol 7.5). */
#define CONFIG_PLACEHOLDER "***"

/* Whether @values have the place of a secret, but not the secret. */
bool config_has_places(const struct devbus_field *fields, const struct devbus_json *values);

/* Puts the members of @secrets (may be NULL: none) in their places in @values; a place without one is removed. 0 or -ENOMEM. */
int config_fill_places(
	const struct devbus_field *fields, struct devbus_json *values, const struct devbus_json *secrets);

/*
 * A copy of the table, to be freed with free(), in which a required member that comes by a credential may be absent: `config` does not have
 * it and must not ask for it. Returns 0 or -ENOMEM.
 */
int config_own_table(const struct devbus_field *fields, struct devbus_field **ret_fields);

/*
 * Reads the secrets that @values do not have from systemd's credentials, if they are there, into *@value.
 * Returns 0, -ENOMEM, or -EINVAL with @ret_error, which names the file.
 */
int config_read_credentials(const struct devbus_field *fields, const struct devbus_json *values, void *value,
	struct devbus_error *ret_error);

#endif
