// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* Section [config] of devbus.conf. */
#ifndef DEVBUS_CONFIG_SETTINGS_H
#define DEVBUS_CONFIG_SETTINGS_H

#include <limits.h>
#include <stdint.h>

struct settings {
	char vendor_dir[PATH_MAX];
	uint32_t owner_timeout_s, confirm_timeout_s;
	char confirm_sections[512]; /* names, with spaces between */
};

extern const struct devbus_field settings_fields[];

#endif
