// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * Durable events: on disk before anything else happens, and kept until something beyond the bridge has confirmed them (protocol
 * 6). The broker's own acknowledgement is no such thing: it comes before the broker has written anything.
 */
#ifndef DEVBUS_INTERNAL_DURABLE_H
#define DEVBUS_INTERNAL_DURABLE_H

#include "bus.h"

/* How large an open batch may become, in memory. */
enum { DURABLE_BATCH_BYTES_MAX = 1024 * 1024 };

/* An event between the window and the local broker's acknowledgement. */
struct sent {
	struct sent *next;
	struct devbus *bus;
	uint64_t seq;
	size_t bytes;
};

struct durable {
	uint64_t read_seq; /* up to here everything was sent on this connection */
	uint64_t acked_seq; /* the local broker has everything up to here */
	uint64_t token_seq; /* of the last token */
	uint64_t confirmed_seq; /* of the last one that came back */
	int64_t again_ms; /* how long the last token is waited for */
	uint64_t timed_seq; /* what the running time, setting confirm = time, will confirm */
	bool again_wanted; /* all that is not confirmed is to be sent again once nothing is under way */
	bool proven; /* a token of this connection came back: see bridge-window.h */
	struct bridge_amount under_way; /* sent, unconfirmed */
	struct sent *unacked;
	size_t unacked_count;
	uint64_t
		refused_seq; /* the first one that the local broker refused for now: none is sent until `retry`. 0: none */
	uint64_t retried_seq; /* the one that was refused, sent again alone: is it taken now? 0: none */
	int64_t retry_ms; /* how long the next refusal is waited for */
	struct loop_timer *again, *old, *retry;
	struct loop_timer *
		overdue; /* with confirm = ack: the cloud's broker has events that nobody there acknowledges */
	bool expecting_ack; /* it runs */
	uint64_t there_seq; /* the cloud's broker has everything up to here, by its token */
	unsigned overdue_count; /* in a row */

	/* the open batch */
	bool batch_open;
	int batch_failed; /* a negative errno: a part of it is lost already */
	struct store_event *batch;
	size_t batch_count, batch_room, batch_bytes;
	uint64_t batch_dropped; /* what its events tell of earlier ones */
};

/* Drops what is past its age, now and then again; the timer `old` runs it. */
void durable_drop_old(void *bus);

/* Frees the open batch. */
void durable_free_batch(struct durable *durable);

int durable_new(struct devbus *bus);
void durable_free(struct devbus *bus);

/*
 * Adds `stream` and `seq` to @object (taken, also on failure), which tells of @dropped earlier ones, and writes it to disk, or to the batch that is open. When the
 * outbox is full, the oldest events of a class that is not above @class make room. 0, -EMSGSIZE, -E2BIG (the batch is full),
 * -ENOBUFS or a negative errno of the store.
 */
int durable_publish(struct devbus *bus, enum outbox_class class, const char *topic,
	struct devbus_json *object, uint64_t dropped);

/* What was said of losses is with the broker, by an event that is not stored. */
void durable_told(struct devbus *bus, uint64_t dropped);

/* Makes room for @bytes more, by the rule above. 0, -ENOBUFS or a negative errno of the store. */
int durable_make_room(struct devbus *bus, enum outbox_class class, size_t bytes);

/* Sends what is on disk and was not sent on this connection, as far as the window allows. After anything was added. */
void durable_send(struct devbus *bus);

/* Whether the event with this number waits on disk for its turn on this connection. */
bool durable_will_send(struct devbus *bus, uint64_t seq);

/* ---- durable-again.c */
void durable_connected(struct devbus *bus);
void durable_lost(struct devbus *bus);

/* What is under way would be sent twice at once, so it ends first. */
void durable_send_again(struct devbus *bus);
void durable_begin_again(struct devbus *bus); /* if that is wanted, and nothing is under way */

/* With confirm = ack: the cloud's broker has everything up to @seq; now its application is expected to say so. */
void durable_expect_ack(struct devbus *bus, uint64_t seq);
void durable_ack_overdue(void *bus);
void durable_progress(struct devbus *bus); /* something was confirmed */

/* Whether the setting `confirm` is @means. */
bool durable_confirmed_by(const struct devbus *bus, const char *means);

/* ---- echo.c */
int echo_new(struct devbus *bus);
void echo_free(struct devbus *bus);
void echo_connected(struct devbus *bus);
void echo_ask_reliable(struct devbus *bus); /* after an acknowledgement: how far reliable events have come */
void echo_renew(struct devbus *bus); /* tokens from before say nothing any more */
void echo_send(struct devbus *bus, uint64_t seq); /* comes back as durable_echoed(), on this connection */

/* ---- durable.c, durable-write.c */

/* The token of all events up to @seq came back from the cloud's broker. */
void durable_echoed(struct devbus *bus, uint64_t seq);

/* The cloud's own confirmation, {"stream","seq"} (protocol 6.5). */
void durable_confirmed_by_cloud(struct devbus *bus, const struct devbus_json *object);

/* The open batch goes to disk, because something else is about to take a number of the stream. 0 or a negative errno. */
int durable_commit(struct devbus *bus);

/* What is not confirmed yet. */
size_t durable_count(const struct devbus *bus);

#endif
