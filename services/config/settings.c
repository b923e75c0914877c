// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
#include <devbus/devbus.h>

#include "settings.h"

const struct devbus_field settings_fields[] = {
	DEVBUS_FIELD(struct settings, vendor_dir,
		.description = "Folder of NAME.json with the vendor's values of sections; empty: none"),
	DEVBUS_FIELD(struct settings, owner_timeout_s, .min = 1, .max = 3600, .initial = 10,
		.description = "How long the owner of a section has to say that it takes a change, in s"),
	DEVBUS_FIELD(struct settings, confirm_timeout_s, .min = 1, .max = 86400, .initial = 120,
		.description = "How long the cloud has to confirm a change, in s"),
	DEVBUS_FIELD(struct settings, confirm_sections, .initial_text = "bridge broker network",
		.description = "Sections of which the cloud must confirm changes, with spaces between"),
	{ 0 },
};
