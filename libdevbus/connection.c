// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * The connection to the broker: connect, and for ever after reconnect, with exponential back-off and full jitter, so that a
 * broker that comes back is not met by all services at once. What was subscribed is subscribed again before the
 * connection counts as there.
 */
#include "durable.h"
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum {
	STABLE_MS = 10000, /* a connection that lasts so long begins the back-off anew */
	FLUSH_STEP_MS = 50,
};

static uint32_t random_below(uint32_t bound)
{
	uint32_t number = 0;

	if (getrandom(&number, sizeof number, GRND_NONBLOCK) != sizeof number)
		number = (uint32_t)clock_monotonic_ms() * 2654435761U;
	return bound ? number % bound : 0;
}

/* Full jitter over min..min*2^failures, up to the cap. */
static int64_t back_off_ms(const struct devbus *bus)
{
	uint64_t least = bus->settings.reconnect_min_ms, most = bus->settings.reconnect_max_ms;
	unsigned doublings = bus->failures < 20 ? bus->failures : 20;

	if (least << doublings < most)
		most = least << doublings;
	if (most <= least)
		return (int64_t)least;
	return (int64_t)(least + random_below((uint32_t)(most - least) + 1));
}

static void try_again_later(struct devbus *bus)
{
	int64_t delay_ms = back_off_ms(bus);

	bus->failures++;
	loop_timer_set(bus->reconnect, loop_now_ms(bus->loop) + delay_ms);
}

static int start_connecting(struct devbus *bus, const struct link_filter *filters, size_t count)
{
	char host[256], topic[TOPIC_SIZE];
	struct link_options options = {
		.host = host,
		.client_id = bus->client_id,
		.user = bus->settings.user,
		.password = bus->password,
		.keepalive_s = bus->settings.keepalive_s,
		.connect_timeout_s = bus->settings.connect_timeout_s,
		.clean = bus->flags & DEVBUS_CALLER,
	};
	char *will = NULL;
	int r = settings_split_address(bus->settings.broker, host, sizeof host, &options.port);

	if (r == 0 && bus->status) {
		r = status_next_will(bus, &will);
		topic_make(topic, "service", bus->name, "status");
		options.will_topic = topic;
		options.will_payload = will;
	}
	if (r == 0)
		r = bus->link->functions->connect(bus->link, &options, filters, count);
	free(will);
	return r;
}

static void connect_now(void *userdata)
{
	struct devbus *bus = userdata;
	struct link_filter *filters;
	size_t count;
	int r = subscriptions_list(bus, &filters, &count);

	if (r == 0) {
		r = start_connecting(bus, filters, count);
		free(filters);
	}
	bus->connecting = r == 0;
	if (r < 0) {
		log_error("cannot begin to connect: %s", strerror(-r));
		try_again_later(bus);
	}
}

void bus_start(struct devbus *bus)
{
	loop_timer_set(bus->reconnect, loop_now_ms(bus->loop));
}

static void try_again(void *userdata)
{
	struct devbus *bus = userdata;

	if (!bus->connected)
		return; /* all of it is asked for at the next connect */
	if (bus->status)
		status_try_again(bus);
	states_try_again(bus);
	subscriptions_ask(bus);
	durable_send(bus);
	outbox_send(bus->outbox, bus->link);
}

int bus_timers(struct devbus *bus)
{
	int r = loop_timer_new(bus->loop, connect_now, bus, &bus->reconnect);

	return r < 0 ? r : loop_timer_new(bus->loop, try_again, bus, &bus->again);
}

static void on_connected(void *userdata)
{
	struct devbus *bus = userdata;

	int64_t wall_ms;

	bus->connected = true;
	bus->connecting = false;
	bus->connected_ms = loop_now_ms(bus->loop);
	bus_trusted_ms(bus, &wall_ms); /* to be counted on from through an outage */
	bus->stats.connects++;
	log_debug("connected to %s", bus->settings.broker);
	bus->greeting = true; /* status, states and calls before any event */
	if (bus->status)
		status_connected(bus);
	states_connected(bus);
	subscriptions_ask(bus); /* before the calls: an answer may need one that was added meanwhile */
	if (!bus->closing)
		calls_connected(bus); /* else nobody would hear what became of them */
	echo_connected(bus);
	bus->greeting = false;
	durable_connected(bus);
	outbox_send(bus->outbox, bus->link);
}

static void on_lost(void *userdata, const char *reason)
{
	struct devbus *bus = userdata;
	bool was_connected = bus->connected;

	bus->connected = bus->connecting = false;
	if (was_connected && loop_now_ms(bus->loop) - bus->connected_ms >= STABLE_MS)
		bus->failures = 0;
	if (was_connected)
		bus->stats.losses++;
	else
		bus->stats.connect_failures++;
	outbox_lost(bus->outbox);
	calls_lost(bus);
	durable_lost(bus);
	if (bus->closing)
		return;
	/* A service that waits for its broker says so once, not at every attempt. */
	devbus_log(was_connected || bus->failures == 0 ? DEVBUS_LOG_WARNING : DEVBUS_LOG_DEBUG,
		"%s; trying again", reason);
	if (!was_connected && bus->status)
		status_connect_failed(bus);
	try_again_later(bus);
}

static void on_published(void *userdata, uint32_t token, int reason)
{
	struct devbus *bus = userdata;

	durable_told(bus, outbox_acknowledge(bus->outbox, token, reason));
	echo_ask_reliable(bus);
	subscriptions_ask(bus);
	durable_send(bus); /* there may be room in memory for what waits on disk */
	outbox_send(bus->outbox, bus->link);
}

static void on_writable(void *userdata)
{
	struct devbus *bus = userdata;

	subscriptions_ask(bus);
	outbox_send(bus->outbox, bus->link);
}

const struct link_events bus_link_events = {
	.connected = on_connected,
	.lost = on_lost,
	.subscribed = subscriptions_answered,
	.message = subscriptions_message,
	.published = on_published,
	.writable = on_writable,
};

/*
 * A connection that is just being made would be closed with answers unread: the kernel then resets it, and a broker that is about to acknowledge
 * "offline" takes us for lost and publishes the will.
 */
static bool farewell_pending(const struct devbus *bus)
{
	return bus->connecting || (bus->connected && outbox_count(bus->outbox));
}

void bus_disconnect(struct devbus *bus, uint32_t timeout_ms)
{
	int64_t until_ms = loop_now_ms(bus->loop) + timeout_ms;

	bus->closing = true;
	loop_timer_stop(bus->reconnect);
	while (farewell_pending(bus) && loop_now_ms(bus->loop) < until_ms)
		if (loop_dispatch(bus->loop, FLUSH_STEP_MS) < 0)
			break;
	bus->link->functions->disconnect(bus->link, timeout_ms);
	bus->connected = false;
}
