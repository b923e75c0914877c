// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * The vendor's values of a section: vendor_dir/NAME.json, an object. They come with the system's image, so an update may bring a file
 * that is no good; then the last good one holds, of which a copy is kept.
 */
#ifndef DEVBUS_CONFIG_VENDOR_H
#define DEVBUS_CONFIG_VENDOR_H

#include <devbus/devbus.h>

struct schemas;

struct vendor {
	int folder; /* fd; negative: there is none */
	int copies; /* fd */
	const struct schemas *schemas;
};

/*
 * Reads the values of section @name, an empty object if there are none. A file that is no JSON object, too large, or does not fit the
 * schema is named in *@problem ("" otherwise), renamed to NAME.json.damaged where the folder may be written, and the last good copy used.
 * Returns 0, -ENOMEM or another negative errno of reading.
 */
int vendor_read(
	const struct vendor *vendor, const char *name, struct devbus_json **ret_values, char problem[256]);

#endif
