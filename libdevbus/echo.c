// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * The echo through the bridge: a token goes out on one topic and comes back from the cloud's broker on another (protocol 6.5). Two
 * use it, with one subscription: durable events, whose tokens are numbers, and devbus_echo(), whose token begins with a letter. All tokens
 * begin with the word of this connection, so that one of an earlier connection says nothing.
 */
#include "durable.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum {
	TOKEN_SIZE = 48,
	TIMEOUT_MAX_MS = 3600 * 1000,
	RELIABLE_AGAIN_MS = 30000, /* a token that the cloud's broker lost is sent again, */
	RELIABLE_AGAIN_MAX_MS = 3600 * 1000, /* ever more rarely: see durable.c */
};

struct echo {
	uint64_t generation; /* of this connection */
	char topic[TOPIC_SIZE];

	/* devbus_echo() */
	devbus_echo_handler *handler; /* NULL: none is under way */
	void *userdata;
	uint64_t asked;
	int64_t asked_ms;
	struct loop_timer *deadline;

	/* reliable events */
	uint64_t reliable; /* the last token of theirs; 0: it is back */
	int64_t again_ms; /* how long this one is waited for */
	struct loop_timer *again;
};

static void publish(struct devbus *bus, const char *kind, uint64_t number)
{
	char token[TOKEN_SIZE];

	snprintf(token, sizeof token, "%016" PRIx64 ":%s%" PRIu64, bus->echo->generation, kind, number);
	bus_send(bus, &(struct outbox_message) {
			      .class = OUTBOX_CONTROL,
			      .message = { .topic = bus->echo->topic,
				      .payload = token,
				      .payload_size = strlen(token),
				      .qos = 1 },
		      });
}

void echo_send(struct devbus *bus, uint64_t seq)
{
	publish(bus, "", seq);
}

static void decide(struct devbus *bus, int64_t took_ms)
{
	struct echo *echo = bus->echo;
	devbus_echo_handler *handler = echo->handler;
	int64_t entered_ms = bus_enter(bus);

	echo->handler = NULL;
	loop_timer_stop(echo->deadline);
	handler(bus, took_ms, echo->userdata);
	bus_leave(bus, entered_ms, "handler of an", "echo");
}

static void send_reliable(struct devbus *bus)
{
	publish(bus, "r", bus->echo->reliable);
	loop_timer_set(bus->echo->again, loop_now_ms(bus->loop) + bus->echo->again_ms);
}

static void again_due(void *userdata)
{
	struct devbus *bus = userdata;

	if (!bus->connected || !bus->echo->reliable)
		return;
	bus->echo->again_ms *= 2;
	if (bus->echo->again_ms > RELIABLE_AGAIN_MAX_MS)
		bus->echo->again_ms = RELIABLE_AGAIN_MAX_MS;
	send_reliable(bus);
}

void echo_ask_reliable(struct devbus *bus)
{
	if (!bus->echo || !bridge_window_asks(outbox_window(bus->outbox), &bus->echo->reliable))
		return;
	bus->echo->again_ms = RELIABLE_AGAIN_MS;
	send_reliable(bus);
}

static void reliable_echoed(struct devbus *bus, uint64_t number)
{
	bridge_window_confirmed(outbox_window(bus->outbox), number);
	if (number == bus->echo->reliable) {
		bus->echo->reliable = 0;
		loop_timer_stop(bus->echo->again);
	}
	outbox_send(bus->outbox, bus->link);
}

static void new_generation(struct echo *echo)
{
	if (getrandom(&echo->generation, sizeof echo->generation, 0) != sizeof echo->generation)
		echo->generation++;
}

void echo_renew(struct devbus *bus)
{
	new_generation(bus->echo);
	if (bus->echo->handler)
		publish(bus, "p", bus->echo->asked);
	if (bus->echo->reliable)
		send_reliable(bus);
}

static void on_echo(struct devbus *bus, const struct link_message *message, void *userdata)
{
	struct echo *echo = bus->echo;
	uint64_t generation, number;

	(void)userdata;
	if (strcmp(message->payload, "again") == 0)
		durable_send_again(bus);
	if (message->payload_size >= TOKEN_SIZE || sscanf(message->payload, "%16" SCNx64, &generation) != 1 ||
		generation != echo->generation)
		return; /* of an earlier connection, or not ours */
	if (sscanf(message->payload, "%*x:p%" SCNu64, &number) == 1) {
		if (echo->handler && number == echo->asked)
			decide(bus, loop_now_ms(bus->loop) - echo->asked_ms);
	} else if (sscanf(message->payload, "%*x:r%" SCNu64, &number) == 1) {
		reliable_echoed(bus, number);
	} else if (sscanf(message->payload, "%*x:%" SCNu64, &number) == 1) {
		durable_echoed(bus, number);
	}
}

static void deadline_due(void *userdata)
{
	struct devbus *bus = userdata;

	if (!bus->closing) /* else whoever asked is gone */
		decide(bus, -ETIMEDOUT);
}

int devbus_echo(struct devbus *bus, uint32_t timeout_ms, devbus_echo_handler *handler, void *userdata)
{
	struct echo *echo = bus->echo;

	if (!echo)
		return -EPERM;
	if (!handler || timeout_ms == 0 || timeout_ms > TIMEOUT_MAX_MS)
		return -EINVAL;
	if (echo->handler)
		return -EBUSY;
	echo->handler = handler;
	echo->userdata = userdata;
	echo->asked_ms = loop_now_ms(bus->loop);
	echo->asked++;
	loop_timer_set(echo->deadline, echo->asked_ms + timeout_ms);
	if (bus->connected)
		publish(bus, "p", echo->asked);
	return 0;
}

void echo_connected(struct devbus *bus)
{
	struct echo *echo = bus->echo;

	if (!echo)
		return;
	new_generation(echo);
	echo->reliable = 0;
	loop_timer_stop(echo->again);
	if (echo->handler)
		publish(bus, "p", echo->asked);
}

int echo_new(struct devbus *bus)
{
	struct echo *echo = bus->echo = calloc(1, sizeof *bus->echo);
	char filter[TOPIC_SIZE];
	int r;

	if (!echo)
		return -ENOMEM;
	r = topic_make(echo->topic, "service", "bridge", "echo", bus->name);
	if (r == 0)
		r = topic_make(filter, "service", "bridge", "echoed", bus->name);
	if (r == 0)
		r = loop_timer_new(bus->loop, deadline_due, bus, &echo->deadline);
	if (r == 0)
		r = loop_timer_new(bus->loop, again_due, bus, &echo->again);
	if (r == 0)
		r = bus_subscribe(
			bus, &(struct link_filter) { .filter = filter, .qos = 1 }, on_echo, NULL, NULL);
	outbox_window(bus->outbox)->limited = strcmp(bus->settings.confirm, "echo") == 0;
	return r;
}

void echo_free(struct devbus *bus)
{
	if (!bus->echo)
		return;
	loop_timer_free(bus->echo->deadline);
	loop_timer_free(bus->echo->again);
	free(bus->echo);
	bus->echo = NULL;
}
