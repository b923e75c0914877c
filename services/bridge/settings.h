// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* Section [bridge]: all times of the watcher. */
#ifndef BRIDGE_SETTINGS_H
#define BRIDGE_SETTINGS_H

#include <devbus/devbus.h>

struct bridge_settings {
	uint32_t heartbeat_s; /* from an answer of the cloud to the next question */
	uint32_t echo_timeout_s; /* without an answer for so long, the way is not open */
	uint32_t lost_after_s; /* protocol 3.5: 2 x keep-alive */
	char cloud_conf[256]; /* relative to the folder of devbus.conf */
	uint32_t grace_s; /* after a connect, before a service is held to be unknown */
};
extern const struct devbus_field bridge_settings_fields[];

#endif
