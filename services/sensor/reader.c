// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * The loop and a thread meet in two atomics of a batch. `next` deals the orders out: the thread takes one after the other, and the loop
 * takes the rest at once by setting it to the end. `finished` says how many the thread has read: their results are the loop's then.
 */
#include "reader.h"
#include "lane.h"

#include <devbus/worker.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* A source that takes longer than one to two of these is slow. */
#define LOOK_MS 20

struct order {
	uint32_t number;
	struct source source;
	int error;
	double value;
};

struct batch {
	int root;
	struct order *orders;
	size_t count;
	atomic_size_t next, finished;
};

struct reader {
	struct readers *readers;
	struct devbus_worker *worker;
	struct batch *batch; /* the worker's; NULL: idle */
	bool slow; /* it is at one source of one lane, and nothing is to be taken from it */
	uint64_t lane;
	int64_t started_ms;
	size_t delivered, seen; /* of batch->finished */
};

struct readers {
	struct devbus *bus;
	int root;
	reader_handler *handler;
	reader_settled *settled;
	void *userdata;
	struct order *queue;
	size_t count, room;
	struct reader pool[READERS_MAX];
	struct slow_lanes slow;
	struct devbus_timer *look; /* while a batch of several is under way */
};

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- in the thread */

static void run_batch(void *work)
{
	struct batch *batch = work;

	for (;;) {
		size_t i = atomic_fetch_add(&batch->next, 1);

		if (i >= batch->count)
			return;
		struct order *order = &batch->orders[i];

		order->error = order->source.read(batch->root, &order->source, &order->value);
		atomic_store(&batch->finished, i + 1);
	}
}

static void free_batch(void *work)
{
	struct batch *batch = work;

	free(batch->orders);
	free(batch);
}

/* ---- lanes */

static bool is_slow(const struct readers *readers, const struct source *source)
{
	return source->slow || lane_is_slow(&readers->slow, source->lane, now_ms());
}

static bool is_held(const struct readers *readers, uint64_t lane)
{
	for (size_t i = 0; i < READERS_MAX; i++)
		if (readers->pool[i].batch && readers->pool[i].slow && readers->pool[i].lane == lane)
			return true;
	return false;
}

/* ---- results */

static void deliver(struct readers *readers, struct reader *reader)
{
	size_t finished = atomic_load(&reader->batch->finished);

	for (; reader->delivered < finished; reader->delivered++) {
		const struct order *order = &reader->batch->orders[reader->delivered];

		readers->handler(readers->userdata, order->number, order->error, order->value);
	}
}

static void stop_looking(struct readers *readers)
{
	devbus_timer_stop(readers->look);
	readers->look = NULL;
}

static bool together_under_way(const struct readers *readers)
{
	for (size_t i = 0; i < READERS_MAX; i++)
		if (readers->pool[i].batch && !readers->pool[i].slow)
			return true;
	return false;
}

static void on_done(struct devbus *bus, void *work, void *userdata)
{
	struct reader *reader = userdata;
	struct readers *readers = reader->readers;

	(void)bus, (void)work;
	if (reader->slow && now_ms() - reader->started_ms >= 2 * LOOK_MS)
		lane_make_slow(&readers->slow, reader->lane, now_ms());
	deliver(readers, reader);
	reader->batch = NULL;
	if (!together_under_way(readers))
		stop_looking(readers);
	readers_start(readers);
	readers->settled(readers->userdata);
}

static const struct devbus_worker_functions functions = { run_batch, on_done, free_batch };

/* ---- handing out */

static struct order *queue_place(struct readers *readers)
{
	if (readers->count == readers->room) {
		size_t room = readers->room ? 2 * readers->room : 32;
		struct order *queue = realloc(readers->queue, room * sizeof *queue);

		if (!queue)
			return NULL;
		readers->queue = queue;
		readers->room = room;
	}
	return &readers->queue[readers->count++];
}

void readers_order(struct readers *readers, uint32_t number, const struct source *source)
{
	struct order *order = queue_place(readers);

	if (order)
		*order = (struct order) { .number = number, .source = *source };
	else
		readers->handler(readers->userdata, number, -ENOMEM, 0);
}

/* An idle reader, of which @spare others must be left. */
static struct reader *idle_reader(struct readers *readers, unsigned spare)
{
	struct reader *found = NULL;
	unsigned idle = 0;

	for (size_t i = 0; i < READERS_MAX; i++) {
		if (readers->pool[i].batch)
			continue;
		found = &readers->pool[i];
		idle++;
	}
	return idle > spare ? found : NULL;
}

/* @orders are taken, on success only. */
static int start_reader(
	struct readers *readers, struct reader *reader, struct order *orders, size_t count, bool slow)
{
	struct batch *batch = malloc(sizeof *batch);
	int r;

	if (!batch)
		return -ENOMEM;
	*batch = (struct batch) { .root = readers->root, .orders = orders, .count = count };
	reader->slow = slow;
	reader->lane = orders[0].source.lane;
	reader->started_ms = now_ms();
	reader->delivered = reader->seen = 0;
	r = devbus_worker_start(reader->worker, batch);
	if (r < 0)
		free(batch);
	else
		reader->batch = batch;
	return r;
}

/* Reads @order on its own. Returns whether it could be begun. */
static bool start_alone(struct readers *readers, const struct order *order)
{
	struct reader *reader = idle_reader(readers, 2);
	struct order *copy = reader ? malloc(sizeof *copy) : NULL;

	if (!copy)
		return false;
	*copy = *order;
	if (start_reader(readers, reader, copy, 1, true) == 0)
		return true;
	free(copy);
	return false;
}

static void on_look(struct devbus *bus, void *userdata);

static void look_soon(struct readers *readers)
{
	if (!readers->look && devbus_every(readers->bus, LOOK_MS, on_look, readers, &readers->look) < 0)
		devbus_log(DEVBUS_LOG_ERROR, "out of memory: readings may be late");
}

/* Everything that is not slow, by one thread. The queue itself becomes the batch. */
static void start_together(struct readers *readers, size_t quick)
{
	struct reader *reader = idle_reader(readers, 0);
	size_t rest = readers->count - quick;
	struct order *waiting = NULL;

	if (!reader)
		return;
	if (rest > 0 && !(waiting = malloc(rest * sizeof *waiting)))
		return;
	if (rest > 0)
		memcpy(waiting, readers->queue + quick, rest * sizeof *waiting);
	if (start_reader(readers, reader, readers->queue, quick, false) < 0) {
		free(waiting);
		return;
	}
	readers->queue = waiting;
	readers->count = readers->room = rest;
	look_soon(readers);
}

void readers_start(struct readers *readers)
{
	size_t kept = 0, quick = 0;

	/* Slow ones are begun or stay, behind those that are not. */
	for (size_t i = 0; i < readers->count; i++) {
		struct order order = readers->queue[i];

		if (is_slow(readers, &order.source) && !is_held(readers, order.source.lane) &&
			start_alone(readers, &order))
			continue;
		readers->queue[kept++] = order;
	}
	readers->count = kept;
	for (size_t i = 0; i < kept; i++) {
		struct order order = readers->queue[i];

		if (is_slow(readers, &order.source) || is_held(readers, order.source.lane))
			continue;
		readers->queue[i] = readers->queue[quick];
		readers->queue[quick++] = order;
	}
	if (quick > 0 && !together_under_way(readers))
		start_together(readers, quick);
}

/* ---- looking after the batch of several */

/* What the stuck thread has not begun goes back to the queue; the lane in which it is stuck is slow. */
static void take_over(struct readers *readers, struct reader *reader)
{
	struct batch *batch = reader->batch;
	size_t begun = atomic_exchange(&batch->next, batch->count);

	if (begun > batch->count)
		begun = batch->count;
	for (size_t i = begun; i < batch->count; i++)
		readers_order(readers, batch->orders[i].number, &batch->orders[i].source);
	reader->slow = true;
	reader->lane = batch->orders[begun - 1].source.lane;
	lane_make_slow(&readers->slow, reader->lane, now_ms());
}

static void on_look(struct devbus *bus, void *userdata)
{
	struct readers *readers = userdata;
	bool under_way = false;

	(void)bus;
	for (size_t i = 0; i < READERS_MAX; i++) {
		struct reader *reader = &readers->pool[i];

		if (!reader->batch || reader->slow)
			continue;
		size_t finished = atomic_load(&reader->batch->finished);

		/* One that has not begun waits for a processor, not for a source. */
		if (finished == reader->seen && finished < reader->batch->count &&
			atomic_load(&reader->batch->next) > 0)
			take_over(readers, reader);
		else
			under_way = true;
		reader->seen = finished;
		deliver(readers, reader);
	}
	if (!under_way) {
		stop_looking(readers);
		readers_start(readers);
	}
	readers->settled(readers->userdata);
}

/* ---- begin and end */

int readers_new(struct devbus *bus, int root, reader_handler *handler, reader_settled *settled,
	void *userdata, struct readers **ret_readers)
{
	struct readers *readers = calloc(1, sizeof *readers);
	int r;

	if (!readers)
		return -ENOMEM;
	*readers = (struct readers) { .bus = bus,
		.root = fcntl(root, F_DUPFD_CLOEXEC, 0),
		.handler = handler,
		.settled = settled,
		.userdata = userdata };
	r = readers->root < 0 ? -errno : 0;
	for (size_t i = 0; r == 0 && i < READERS_MAX; i++) {
		readers->pool[i].readers = readers;
		r = devbus_worker_new(bus, &functions, &readers->pool[i], &readers->pool[i].worker);
	}
	if (r < 0)
		readers_free(readers);
	else
		*ret_readers = readers;
	return r;
}

void readers_free(struct readers *readers)
{
	if (!readers)
		return;
	/* A thread that hangs may still use it. */
	if (readers->root >= 0 && readers_busy(readers) == 0)
		close(readers->root);
	stop_looking(readers);
	for (size_t i = 0; i < READERS_MAX; i++)
		devbus_worker_free(readers->pool[i].worker);
	free(readers->queue);
	free(readers);
}

unsigned readers_busy(const struct readers *readers)
{
	unsigned busy = 0;

	for (size_t i = 0; i < READERS_MAX; i++)
		busy += readers->pool[i].batch != NULL;
	return busy;
}
