// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* Publishing and subscribing as services do it, and how long a message takes. */
#include "probe.h"
#include <stdlib.h>
#include <string.h>

enum { PADDING_MAX = 120000 };

/* ---- state, stream, follow: publish and subscribe */

const struct devbus_field item_fields[] = {
	DEVBUS_FIELD(struct item, item, .flags = DEVBUS_REQUIRED),
	DEVBUS_FIELD(struct item, value),
	{ 0 },
};

int on_state(struct devbus_request *request, const void *args, void *userdata)
{
	const struct item *item = args;
	struct probe *self = userdata;
	int r = devbus_publish(
		self->bus, DEVBUS_STATE, item->item, echo_fields, &(struct echo) { item->value });

	return r < 0 ? r : devbus_reply(request, NULL, NULL);
}

static const char *const kinds[] = { "state", "event", "event-volatile", "volatile", "reliable", "durable",
	NULL };

const struct devbus_field order_fields[] = {
	DEVBUS_FIELD(struct order, item, .initial_text = "number"),
	DEVBUS_FIELD(struct order, kind, .choices = kinds, .initial_text = "reliable"),
	DEVBUS_FIELD(struct order, count, .max = 1000000, .initial = 1),
	DEVBUS_FIELD(struct order, interval_ms, .max = 60000),
	DEVBUS_FIELD(struct order, burst, .min = 1, .max = 1000, .initial = 1),
	DEVBUS_FIELD(struct order, size, .max = PADDING_MAX),
	{ 0 },
};

struct number {
	uint32_t n;
	char padding[PADDING_MAX + 1];
};
static const struct devbus_field number_fields[] = { DEVBUS_FIELD(struct number, n),
	DEVBUS_FIELD(struct number, padding, .flags = DEVBUS_OMIT_EMPTY), { 0 } };

static int publish_next(void)
{
	struct stream *stream = &probe.stream;
	static struct number number;
	int r;

	number.n = stream->number;
	memset(number.padding, 'x', stream->size);
	number.padding[stream->size] = '\0';
	r = devbus_publish(probe.bus, stream->kind, stream->item, number_fields, &number);
	stream->left--;
	stream->number++;
	if (r < 0)
		probe.health.publish_errors++;
	else
		probe.health.published++;
	return r;
}

static void stream_turn(struct devbus *bus, void *userdata)
{
	struct stream *stream = userdata;

	(void)bus;
	for (uint32_t i = 0; i < stream->burst && stream->left > 0; i++)
		publish_next();
	if (stream->left > 0)
		return;
	devbus_timer_stop(stream->timer);
	stream->timer = NULL;
}

/* At once, and then the failure of the last one is the answer; or one in each interval. */
int on_stream(struct devbus_request *request, const void *args, void *userdata)
{
	const struct order *order = args;
	struct probe *self = userdata;
	struct stream *stream = &self->stream;
	int r = 0;

	devbus_timer_stop(stream->timer);
	stream->timer = NULL;
	stream->number = 0;
	stream->left = order->count;
	stream->burst = order->burst;
	stream->size = order->size;
	strcpy(stream->item, order->item);
	for (int i = 0; kinds[i]; i++)
		if (strcmp(kinds[i], order->kind) == 0)
			stream->kind = (enum devbus_publication)i;
	if (order->interval_ms && stream->left)
		r = devbus_every(self->bus, order->interval_ms, stream_turn, stream, &stream->timer);
	else
		while (stream->left)
			r = publish_next();
	return r < 0 ? r : devbus_reply(request, NULL, NULL);
}

const struct devbus_field filter_fields[] = {
	DEVBUS_FIELD(struct filter, filter, .flags = DEVBUS_REQUIRED),
	DEVBUS_FIELD(struct filter, stop),
	{ 0 },
};

static void count_number(struct probe *self, const struct devbus_json *object)
{
	double number;

	if (devbus_json_number(devbus_json_get(object, "n"), &number) < 0 ||
		!(number >= 0 && number < NUMBERS_MAX))
		return;
	self->health.distinct += !self->number_seen[(size_t)number];
	self->number_seen[(size_t)number] = true;
}

static void on_seen(struct devbus *bus, const struct devbus_message *message, void *userdata)
{
	struct probe *self = userdata;

	(void)bus;
	self->health.seen++;
	count_number(self, message->object);
	devbus_json_free(self->health.last_seen);
	self->health.last_seen = devbus_json_copy(message->object);
}

int on_follow(struct devbus_request *request, const void *args, void *userdata)
{
	const struct filter *filter = args;
	struct probe *self = userdata;
	int r = filter->stop ? devbus_unsubscribe(self->bus, filter->filter)
			     : devbus_subscribe(self->bus, filter->filter, NULL, 0, on_seen, self);

	return r < 0 ? r : devbus_reply(request, NULL, NULL);
}

/* ---- latency: how long an event of ours takes to us and back, one at a time */

static int compare(const void *a, const void *b)
{
	int64_t difference = *(const int64_t *)a - *(const int64_t *)b;

	return (difference > 0) - (difference < 0);
}

struct times {
	uint32_t median_us, p99_us;
};
static const struct devbus_field times_fields[] = { DEVBUS_FIELD(struct times, median_us),
	DEVBUS_FIELD(struct times, p99_us), { 0 } };

static int next_round(struct probe *self)
{
	self->latency.sent_us = now_us();
	return devbus_publish(self->bus, DEVBUS_EVENT, "round", NULL, NULL);
}

void on_round(struct devbus *bus, const struct devbus_message *message, void *userdata)
{
	struct probe *self = userdata;
	struct latency *latency = &self->latency;
	struct times times;

	(void)bus, (void)message;
	if (!latency->request)
		return;
	latency->took_us[latency->done++] = now_us() - latency->sent_us;
	if (latency->done < latency->rounds) {
		next_round(self);
		return;
	}
	qsort(latency->took_us, latency->rounds, sizeof *latency->took_us, compare);
	times.median_us = (uint32_t)latency->took_us[latency->rounds / 2];
	times.p99_us = (uint32_t)latency->took_us[latency->rounds * 99 / 100];
	devbus_reply(latency->request, times_fields, &times);
	latency->request = NULL;
}

const struct devbus_field rounds_fields[] = {
	DEVBUS_FIELD(struct rounds, rounds, .min = 1, .max = ROUNDS_MAX, .initial = 100), { 0 }
};

int on_latency(struct devbus_request *request, const void *args, void *userdata)
{
	const struct rounds *rounds = args;
	struct probe *self = userdata;

	self->latency.request = request;
	self->latency.rounds = rounds->rounds;
	self->latency.done = 0;
	return next_round(self);
}
