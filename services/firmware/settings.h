// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* What an administrator can choose: section [firmware] of devbus.conf, described in devbus-firmware(8). */
#ifndef FIRMWARE_SETTINGS_H
#define FIRMWARE_SETTINGS_H

#include <devbus/devbus.h>
#include <limits.h>

struct firmware_settings {
	char slots_dir[PATH_MAX];
	char protocols[64];
	uint64_t max_size_bytes;
	uint64_t reserve_bytes;
	char ca_file[PATH_MAX];
	char proxy[256];
	uint32_t connect_timeout_s;
	uint32_t low_speed_bytes_s;
	uint32_t low_speed_s;
	uint32_t redirects_max;
};
extern const struct devbus_field firmware_settings_fields[];

#endif
