// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* Defaults are for a device in the field: slow links are given time, dead ones are not. */
#include "settings.h"

#define SIZE_MAX_BYTES 9007199254740992 /* 2^53 */

const struct devbus_field firmware_settings_fields[] = {
	DEVBUS_FIELD(struct firmware_settings, slots_dir,
		.description = "Folder of the slots; empty: `slots` in the service's state folder"),
	DEVBUS_FIELD(struct firmware_settings, protocols, .initial_text = "https,http,file", .min = 1,
		.max = 63, .description = "URL schemes that an update may use"),
	DEVBUS_FIELD(struct firmware_settings, max_size_bytes, .initial = 4294967296, .min = 1,
		.max = SIZE_MAX_BYTES, .description = "Largest image in bytes"),
	DEVBUS_FIELD(struct firmware_settings, reserve_bytes, .initial = 1048576, .min = 0,
		.max = SIZE_MAX_BYTES,
		.description = "Bytes that an update leaves free on the disk of the slots"),
	DEVBUS_FIELD(struct firmware_settings, ca_file,
		.description =
			"Certificates (PEM) that https servers are checked against; empty: the system's"),
	DEVBUS_FIELD(struct firmware_settings, proxy,
		.description = "Proxy for downloads; empty: from the environment; none: no proxy"),
	DEVBUS_FIELD(struct firmware_settings, connect_timeout_s, .initial = 30, .min = 1, .max = 3600,
		.description = "Seconds until a server must have been reached"),
	DEVBUS_FIELD(struct firmware_settings, low_speed_bytes_s, .initial = 1, .min = 1, .max = 1000000000,
		.description = "A download slower than this many bytes per second ..."),
	DEVBUS_FIELD(struct firmware_settings, low_speed_s, .initial = 60, .min = 1, .max = 86400,
		.description = "... for so many seconds is given up"),
	DEVBUS_FIELD(struct firmware_settings, redirects_max, .initial = 5, .min = 0, .max = 50,
		.description = "Redirects that a download follows"),
	{ 0 },
};
