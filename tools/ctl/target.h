// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * Where a subcommand connects to and as whom: from the options, a testbed's folder or the device's settings, in
 * this order.
 */
#ifndef DEVBUSCTL_TARGET_H
#define DEVBUSCTL_TARGET_H

#include "ctl.h"

enum target_door {
	TARGET_CALLER, /* the device's broker, as the user cli */
	TARGET_MONITOR, /* the same as the user monitor, who reads everything; as cli where there is no monitor */
	TARGET_CLOUD, /* the cloud's broker */
	TARGET_SERVICE, /* the device's broker, as a service: status, lock, store */
};

/*
 * Opens a bus there and waits until it is connected; @timeout_ms 0: does not wait. @name is the service of
 * TARGET_SERVICE, else NULL. Returns CTL_OK with *@ret_bus, which the caller closes, or the exit status after saying
 * why.
 */
int target_open(const struct ctl_globals *globals, enum target_door door, const char *name,
	uint32_t timeout_ms, struct devbus **ret_bus);

/* How long it waits for the connection unless the user says otherwise, in ms. */
#define TARGET_TIMEOUT_MS 5000

/*
 * Writes the topic of a command ("command") or of its events ("event") as the cloud sees it. Returns 0 or -EINVAL
 * after saying why.
 */
#define TARGET_TOPIC_SIZE 512
int target_cloud_topic(const struct ctl_globals *globals, const char *kind, const char *service,
	const char *item, char ret_topic[TARGET_TOPIC_SIZE]);

#endif
