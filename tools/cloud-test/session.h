// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* What the bridge will do at the cloud's broker once it is there: connect, subscribe to the commands, see its echo return. */
#ifndef CLOUD_TEST_SESSION_H
#define CLOUD_TEST_SESSION_H

#include "mqtt.h"

struct session {
	struct reach *reach;
	/*
	 * Connects as the device itself, which throws out a bridge that is connected. The device's session at the cloud is
	 * resumed then, and what it holds is left unacknowledged, so that the bridge still gets it.
	 */
	bool as_device;
	bool connected;
	char client_id[BRIDGE_CONF_TEXT_SIZE + 8];
	struct mqtt_packet packet; /* the last one that was read */
};

/* Each is a step; see reach.h for what it returns and says. */
int session_connect(struct session *session);
int session_subscribe(struct session *session);
int session_echo(struct session *session);

/* Says good-bye, so that no will is published. */
void session_end(struct session *session);

#endif
