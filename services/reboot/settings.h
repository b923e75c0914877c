// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* What an administrator decides: section [reboot] of devbus.conf(5). */
#ifndef REBOOT_SETTINGS_H
#define REBOOT_SETTINGS_H

#include "history.h"

struct reboot_settings {
	char backend[16];
	char command[1024];
	char boot_id_file[256];
	char root[256];
	uint32_t reboot_timeout_s;
	uint32_t min_uptime_s;
	uint32_t reboots_per_hour;
	uint32_t short_boots_max;
	uint32_t short_boot_s;
};
extern const struct devbus_field reboot_settings_fields[];

struct guards settings_guards(const struct reboot_settings *settings);

#endif
