// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * From the disk to beyond the bridge. Events are sent in the order of their numbers; when the local broker has acknowledged all
 * that was sent, or a good part of it, a token follows on the echo topic. The bridge's queue is first in, first out,
 * so when the token comes back from the cloud's broker, everything before it is there, and is forgotten here.
 *
 * Three rules keep the echo honest:
 * - The token holds a word of this connection. A token of an earlier one may come back late, from before the broker lost
 *   its queue; it confirms nothing.
 * - At each connect everything that is not confirmed is sent again. Its number tells a repeat from a new event.
 * - The window of unconfirmed events stays below this service's share of what the broker queues for the bridge, or the broker
 *   would drop an event and still let the token through; and it is small until a token of this connection is back (bridge-window.h).
 */
#include "durable.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	TOKEN_EVERY = 100, /* events, when more are coming all the time */
	/*
	 * A token that the cloud's broker lost is sent again, ever more rarely: while the link is down they heap up in the bridge's
	 * queue, which drops events when it is full.
	 */
	TOKEN_AGAIN_MS = 30 * 1000,
	TOKEN_AGAIN_MAX_MS = 3600 * 1000,
	READ_AT_ONCE = 2 * LINK_WINDOW,
	RETRY_MS = 1000, /* until what the broker refused is sent again, ever more rarely */
	RETRY_MAX_MS = 300 * 1000,
	REFUSED = 0x80,
};

/* ---- tokens */

static void send_token(struct devbus *bus)
{
	echo_send(bus, bus->durable->token_seq);
	loop_timer_set(bus->durable->again, loop_now_ms(bus->loop) + bus->durable->again_ms);
}

/* One time runs at once: while events keep coming, it still ends. */
static void start_time(struct devbus *bus)
{
	struct durable *durable = bus->durable;

	if (durable->timed_seq)
		return;
	durable->timed_seq = durable->token_seq;
	loop_timer_set(
		durable->again, loop_now_ms(bus->loop) + 1000 * (int64_t)bus->settings.confirm_after_s);
}

/* The local broker has everything up to here. */
static uint64_t complete_seq(const struct durable *durable)
{
	uint64_t seq = durable->acked_seq;

	if (durable->refused_seq && durable->refused_seq <= seq)
		seq = durable->refused_seq - 1;
	for (const struct sent *sent = durable->unacked; sent; sent = sent->next)
		if (sent->seq <= seq)
			seq = sent->seq - 1;
	return seq;
}

/* The local broker has everything up to complete_seq(): has the cloud? */
static void ask(struct devbus *bus)
{
	bus->durable->token_seq = complete_seq(bus->durable);
	bus->durable->again_ms = TOKEN_AGAIN_MS;
	if (durable_confirmed_by(bus, "time"))
		start_time(bus);
	else
		send_token(bus);
}

static uint64_t less(uint64_t from, size_t what)
{
	return what < from ? from - what : 0;
}

static void shrink_window(struct durable *durable, const struct store_size *forgotten)
{
	durable->under_way.events = less(durable->under_way.events, forgotten->count);
	durable->under_way.bytes = less(durable->under_way.bytes, forgotten->bytes);
}

static void confirm(struct devbus *bus, uint64_t seq)
{
	struct durable *durable = bus->durable;
	struct store_size forgotten = { 0, 0 };
	int r = store_events_confirm(bus->store, seq, &forgotten);

	if (r < 0) { /* they stay, and are confirmed again by a later token */
		log_warning("confirmed events stay on disk for now: %s", strerror(-r));
		return;
	}
	bus->stats.events_confirmed += forgotten.count;
	shrink_window(durable, &forgotten);
	if (seq >= durable->read_seq) /* also those that were dropped after they were sent */
		durable->under_way = (struct bridge_amount) { 0, 0 };
	if (seq > durable->confirmed_seq)
		durable->confirmed_seq = seq;
	if (durable->confirmed_seq >= durable->token_seq)
		loop_timer_stop(durable->again);
	durable_progress(bus);
	durable_send(bus);
}

void durable_echoed(struct devbus *bus, uint64_t seq)
{
	if (seq > bus->durable->token_seq)
		return;
	if (durable_confirmed_by(bus, "ack")) {
		if (seq == bus->durable->token_seq)
			loop_timer_stop(bus->durable->again);
		durable_expect_ack(bus, seq);
		return;
	}
	bus->durable->proven = true;
	confirm(bus, seq);
}

/* The token got lost on the way; or with time: nobody tells, and the time that was agreed on is over. */
static void again_due(void *userdata)
{
	struct devbus *bus = userdata;
	struct durable *durable = bus->durable;
	uint64_t timed_seq = durable->timed_seq;

	if (!durable_confirmed_by(bus, "time")) {
		durable->again_ms *= 2;
		if (durable->again_ms > TOKEN_AGAIN_MAX_MS)
			durable->again_ms = TOKEN_AGAIN_MAX_MS;
		send_token(bus);
		return;
	}
	durable->timed_seq = 0;
	confirm(bus, timed_seq);
	if (durable->token_seq > durable->confirmed_seq) /* more came, or the disk did not take it */
		start_time(bus);
}

/* What the local broker refused is not at the cloud, whatever behind it is. */
static uint64_t before_refused(const struct durable *durable, uint64_t seq)
{
	uint64_t refused_seq = durable->refused_seq ? durable->refused_seq : durable->retried_seq;

	return refused_seq && refused_seq <= seq ? refused_seq - 1 : seq;
}

void durable_confirmed_by_cloud(struct devbus *bus, const struct devbus_json *object)
{
	const char *stream = devbus_json_string(devbus_json_get(object, "stream"));
	double number;
	uint64_t seq;

	if (!stream || devbus_json_number(devbus_json_get(object, "seq"), &number) < 0 || number < 0 ||
		number >= (double)store_next_seq(bus->store)) {
		bus->stats.messages_malformed++;
		return;
	}
	seq = (uint64_t)number;
	if (strcmp(stream, store_stream(bus->store)) == 0 ||
		store_events_of_stream(bus->store, stream, seq, &seq) == 0) /* kept from a damaged store */
		confirm(bus, before_refused(bus->durable, seq));
	else
		bus->stats.messages_malformed++;
}

/* ---- sending */

static void forget_sent(struct durable *durable, struct sent *sent)
{
	for (struct sent **link = &durable->unacked; *link; link = &(*link)->next) {
		if (*link == sent) {
			*link = sent->next;
			durable->unacked_count--;
			free(sent);
			return;
		}
	}
}

/* ---- what the local broker refuses (MQTT 5.0 3.4.2.1) */

/* No repeat can change that: topic name invalid, packet too large (as Mosquitto says it), payload format invalid. */
static bool refused_for_ever(int reason)
{
	return reason == 0x90 || reason == 0x95 || reason == 0x99;
}

/* It would hold up all behind it, and fill the window: nobody confirms it. */
static void give_up(struct devbus *bus, uint64_t seq)
{
	struct store_size forgotten = { 0, 0 };
	uint64_t told = 0;

	if (store_events_remove(bus->store, seq, &forgotten, &told) < 0)
		return; /* refused again at the next connect, unless a token goes past it */
	bus->stats.events_dropped += forgotten.count;
	outbox_give_back_dropped(bus->outbox, true, forgotten.count + told);
	shrink_window(bus->durable, &forgotten);
}

/* It waits, and so do all behind it: the broker may have no room now, or an ACL that somebody is about to mend. */
static void wait_for(struct devbus *bus, const struct sent *sent)
{
	struct durable *durable = bus->durable;

	if (!durable->refused_seq || sent->seq < durable->refused_seq)
		durable->refused_seq = sent->seq;
	shrink_window(durable, &(struct store_size) { 1, sent->bytes });
	status_problem(bus, STATUS_REFUSED, "the broker refuses durable events");
}

static void no_longer_refused(struct devbus *bus)
{
	bus->durable->retried_seq = 0;
	bus->durable->retry_ms = RETRY_MS;
	status_problem(bus, STATUS_REFUSED, NULL);
}

/* Only when nothing is under way any more: so what is sent again then is all that is not with the broker. */
static void retry_later(struct devbus *bus)
{
	struct durable *durable = bus->durable;

	loop_timer_set(durable->retry, loop_now_ms(bus->loop) + durable->retry_ms);
	durable->retry_ms *= 2;
	if (durable->retry_ms > RETRY_MAX_MS)
		durable->retry_ms = RETRY_MAX_MS;
}

static bool window_open(const struct durable *durable)
{
	return bridge_window_takes(durable->under_way, durable->proven);
}

static void retry_due(void *userdata)
{
	struct devbus *bus = userdata;
	struct durable *durable = bus->durable;

	durable->retried_seq = durable->refused_seq;
	durable->read_seq = durable->refused_seq - 1;
	if (durable->acked_seq > durable->read_seq)
		durable->acked_seq = durable->read_seq;
	durable->refused_seq = 0;
	durable_send(bus);
	if (durable->unacked_count == 0 && window_open(durable))
		no_longer_refused(bus); /* it was given up meanwhile, and nothing waits behind it */
}

static void on_acknowledged(int reason, void *userdata)
{
	const struct sent sent = *(struct sent *)userdata;
	struct devbus *bus = sent.bus;
	struct durable *durable = bus->durable;
	uint64_t complete;

	forget_sent(durable, userdata);
	if (reason >= REFUSED && !refused_for_ever(reason))
		wait_for(bus, &sent);
	else if (reason >= REFUSED)
		give_up(bus, sent.seq);
	if (reason < REFUSED && !durable->refused_seq && sent.seq >= durable->retried_seq)
		no_longer_refused(bus);
	if (sent.seq > durable->acked_seq)
		durable->acked_seq = sent.seq;
	if (durable->refused_seq && durable->unacked_count == 0)
		retry_later(bus);
	complete = complete_seq(durable);
	if (complete > durable->token_seq &&
		(durable->unacked_count == 0 || complete - durable->token_seq >= TOKEN_EVERY))
		ask(bus);
	durable_send(bus);
}

struct reading {
	struct devbus *bus;
	bool stopped; /* the window is full, or memory is short: what follows must not overtake */
};

static void send_event(const struct store_event *event, void *userdata)
{
	struct reading *reading = userdata;
	struct durable *durable = reading->bus->durable;
	struct sent *sent = reading->stopped || !window_open(durable) ? NULL : malloc(sizeof *sent);
	struct outbox_message message = {
		.class = event->class,
		.stored = true,
		.acknowledged = on_acknowledged,
		.userdata = sent,
		.message = { .topic = event->topic,
			.payload = event->payload,
			.payload_size = strlen(event->payload),
			.qos = 1 },
	};

	reading->stopped = !sent || outbox_add(reading->bus->outbox, &message) < 0;
	if (reading->stopped) {
		free(sent);
		if (window_open(durable))
			bus_try_again(reading->bus);
		return;
	}
	*sent = (struct sent) { durable->unacked, reading->bus, event->seq, store_event_bytes(event) };
	durable->unacked = sent;
	durable->unacked_count++;
	durable->read_seq = event->seq;
	durable->under_way.events++;
	durable->under_way.bytes += sent->bytes;
}

void durable_send(struct devbus *bus)
{
	struct durable *durable = bus->durable;
	struct reading reading = { .bus = bus };
	bool alone = durable && durable->retried_seq;
	int r = 0;

	if (!durable || !bus->connected)
		return;
	durable_begin_again(bus);
	if (!durable->again_wanted && durable->unacked_count < (alone ? 1 : LINK_WINDOW) &&
		!durable->refused_seq && window_open(durable) &&
		durable->read_seq + 1 < store_next_seq(bus->store))
		r = store_events_read(
			bus->store, durable->read_seq, alone ? 1 : READ_AT_ONCE, send_event, &reading);
	if (r == -EIO) /* opening heals it (store-open.c) */
		status_problem(bus, STATUS_DAMAGE,
			"events in devbus.db cannot be read; a restart keeps what can be");
	else if (r < 0)
		bus_try_again(bus);
	outbox_send(bus->outbox, bus->link);
}

static void note_seq(const struct store_event *event, void *userdata)
{
	*(uint64_t *)userdata = event->seq;
}

bool durable_will_send(struct devbus *bus, uint64_t seq)
{
	const struct durable *durable = bus->durable;
	uint64_t found = 0;

	if (seq <= durable->read_seq && (!durable->refused_seq || seq < durable->refused_seq))
		return false;
	return store_events_read(bus->store, seq - 1, 1, note_seq, &found) == 0 && found == seq;
}

/* ---- */

int durable_new(struct devbus *bus)
{
	struct durable *durable = calloc(1, sizeof *durable);
	int r;

	if (!durable)
		return -ENOMEM;
	bus->durable = durable;
	outbox_give_back_dropped(bus->outbox, true, store_events_untold(bus->store));
	durable->retry_ms = RETRY_MS;
	r = loop_timer_new(bus->loop, again_due, bus, &durable->again);
	if (r == 0)
		r = loop_timer_new(bus->loop, retry_due, bus, &durable->retry);
	if (r == 0)
		r = loop_timer_new(bus->loop, durable_ack_overdue, bus, &durable->overdue);
	if (r == 0)
		r = loop_timer_new(bus->loop, durable_drop_old, bus, &durable->old);
	if (r == 0)
		durable_drop_old(bus);
	return r;
}

void durable_free(struct devbus *bus)
{
	struct durable *durable = bus->durable;

	if (!durable)
		return;
	durable_lost(bus);
	durable_free_batch(durable);
	free(durable->batch);
	loop_timer_free(durable->again);
	loop_timer_free(durable->overdue);
	loop_timer_free(durable->old);
	loop_timer_free(durable->retry);
	free(durable);
	bus->durable = NULL;
}

size_t durable_count(const struct devbus *bus)
{
	return bus->durable ? store_outbox_size(bus->store).count + bus->durable->batch_count : 0;
}
