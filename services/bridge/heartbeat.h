// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * Whether the cloud answers, decided from two witnesses: the echo through the bridge, which does not lie, and Mosquitto's own
 * notification, which may say "connected" on a dead link but says "disconnected" at once. Pure: what happened goes in, what to do
 * comes out.
 */
#ifndef BRIDGE_HEARTBEAT_H
#define BRIDGE_HEARTBEAT_H

#include "settings.h"

#define HEARTBEAT_REASON_SIZE 160

/*
 * The longest wait for one echo. It stays under way while the link is down, and is back as soon as the link is; a shorter
 * one heaps up tokens, a longer one leaves us waiting for one that got lost.
 */
#define HEARTBEAT_TIMEOUT_MAX_MS 60000

/*
 * The pause while the bridge itself says that it is disconnected. Each token waits in its queue, which is that of the
 * events: 144 a day are few beside its 10 000 messages.
 */
#define HEARTBEAT_RARE_MS 600000

enum heartbeat_link { HEARTBEAT_UNKNOWN, HEARTBEAT_DOWN, HEARTBEAT_UP };
enum heartbeat_raw { HEARTBEAT_RAW_UNKNOWN, HEARTBEAT_RAW_DISCONNECTED, HEARTBEAT_RAW_CONNECTED };

struct heartbeat {
	enum heartbeat_link link;
	enum heartbeat_raw raw;
	unsigned unanswered; /* echoes in a row */
	int64_t rtt_ms; /* of the last echo */
	int64_t told_rtt_ms;
	char answered[DEVBUS_TIME_SIZE]; /* when the cloud answered last; before that: the start */
	char since[DEVBUS_TIME_SIZE]; /* since when link is as it is */
};

enum heartbeat_what {
	HEARTBEAT_CONNECTED, /* this service to its broker */
	HEARTBEAT_BRIDGE_CONNECTED, /* so says the bridge */
	HEARTBEAT_BRIDGE_DISCONNECTED,
	HEARTBEAT_ANSWERED, /* the echo came back */
	HEARTBEAT_UNANSWERED,
};

struct heartbeat_event {
	enum heartbeat_what what;
	int64_t took_ms; /* HEARTBEAT_ANSWERED */
	const char *time; /* now, as of devbus_time() */
};

struct heartbeat_advice {
	bool tell; /* status and state have changed */
	uint32_t pause_ms; /* until the next echo, if none is under way; 0: now */
};

/* Begins at @time with nothing known. */
void heartbeat_begin(struct heartbeat *heartbeat, const char *time);

struct heartbeat_advice heartbeat_take(struct heartbeat *heartbeat, const struct bridge_settings *settings,
	const struct heartbeat_event *event);

/* How long the next echo may take. */
uint32_t heartbeat_timeout_ms(const struct heartbeat *heartbeat, const struct bridge_settings *settings);

/* What is wrong, and since when: written to @text. False: nothing is. */
bool heartbeat_reason(const struct heartbeat *heartbeat, char text[HEARTBEAT_REASON_SIZE]);

/* The state `link`; a new object. NULL: nothing is known yet, or memory is short. */
struct devbus_json *heartbeat_state(const struct heartbeat *heartbeat);

#endif
