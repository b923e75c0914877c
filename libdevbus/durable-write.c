// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * To the disk: one event or a batch of them in one transaction, within a bound of bytes and of age. What does not fit pushes out what
 * matters less, and that is counted and told.
 */
#include "durable.h"
#include "json.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	OLD_EVERY_MS = 3600 * 1000, /* how often events are looked for that are past their age */
	DROP_AT_ONCE = 32, /* events, when room is made: the disk is touched once for several */
};
#define HOUR_MS ((int64_t)3600 * 1000)

/* What they would have told of earlier ones is still to be told, and was counted then. */
static void count_dropped(struct devbus *bus, const struct store_drop *dropped)
{
	bus->stats.events_dropped += dropped->count;
	outbox_give_back_dropped(bus->outbox, true, dropped->count + dropped->told);
}

/* Events for which nothing may go: as lost as one that went. A state of a command is told in another way. */
static void count_refused(struct devbus *bus, const struct store_event *event, size_t count, int r)
{
	if (r == -ENOBUFS && event->class != OUTBOX_COMMAND)
		count_dropped(bus, &(struct store_drop) { .count = count });
}

int durable_make_room(struct devbus *bus, enum outbox_class class, size_t bytes)
{
	size_t limit = bus->settings.outbox_limit_bytes;
	struct store_drop dropped;
	int r = 0;

	if (bytes > limit)
		return -ENOBUFS; /* nothing that is there need go for what can never fit */
	while (store_outbox_size(bus->store).bytes + bytes > limit) {
		r = store_events_drop(bus->store, class, DROP_AT_ONCE, &dropped);
		if (r < 0 || dropped.count == 0)
			return r < 0 ? r : -ENOBUFS;
		count_dropped(bus, &dropped);
	}
	return r;
}

void durable_drop_old(void *userdata)
{
	struct devbus *bus = userdata;
	int64_t hours_ms = bus->settings.outbox_hours * HOUR_MS, now_ms;
	struct store_drop dropped;

	if (bus_trusted_ms(bus, &now_ms) &&
		store_events_drop_old(bus->store, now_ms - hours_ms, &dropped) == 0)
		count_dropped(bus, &dropped);
	loop_timer_set(bus->durable->old, loop_now_ms(bus->loop) + OLD_EVERY_MS);
}

static void note_write(struct devbus *bus, int r)
{
	if (r < 0 && r != -ENOBUFS)
		log_error("cannot write the outbox in %s: %s", bus->state_dir, strerror(-r));
	if (r != -ENOBUFS)
		status_problem(bus, STATUS_STORE, r < 0 ? "the state folder cannot be written" : NULL);
}

void durable_free_batch(struct durable *durable)
{
	for (size_t i = 0; i < durable->batch_count; i++) {
		free((char *)durable->batch[i].topic);
		free((char *)durable->batch[i].payload);
	}
	durable->batch_count = durable->batch_bytes = 0;
	durable->batch_dropped = 0;
}

/* What its events would have told of earlier ones is still to be told. */
static void give_up_batch(struct devbus *bus)
{
	outbox_give_back_dropped(bus->outbox, true, bus->durable->batch_dropped);
	durable_free_batch(bus->durable);
}

static int write_batch(struct devbus *bus)
{
	struct durable *durable = bus->durable;
	int r = durable_make_room(bus, OUTBOX_EVENT, durable->batch_bytes);

	if (r == 0)
		r = store_events_add(bus->store, durable->batch, durable->batch_count);
	note_write(bus, r);
	count_refused(bus, durable->batch, durable->batch_count, r);
	if (r < 0) {
		give_up_batch(bus);
		return r;
	}
	durable_free_batch(durable);
	durable_send(bus);
	return 0;
}

static int add_to_batch(struct durable *durable, const struct store_event *event)
{
	struct store_event copy = *event;

	if (durable->batch_bytes + store_event_bytes(event) > DURABLE_BATCH_BYTES_MAX)
		return -E2BIG;
	if (durable->batch_count == durable->batch_room) {
		size_t room = durable->batch_room ? 2 * durable->batch_room : 16;
		struct store_event *grown = realloc(durable->batch, room * sizeof *grown);

		if (!grown)
			return -ENOMEM;
		durable->batch = grown;
		durable->batch_room = room;
	}
	copy.topic = strdup(event->topic);
	copy.payload = strdup(event->payload);
	if (!copy.topic || !copy.payload) {
		free((char *)copy.topic);
		free((char *)copy.payload);
		return -ENOMEM;
	}
	durable->batch[durable->batch_count++] = copy;
	durable->batch_bytes += store_event_bytes(event);
	return 0;
}

static int write_one(struct devbus *bus, const struct store_event *event)
{
	int r = durable_make_room(bus, event->class, store_event_bytes(event));

	if (r == 0)
		r = store_events_add(bus->store, event, 1);
	note_write(bus, r);
	count_refused(bus, event, 1, r);
	if (r == 0)
		durable_send(bus);
	return r;
}

void durable_told(struct devbus *bus, uint64_t dropped)
{
	int r = bus->durable ? store_events_told(bus->store, dropped) : 0;

	if (r < 0)
		log_warning("what was told of lost events is told again after a restart: %s", strerror(-r));
}

int durable_publish(struct devbus *bus, enum outbox_class class, const char *topic,
	struct devbus_json *object, uint64_t dropped)
{
	struct durable *durable = bus->durable;
	bool batched = durable->batch_open && class != OUTBOX_COMMAND; /* which waits for no batch */
	struct store_event event = {
		.seq = store_next_seq(bus->store) + durable->batch_count,
		.class = class,
		.wall_ms = bus_clock_unsynced(bus) ? INT64_MAX : bus_wall_ms(bus),
		.topic = topic,
		.dropped = dropped,
	};
	char *payload;
	int r = devbus_json_set(object, "stream", devbus_json_new_string(store_stream(bus->store)));

	if (r == 0)
		r = devbus_json_set(object, "seq", devbus_json_new_number((double)event.seq));
	payload = json_print_and_free(object);
	if (r == 0 && !payload)
		r = -ENOMEM;
	event.payload = payload;
	if (r == 0 && strlen(payload) > bus->settings.payload_limit_bytes)
		r = -EMSGSIZE;
	if (r == 0)
		r = batched ? add_to_batch(durable, &event) : write_one(bus, &event);
	free(payload);
	return r;
}

int durable_commit(struct devbus *bus)
{
	struct durable *durable = bus->durable;
	int r = durable && durable->batch_count && !durable->batch_failed ? write_batch(bus) : 0;

	if (durable && durable->batch_failed)
		give_up_batch(bus); /* all or none */
	if (r < 0 && durable->batch_open)
		durable->batch_failed = r; /* whoever opened it is told at its end */
	return r;
}

int devbus_batch_begin(struct devbus *bus)
{
	if (!bus->durable)
		return -EPERM;
	bus->durable->batch_open = true;
	return 0;
}

int devbus_batch_commit(struct devbus *bus)
{
	int r, failed;

	if (!bus->durable)
		return -EPERM;
	if (!bus->durable->batch_open)
		return -EINVAL;
	bus->durable->batch_open = false;
	r = durable_commit(bus);
	failed = bus->durable->batch_failed;
	bus->durable->batch_failed = 0;
	return failed < 0 ? failed : r;
}
