// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* Defaults are for a device in the field: slow links are given time, dead ones are not. */
#include "settings.h"

#define SIZE_MAX_BYTES 9007199254740992 /* 2^53 */
#define DAY_S 86400

#ifdef HAVE_LIBSYSTEMD
static const char *const backends[] = { "script", "rauc", NULL };
#else
static const char *const backends[] = { "script", NULL };
#endif

const struct devbus_field firmware_settings_fields[] = {
	DEVBUS_FIELD(struct firmware_settings, backend, .initial_text = "script", .choices = backends,
		.description = "Who installs: script, the executables in hooks_dir; or rauc"),
	DEVBUS_FIELD(struct firmware_settings, hooks_dir,
		.initial_text = DEVBUS_CONFIG_DIR_DEFAULT "/firmware/hooks", .min = 1, .max = PATH_MAX - 1,
		.description = "Folder of the hooks of backend script"),
	DEVBUS_FIELD(struct firmware_settings, keys_dir,
		.initial_text = DEVBUS_CONFIG_DIR_DEFAULT "/firmware/keys", .min = 1, .max = PATH_MAX - 1,
		.description = "Folder of the public keys, *.pem, that backend script trusts"),
	DEVBUS_FIELD(struct firmware_settings, compatible,
		.description = "What the signed image must name as compatible; empty: anything"),
	DEVBUS_FIELD(struct firmware_settings, os_release, .initial_text = "/etc/os-release", .min = 1,
		.max = PATH_MAX - 1,
		.description =
			"File in which backend rauc finds the version that runs: IMAGE_VERSION, else VERSION_ID"),
	DEVBUS_FIELD(struct firmware_settings, hook_timeout_s, .initial = 60, .min = 1, .max = DAY_S,
		.description = "Seconds that a hook other than install may take"),
	DEVBUS_FIELD(struct firmware_settings, install_timeout_s, .initial = 3600, .min = 1, .max = DAY_S,
		.description = "Seconds that an installation may take"),
	DEVBUS_FIELD(struct firmware_settings, download_dir,
		.description = "Folder of the download; empty: `download` in the service's state folder"),
	DEVBUS_FIELD(struct firmware_settings, protocols, .initial_text = "https,http", .min = 1, .max = 63,
		.description = "URL schemes that an update may use"),
	DEVBUS_FIELD(struct firmware_settings, max_size_bytes, .initial = 4294967296, .min = 1,
		.max = SIZE_MAX_BYTES, .description = "Largest image in bytes"),
	DEVBUS_FIELD(struct firmware_settings, reserve_bytes, .initial = 1048576, .min = 0,
		.max = SIZE_MAX_BYTES, .description = "Bytes that a download leaves free on its disk"),
	DEVBUS_FIELD(struct firmware_settings, ca_file,
		.description =
			"Certificates (PEM) that https servers are checked against; empty: the system's"),
	DEVBUS_FIELD(struct firmware_settings, client_certificate,
		.description = "Certificate (PEM) that this device shows to https servers; empty: none"),
	DEVBUS_FIELD(struct firmware_settings, client_key,
		.description = "Its private key (PEM); empty: in the same file"),
	DEVBUS_FIELD(struct firmware_settings, proxy,
		.description = "Proxy for downloads; empty: from the environment; none: no proxy"),
	DEVBUS_FIELD(struct firmware_settings, rate_limit_bytes_s, .max = SIZE_MAX_BYTES,
		.description = "Bytes per second that a download takes at most; 0: no limit"),
	DEVBUS_FIELD(struct firmware_settings, connect_timeout_s, .initial = 30, .min = 1, .max = 3600,
		.description = "Seconds until a server must have been reached"),
	DEVBUS_FIELD(struct firmware_settings, low_speed_bytes_s, .initial = 1, .min = 1, .max = 1000000000,
		.description = "A transfer slower than this many bytes per second ..."),
	DEVBUS_FIELD(struct firmware_settings, low_speed_s, .initial = 60, .min = 1, .max = DAY_S,
		.description = "... for so many seconds is broken off, and tried again"),
	DEVBUS_FIELD(struct firmware_settings, retry_ms, .initial = 5000, .min = 10, .max = 3600000,
		.description =
			"Milliseconds until a broken download is tried again; more and more, up to 60 times that"),
	DEVBUS_FIELD(struct firmware_settings, patience_s, .initial = DAY_S, .min = 0, .max = 30 * DAY_S,
		.description = "Seconds without a new byte after which a download is given up; 0: at once"),
	DEVBUS_FIELD(struct firmware_settings, redirects_max, .initial = 5, .min = 0, .max = 50,
		.description = "Redirects that a download follows"),
	DEVBUS_FIELD(struct firmware_settings, boot_id_file,
		.initial_text = "/proc/sys/kernel/random/boot_id", .min = 1, .max = PATH_MAX - 1,
		.description = "File whose first word is another one after each boot"),
	DEVBUS_FIELD(struct firmware_settings, reboot_timeout_s, .initial = 900, .min = 1, .max = DAY_S,
		.description = "Seconds in which the reboot service must have rebooted the device"),
	DEVBUS_FIELD(struct firmware_settings, health_dir,
		.initial_text = DEVBUS_CONFIG_DIR_DEFAULT "/firmware/health.d", .min = 1, .max = PATH_MAX - 1,
		.description = "Folder of executables that must succeed after an update"),
	DEVBUS_FIELD(struct firmware_settings, health_services,
		.description =
			"Services that must be online after an update, between commas; empty: all that have a status"),
	DEVBUS_FIELD(struct firmware_settings, health_cloud, .initial = true,
		.description = "Whether the cloud must be reachable after an update"),
	DEVBUS_FIELD(struct firmware_settings, health_timeout_s, .initial = 600, .min = 1, .max = DAY_S,
		.description = "Seconds after the boot in which all of that must hold, or it is rolled back"),
	DEVBUS_FIELD(struct firmware_settings, health_retry_s, .initial = 5, .min = 1, .max = 3600,
		.description = "Seconds until a failed check is made again"),
	DEVBUS_FIELD(struct firmware_settings, state_writes_max, .initial = 28, .min = 12, .max = 1000,
		.description = "States that an update may go through, against endless loops"),
	{ 0 },
};
