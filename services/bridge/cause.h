// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * Why the way to the cloud is closed. The tunnel knows. Without one there are two witnesses: a look at the name, TCP and TLS, which has no secret and so goes no further,
 * and what Mosquitto writes into its log when the cloud has answered its bridge. Pure, but for the look itself.
 */
#ifndef BRIDGE_CAUSE_H
#define BRIDGE_CAUSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CAUSE_TEXT_SIZE 512

/* Between two looks at a closed way; each one doubles it. A look is a TLS handshake at most. */
#define CAUSE_PAUSE_MIN_MS 2000
#define CAUSE_PAUSE_MAX_MS 600000

enum cause_look_result { CAUSE_NOT_LOOKED, CAUSE_CLOSED, CAUSE_OPEN };

/* One look, and what it found. */
struct cause_look {
	enum cause_look_result result; /* CAUSE_NOT_LOOKED: there is nothing to go by */
	bool asked_for_certificate;
	char text[CAUSE_TEXT_SIZE]; /* what is wrong; of an open way: its address */
};

struct cause {
	struct cause_look look;
	char met[CAUSE_TEXT_SIZE]; /* by the bridge itself, in the tunnel; "": nothing */
	const char *logged; /* a sentence; NULL: nothing that is known */
	unsigned looks; /* since the way was closed */
};

/* The way has just been closed, or is open again: nothing is known. */
void cause_forget(struct cause *cause);

/* Until the next look. */
uint32_t cause_pause_ms(const struct cause *cause);

void cause_looked(struct cause *cause, const struct cause_look *look);

/* A line of Mosquitto's errors, as it is on $SYS/broker/log/E. Whether it tells something new. */
bool cause_logged(struct cause *cause, const char *line, size_t size);

/* What the tunnel has met. Whether that is new. */
bool cause_met(struct cause *cause, const char *trouble);

/* @connected: by Mosquitto's word. Writes the sentence to @text; false: there is none yet. */
bool cause_tell(const struct cause *cause, bool connected, char text[CAUSE_TEXT_SIZE]);

/* Looks, in whatever thread but one at a time: @path is what devbus-provision writes of the bridge for all to read. */
void cause_look(const char *path, struct cause_look *ret_look);

#endif
