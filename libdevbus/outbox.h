// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * What waits for the broker, in memory, bounded in bytes. Two lanes: control (status, states, calls and answers), which is
 * worth nothing after a reconnect and goes first, and events, whose order is kept and which wait for the next connection.
 */
#ifndef DEVBUS_INTERNAL_OUTBOX_H
#define DEVBUS_INTERNAL_OUTBOX_H

#include "bridge-window.h"
#include "link.h"
#include "stats.h"

struct outbox;

/* What is given up first when the queue is full comes first (protocol 6.3). */
enum outbox_class { OUTBOX_TELEMETRY, OUTBOX_EVENT, OUTBOX_COMMAND, OUTBOX_CONTROL, OUTBOX_CLASSES };

/* All of it is copied, but for @acknowledged. */
struct outbox_message {
	enum outbox_class class;
	struct link_message message;
	bool cloud; /* goes over the bridge */
	bool stored; /* it is on disk: whoever put it here puts it here again after a loss; never dropped */
	bool repeat; /* of an event that was sent: not for the next connection, where it would overtake those before it */
	/*
	 * Called when the broker has acknowledged it (QoS 1), the link has taken it (QoS 0), or the link cannot send it and it
	 * is stored (reason 0x80). NULL: nobody wants to know.
	 */
	void (*acknowledged)(int reason, void *userdata);
	void *userdata;
	uint64_t
		dropped; /* what its member `dropped` says: told again by another one if this one is dropped too */
};

/* @stats is borrowed: messages_published, _refused and _dropped are counted there. 0 or -ENOMEM. */
int outbox_new(size_t limit_bytes, struct stats *stats, struct outbox **ret_outbox);
void outbox_free(struct outbox *outbox); /* NULL is fine */

/*
 * Queues a message. When the limit is reached, the oldest one of a class that is not above its own is dropped for it.
 * A retained message takes the place of one with the same topic that still waits. What is stored does not count towards the limit: it has
 * a window of its own, and nothing that is only in memory is to go for it.
 * 0, -ENOBUFS (full of what is more important) or -ENOMEM.
 */
int outbox_add(struct outbox *outbox, const struct outbox_message *message);

/* Hands over to @link what it takes now. Call it after outbox_add() and when the link is writable. */
void outbox_send(struct outbox *outbox, struct link *link);

/* Whether there is one that the link has not taken. */
bool outbox_waits(const struct outbox *outbox);

/* Takes the one with @userdata back that still waits, of those that are control; it was not sent, and @acknowledged is not called. */
void outbox_withdraw(struct outbox *outbox, const void *userdata);

/*
 * The broker has acknowledged @token with an MQTT reason code (>= 0x80: refused; told in the log). Returns how many lost events for the
 * cloud it was told of by that, if the message is not stored.
 */
uint64_t outbox_acknowledge(struct outbox *outbox, uint32_t token, int reason);

/* The connection is gone: events that are not acknowledged wait for the next one, in order; all else is forgotten. */
void outbox_lost(struct outbox *outbox);

/*
 * The window of reliable messages for the cloud; what it holds back waits here, where it is bounded and counted. Borrowed. Who
 * hears that something got through calls bridge_window_confirmed() and outbox_send().
 */
struct bridge_window *outbox_window(struct outbox *outbox);

/* What waits or is not acknowledged. */
size_t outbox_count(const struct outbox *outbox);
size_t outbox_bytes(const struct outbox *outbox);

/* How many events, of those for the cloud or of the local ones, were dropped since the last call; for the member `dropped` of the next one. */
uint64_t outbox_take_dropped(struct outbox *outbox, bool cloud);

/* That event was not queued: the next one says it. */
void outbox_give_back_dropped(struct outbox *outbox, bool cloud, uint64_t dropped);

#endif
