// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * How much a service may have given to the local broker for the bridge without knowing that it got beyond it. The broker's queue for the
 * bridge is one for all services; when it is full, Mosquitto drops the newest message without a word, acknowledges it, and
 * lets a later token through. So each service stays below its share (doc/broker.md), and begins each connection with a
 * few messages only, since what it gave before may still be queued. Pure.
 */
#ifndef DEVBUS_INTERNAL_BRIDGE_WINDOW_H
#define DEVBUS_INTERNAL_BRIDGE_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	BRIDGE_WINDOW_EVENTS = 400, /* of each kind: reliable, durable */
	BRIDGE_WINDOW_BYTES = 256 * 1024,
	BRIDGE_WINDOW_FIRST = 16, /* until the first token of a connection is back */
};

struct bridge_amount {
	uint64_t events, bytes;
};

struct bridge_window {
	bool limited; /* false: no token tells, so there is no window */
	bool proven; /* a token of this connection came back */
	struct bridge_amount sent, acknowledged, asked, confirmed; /* since the start of the process */
};

/* Whether one more may be sent beside those that are under way. @proven: a token of this connection came back. */
bool bridge_window_takes(struct bridge_amount under_way, bool proven);
bool bridge_window_open(const struct bridge_window *window);

void bridge_window_sent(struct bridge_window *window, size_t bytes);
void bridge_window_acknowledged(struct bridge_window *window, size_t bytes);

/* The connection is gone: what was sent is either through or sent again, and no token comes back. */
void bridge_window_lost(struct bridge_window *window);

/* Whether a token should go out; *@ret_number is what it says, and bridge_window_confirmed() takes when it is back. */
bool bridge_window_asks(struct bridge_window *window, uint64_t *ret_number);
void bridge_window_confirmed(struct bridge_window *window, uint64_t number);

#endif
