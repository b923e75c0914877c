// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * A service's section of the device's configuration: kept by the service `config`, changed at run time by the cloud (config/set), and
 * given to its owner as a struct.
 *
 *	static int on_limits(struct devbus *bus, const void *values, void *userdata)
 *	{
 *		const struct limits *limits = values;
 *
 *		if (limits->min_percent > limits->max_percent)
 *			return devbus_config_refuse(bus, "min_percent is above max_percent");
 *		*(struct limits *)userdata = *limits;
 *		return 0;
 *	}
 *
 * The service's answer is the device's: `config/set` succeeds when the owner has taken the values, and otherwise the previous
 * ones come back and the command fails with the owner's reason (protocol 7.2).
 */
#ifndef DEVBUS_CONFIG_H
#define DEVBUS_CONFIG_H

#include <devbus/field.h>

#ifdef __cplusplus
extern "C" {
#endif

struct devbus;

/*
 * Takes @values, the struct of the table, borrowed until it returns, its JSON members too. Return 0 when they are in force. A
 * negative errno, best that of devbus_config_refuse(), refuses them as a whole: those before stay in force.
 */
typedef int devbus_config_handler(struct devbus *bus, const void *values, void *userdata);

/*
 * Makes the service the owner of the section of its name. Publishes the table as a JSON Schema (state `schema`), so that `config`
 * can check values before it stores them, and calls @handler
 * - once before this returns, with the last values taken, kept in the state folder, or with the initial ones of the table: a
 *   service works before, and without, the service `config`. (With a DEVBUS_REQUIRED member there are no initial ones: not called.)
 * - at each change, with the whole struct; not again for values that are in force.
 * What is in force, and what was refused and why, is the state `config` (protocol 7.4). Values that do not fit the table
 * are refused without asking; the status is "degraded" until others are taken. A member with DEVBUS_SECRET that the section does not have is
 * read from the file config.<member> of systemd's credentials (LoadCredential=), if there is one; the section may then lack it even if it is
 * DEVBUS_REQUIRED. It is not shown in any state. The table is copied, what it points to is borrowed until devbus_close(). Once per bus.
 * Returns 0, -EALREADY, -EPERM (a caller), -ENOMEM, or what @handler returned for the initial values.
 */
int devbus_config(struct devbus *bus, const struct devbus_field *fields, size_t size,
	devbus_config_handler *handler, void *userdata);

/*
 * For the handler: why it refuses, a sentence for whoever sent the values. Returns -EINVAL, to be returned: `return
 * devbus_config_refuse(bus, "...")`.
 */
int devbus_config_refuse(struct devbus *bus, const char *format, ...) __attribute__((format(printf, 2, 3)));

#ifdef __cplusplus
}
#endif
#endif
