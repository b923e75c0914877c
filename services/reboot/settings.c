// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
#include "settings.h"
#include "backend.h"

const struct devbus_field reboot_settings_fields[] = {
	DEVBUS_FIELD(struct reboot_settings, backend, .initial_text = "auto", .choices = backend_choices,
		.description =
			"Who reboots: logind, command or kernel; auto: the first of them that is there"),
	DEVBUS_FIELD(struct reboot_settings, command, .initial_text = "systemctl reboot", .max = 1023,
		.description = "Program and arguments, between blanks; no shell"),
	DEVBUS_FIELD(struct reboot_settings, boot_id_file, .initial_text = "/proc/sys/kernel/random/boot_id",
		.min = 1, .max = 255, .description = "File whose first line is another one after each boot"),
	DEVBUS_FIELD(struct reboot_settings, root, .initial_text = "/", .min = 1, .max = 255,
		.description =
			"Folder that has sys and var in it, where the kernel tells why it was started"),
	DEVBUS_FIELD(struct reboot_settings, reboot_timeout_s, .initial = 300, .min = 1, .max = 86400,
		.description = "Seconds after which a device that is still up has failed to reboot"),
	DEVBUS_FIELD(struct reboot_settings, min_uptime_s, .initial = 60, .min = 0, .max = 86400,
		.description = "Seconds that a device must have been up, unless forced"),
	DEVBUS_FIELD(struct reboot_settings, reboots_per_hour, .initial = 6, .min = 0, .max = 60,
		.description = "Ordered reboots in one hour of uptime; 0: no limit"),
	DEVBUS_FIELD(struct reboot_settings, short_boots_max, .initial = 5, .min = 0, .max = 1000,
		.description = "Short boots in a row, after which none is ordered; 0: no limit"),
	DEVBUS_FIELD(struct reboot_settings, short_boot_s, .initial = 600, .min = 1, .max = 86400,
		.description = "Seconds of uptime up to which a boot is short"),
	{ 0 },
};

struct guards settings_guards(const struct reboot_settings *settings)
{
	return (struct guards) {
		.min_uptime_s = settings->min_uptime_s,
		.reboots_per_hour = settings->reboots_per_hour,
		.short_boots_max = settings->short_boots_max,
		.short_boot_s = settings->short_boot_s,
	};
}
