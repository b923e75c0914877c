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

enum { TOKEN_SIZE = 48, TIMEOUT_MAX_MS = 3600 * 1000 };

struct echo {
	uint64_t generation; /* of this connection */
	char topic[TOPIC_SIZE];

	/* devbus_echo() */
	devbus_echo_handler *handler; /* NULL: none is under way */
	void *userdata;
	uint64_t asked;
	int64_t asked_ms;
	struct loop_timer *deadline;
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

static void on_echo(struct devbus *bus, const struct link_message *message, void *userdata)
{
	struct echo *echo = bus->echo;
	uint64_t generation, number;

	(void)userdata;
	if (message->payload_size >= TOKEN_SIZE || sscanf(message->payload, "%16" SCNx64, &generation) != 1 ||
		generation != echo->generation)
		return; /* of an earlier connection, or not ours */
	if (sscanf(message->payload, "%*x:p%" SCNu64, &number) == 1) {
		if (echo->handler && number == echo->asked)
			decide(bus, loop_now_ms(bus->loop) - echo->asked_ms);
	} else if (sscanf(message->payload, "%*x:%" SCNu64, &number) == 1) {
		durable_echoed(bus, number);
	}
}

static void deadline_due(void *userdata)
{
	decide(userdata, -ETIMEDOUT);
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
	if (getrandom(&echo->generation, sizeof echo->generation, 0) != sizeof echo->generation)
		echo->generation++;
	if (echo->handler)
		publish(bus, "p", echo->asked);
}

int echo_new(struct devbus *bus)
{
	char filter[TOPIC_SIZE];
	int r;

	bus->echo = calloc(1, sizeof *bus->echo);
	if (!bus->echo)
		return -ENOMEM;
	r = topic_make(bus->echo->topic, "service", "bridge", "echo", bus->name);
	if (r == 0)
		r = topic_make(filter, "service", "bridge", "echoed", bus->name);
	if (r == 0)
		r = loop_timer_new(bus->loop, deadline_due, bus, &bus->echo->deadline);
	if (r == 0)
		r = bus_subscribe(
			bus, &(struct link_filter) { .filter = filter, .qos = 1 }, on_echo, NULL, NULL);
	return r;
}

void echo_free(struct devbus *bus)
{
	if (!bus->echo)
		return;
	loop_timer_free(bus->echo->deadline);
	free(bus->echo);
	bus->echo = NULL;
}
