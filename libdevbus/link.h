// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * The broker as half a dozen functions and half a dozen events: what the rest of the library knows of MQTT. Behind
 * it stands Paho (link-paho.c), or a fake in tests. No function here waits for the broker.
 *
 * A link is used by the loop's thread only. Events are called from there, never from inside one of the functions below.
 */
#ifndef DEVBUS_INTERNAL_LINK_H
#define DEVBUS_INTERNAL_LINK_H

#include "loop.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * How many QoS 1 messages may be unacknowledged at once. Below the broker's Receive Maximum (Mosquitto: max_inflight_messages, 20), because
 * Paho sleeps 100 ms at a time once that is reached.
 */
#define LINK_WINDOW 16

struct link;

/* All of it is copied. */
struct link_options {
	const char *host;
	uint16_t port;
	const char *client_id, *user, *password; /* user NULL: none */
	uint32_t keepalive_s, connect_timeout_s;
	bool clean; /* clean start, and the session ends with the connection */
	const char *will_topic; /* NULL: no will. QoS 1, retained */
	const char *will_payload;
};

struct link_filter {
	const char *filter; /* borrowed */
	int qos;
	bool retain_as_published; /* MQTT 5.0 3.8.3.1: keep the flag of the publisher */
	bool retained_only_if_new; /* retained messages only when the subscription is new */
	uint32_t id; /* Subscription Identifier, 1..268 435 455; comes back with each message */
};

struct link_message {
	const char *topic;
	const void *payload; /* ends with a NUL that payload_size does not count */
	size_t payload_size;
	int qos;
	bool retained, duplicate;
	uint32_t subscription_id; /* 0: none */
	const char *response_topic; /* NULL: none */
	const void *correlation; /* NULL: none */
	size_t correlation_size;
};

/* What may happen. @reason is a sentence or words for the log. */
struct link_events {
	void (*connected)(void *userdata);
	void (*lost)(void *userdata, const char *reason); /* also: the attempt to connect failed */
	void (*subscribed)(void *userdata, uint32_t id, int reason); /* MQTT reason code; >= 0x80: refused */
	void (*message)(void *userdata, const struct link_message *message);
	void (*published)(void *userdata, uint32_t token, int reason); /* QoS 1, acknowledged */
	void (*writable)(void *userdata); /* after -EAGAIN: try again */
};

struct link_functions {
	/* Connects, then subscribes to @filters (copied): subscribed() for each, then connected(), or lost(). 0, -EBUSY, -ENOMEM. */
	int (*connect)(struct link *link, const struct link_options *options,
		const struct link_filter *filters, size_t count);
	/* 0, -EAGAIN (busy: writable() will follow), -ENOTCONN or -ENOMEM. */
	int (*subscribe)(struct link *link, const struct link_filter *filters, size_t count);
	int (*unsubscribe)(struct link *link, const char *filter);
	/*
	 * Sends now. The caller keeps at most LINK_WINDOW messages of QoS 1 unacknowledged. @ret_token (QoS 1) comes
	 * back with published(). 0, -EAGAIN (no room: writable() will follow), -ENOTCONN, -EINVAL, -ENOMEM.
	 */
	int (*publish)(struct link *link, const struct link_message *message, uint32_t *ret_token);
	/*
	 * Says good-bye, so that the will is not published, and waits at most @timeout_ms. What is under way ends first, with its events;
	 * none follows.
	 */
	void (*disconnect)(struct link *link, uint32_t timeout_ms);
	/* Without good-bye: the will is published. Returns whether a helper thread had to be left behind. */
	bool (*free)(struct link *link);
};

struct link {
	const struct link_functions *functions;
	const struct link_events *events;
	void *userdata;
};

/* Makes the link over Paho. All arguments are borrowed. 0 or a negative errno. */
int link_paho_new(
	struct loop *loop, const struct link_events *events, void *userdata, struct link **ret_link);

#endif
