// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* The defaults go with those of libdevbus: lost_after_s is twice its keepalive_s. */
#include "settings.h"

const struct devbus_field bridge_settings_fields[] = {
	DEVBUS_FIELD(struct bridge_settings, heartbeat_s, .min = 1, .max = 3600, .initial = 10,
		.description = "Seconds from an answer of the cloud to the next question"),
	DEVBUS_FIELD(struct bridge_settings, echo_timeout_s, .min = 1, .max = 1200, .initial = 10,
		.description = "Seconds without an answer until the way to the cloud is said to be closed"),
	DEVBUS_FIELD(struct bridge_settings, lost_after_s, .min = 1, .max = 3600, .initial = 20,
		.description =
			"Seconds from the broker's return until a service that gives no sign of life is lost; "
			"twice keepalive_s"),
	DEVBUS_FIELD(struct bridge_settings, grace_s, .max = 600, .initial = 5,
		.description = "Seconds from a connect until commands for unknown services are answered"),
	DEVBUS_FIELD(struct bridge_settings, cloud_conf, .initial_text = "cloud.conf",
		.description =
			"Where the cloud is and how it is known, as devbus-provision writes it; relative to the "
			"folder of devbus.conf"),
	{ 0 },
};
