// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * What all modules of the bus need: to send, to read what came, the time. Which of them is told what, and when, is connection.c's.
 */
#include "bus.h"
#include "json.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	TRY_AGAIN_MS = 1000,
};

int64_t bus_wall_ms(const struct devbus *bus)
{
	return bus->clock.wall_ms(bus->clock.userdata);
}

bool bus_clock_unsynced(const struct devbus *bus)
{
	return !bus->clock.synced(bus->clock.userdata);
}

bool bus_trusted_ms(struct devbus *bus, int64_t *ret_wall_ms)
{
	return clock_trusted_ms(&bus->clock, &bus->clock_trust, ret_wall_ms);
}

int64_t bus_enter(struct devbus *bus)
{
	return loop_now_ms(bus->loop);
}

void bus_leave(struct devbus *bus, int64_t entered_ms, const char *kind, const char *name)
{
	uint64_t took_ms = (uint64_t)(loop_now_ms(bus->loop) - entered_ms);

	if (took_ms > bus->stats.handler_slowest_ms)
		bus->stats.handler_slowest_ms = took_ms;
	if (took_ms * 2 <= 1000 * (uint64_t)bus->settings.keepalive_s)
		return;
	bus->stats.handlers_slow++;
	log_warning(
		"the %s %s blocked for %llu ms; past half of keepalive_s (%u s) the broker may end the connection",
		kind, name, (unsigned long long)took_ms, (unsigned)bus->settings.keepalive_s);
}

/* ---- sending */

/* With nothing before it, what the link takes at once, for good, needs no copy. Returns whether it did. */
static bool send_at_once(struct devbus *bus, const struct outbox_message *message)
{
	uint32_t token;

	if (message->message.qos > 0 || outbox_waits(bus->outbox) ||
		bus->link->functions->publish(bus->link, &message->message, &token) < 0)
		return false;
	bus->stats.messages_published++;
	if (message->acknowledged)
		message->acknowledged(0, message->userdata);
	return true;
}

int bus_send(struct devbus *bus, const struct outbox_message *message)
{
	bool may_send = bus->connected && !bus->greeting;
	int r;

	if (message->message.payload_size > bus->settings.payload_limit_bytes)
		return -EMSGSIZE;
	/* QoS 0 is for those who listen now: without a connection nobody does. */
	if (message->message.qos == 0 && !bus->connected) {
		bus->stats.messages_dropped++;
		return 0;
	}
	if (may_send)
		subscriptions_ask(bus); /* first: the message may be a call whose answer needs one */
	if (may_send && send_at_once(bus, message))
		return 0;
	r = outbox_add(bus->outbox, message);
	if (r == 0 && may_send)
		outbox_send(bus->outbox, bus->link);
	return r;
}

int bus_send_json(struct devbus *bus, const struct bus_packet *packet, struct devbus_json *object)
{
	char *text = json_print_and_free(object);
	struct outbox_message message = {
		.class = packet->class,
		.cloud = packet->cloud,
		.acknowledged = packet->acknowledged,
		.userdata = packet->userdata,
		.dropped = packet->dropped,
		.message = {
			.topic = packet->topic,
			.payload = text,
			.qos = packet->qos,
			.retained = packet->retain,
			.response_topic = packet->response_topic,
			.correlation = packet->correlation,
			.correlation_size = packet->correlation_size,
		},
	};
	int r = -ENOMEM;

	if (text) {
		message.message.payload_size = strlen(text);
		r = bus_send(bus, &message);
	}
	free(text);
	return r;
}

int bus_parse(const struct devbus *bus, const struct link_message *message, struct devbus_json **ret_object,
	struct devbus_error *ret_error)
{
	struct devbus_json *value = NULL;
	int r;

	if (message->payload_size > bus->settings.payload_limit_bytes) {
		error_set(ret_error, DEVBUS_E_MALFORMED, "the payload of %zu bytes is above the limit of %u",
			message->payload_size, (unsigned)bus->settings.payload_limit_bytes);
		return -EMSGSIZE;
	}
	if (message->payload_size > 0) {
		r = devbus_json_parse(message->payload, message->payload_size, &value, ret_error);
		if (r == -ENOMEM)
			error_set(ret_error, DEVBUS_E_INTERNAL, "out of memory");
		if (r < 0)
			return r;
		if (devbus_json_type(value) != DEVBUS_JSON_OBJECT) {
			devbus_json_free(value);
			error_set(ret_error, DEVBUS_E_MALFORMED, "the payload is not a JSON object");
			return -EBADMSG;
		}
	}
	*ret_object = value;
	return 0;
}

void bus_try_again(struct devbus *bus)
{
	loop_timer_set(bus->again, loop_now_ms(bus->loop) + TRY_AGAIN_MS);
}
