// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* What an administrator can choose: section [firmware] of devbus.conf, described in devbus-firmware(8). */
#ifndef FIRMWARE_SETTINGS_H
#define FIRMWARE_SETTINGS_H

#include <devbus/devbus.h>
#include <limits.h>

struct firmware_settings {
	/* who installs, and what is trusted */
	char backend[16];
	char hooks_dir[PATH_MAX];
	char keys_dir[PATH_MAX];
	char compatible[129];
	char os_release[PATH_MAX];
	uint32_t hook_timeout_s;
	uint32_t install_timeout_s;
	/* the download */
	char download_dir[PATH_MAX];
	char protocols[64];
	uint64_t max_size_bytes;
	uint64_t reserve_bytes;
	char ca_file[PATH_MAX];
	char client_certificate[PATH_MAX];
	char client_key[PATH_MAX];
	char proxy[256];
	uint64_t rate_limit_bytes_s;
	uint32_t connect_timeout_s;
	uint32_t low_speed_bytes_s;
	uint32_t low_speed_s;
	uint32_t retry_ms;
	uint32_t patience_s;
	uint32_t redirects_max;
	/* the boot, and what must hold after it */
	char boot_id_file[PATH_MAX];
	uint32_t reboot_timeout_s;
	char health_dir[PATH_MAX];
	char health_services[512];
	bool health_cloud;
	uint32_t health_timeout_s;
	uint32_t health_retry_s;
	uint32_t state_writes_max;
};
extern const struct devbus_field firmware_settings_fields[];

#endif
