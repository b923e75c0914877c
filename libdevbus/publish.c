// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * Publishing and subscribing by kind rather than by topic. States are kept here as well, because the broker may forget them
 * or come back with older ones: they are published again at every connect (protocol 3.3).
 */
#include "durable.h"
#include "json.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What each kind is (protocol 1). */
static const struct kind {
	const char *root, *branch; /* <root>/<branch or name>/... */
	int qos;
	bool retain, stamped, durable;
	enum outbox_class class;
} kinds[] = {
	[DEVBUS_STATE] = { "service", "state", 1, true, false, false, OUTBOX_CONTROL },
	[DEVBUS_EVENT] = { "service", "event", 1, false, true, false, OUTBOX_EVENT },
	[DEVBUS_EVENT_VOLATILE] = { "service", "event", 0, false, true, false, OUTBOX_TELEMETRY },
	[DEVBUS_CLOUD_VOLATILE] = { "cloud", NULL, 0, false, true, false, OUTBOX_TELEMETRY },
	[DEVBUS_CLOUD_RELIABLE] = { "cloud", NULL, 1, false, true, false, OUTBOX_EVENT },
	[DEVBUS_CLOUD_DURABLE] = { "cloud", NULL, 1, false, true, true, OUTBOX_EVENT },
};

struct state {
	struct state *next;
	char *payload; /* NULL: none was taken yet */
	bool untold; /* of this connection: memory was short */
	char topic[];
};

struct states {
	struct state *first;
};

/* ---- states */

static struct state *find_state(struct states *states, const char *topic)
{
	for (struct state *state = states->first; state; state = state->next)
		if (strcmp(state->topic, topic) == 0)
			return state;
	return NULL;
}

static struct state *add_state(struct states *states, const char *topic)
{
	struct state *state = malloc(sizeof *state + strlen(topic) + 1);

	if (!state)
		return NULL;
	state->payload = NULL;
	state->untold = false;
	strcpy(state->topic, topic);
	state->next = states->first;
	states->first = state;
	return state;
}

/* The place for what is published on @topic; NULL: no memory. */
static struct state *place_for(struct devbus *bus, const char *topic)
{
	struct state *state;

	if (!bus->states)
		bus->states = calloc(1, sizeof *bus->states);
	if (!bus->states)
		return NULL;
	state = find_state(bus->states, topic);
	return state ? state : add_state(bus->states, topic);
}

static int send_state(struct devbus *bus, const char *topic, const char *payload)
{
	return bus_send(bus,
		&(struct outbox_message) {
			.class = OUTBOX_CONTROL,
			.message = {
				.topic = topic,
				.payload = payload,
				.payload_size = strlen(payload),
				.qos = 1,
				.retained = true,
			},
		});
}

static void send_states(struct devbus *bus, bool all)
{
	for (struct state *state = bus->states ? bus->states->first : NULL; state; state = state->next) {
		if (!state->payload || !(all || state->untold))
			continue;
		state->untold = send_state(bus, state->topic, state->payload) < 0;
		if (state->untold)
			bus_try_again(bus);
	}
}

void states_connected(struct devbus *bus)
{
	send_states(bus, true);
}

void states_try_again(struct devbus *bus)
{
	send_states(bus, false);
}

bool states_wait(const struct devbus *bus)
{
	return bus->states && !bus->connected;
}

void states_free(struct devbus *bus)
{
	if (!bus->states)
		return;
	for (struct state *state; (state = bus->states->first);) {
		bus->states->first = state->next;
		free(state->payload);
		free(state);
	}
	free(bus->states);
	bus->states = NULL;
}

static int publish_state(struct devbus *bus, const char *topic, struct devbus_json *object)
{
	char *payload = json_print_and_free(object);
	struct state *state = payload ? place_for(bus, topic) : NULL;
	int r = state ? 0 : -ENOMEM;

	if (r == 0 && strlen(payload) > bus->settings.payload_limit_bytes)
		r = -EMSGSIZE;
	if (r == 0 && bus->connected) /* else: with the next birth */
		r = send_state(bus, topic, payload);
	if (r < 0) {
		free(payload);
		return r;
	}
	free(state->payload);
	state->payload = payload;
	state->untold = false;
	return 0;
}

/* ---- events */

static int publish_event(
	struct devbus *bus, const struct kind *kind, const char *topic, struct devbus_json *object)
{
	bool cloud = !kind->branch;
	struct bus_packet packet = { .class = kind->class, .cloud = cloud, .topic = topic, .qos = kind->qos };
	int r = envelope_stamp(object, bus_wall_ms(bus), bus_clock_unsynced(bus));

	if (r == 0 && kind->qos > 0)
		packet.dropped = outbox_take_dropped(bus->outbox, cloud);
	if (r == 0 && packet.dropped)
		r = devbus_json_set(object, "dropped", devbus_json_new_number((double)packet.dropped));
	if (r < 0)
		devbus_json_free(object);
	else if (kind->durable)
		r = durable_publish(bus, kind->class, topic, object, packet.dropped);
	else
		r = bus_send_json(bus, &packet, object);
	if (r < 0)
		outbox_give_back_dropped(bus->outbox, cloud, packet.dropped);
	else if (kind->durable && bus->durable->batch_open)
		bus->durable->batch_dropped += packet.dropped;
	return r;
}

static int make_topic(
	const struct devbus *bus, const struct kind *kind, const char *item, char topic[TOPIC_SIZE])
{
	if (kind->branch)
		return topic_make(topic, kind->root, bus->name, kind->branch, item);
	return topic_make(topic, kind->root, "event", bus->name, item);
}

int devbus_publish_json(
	struct devbus *bus, enum devbus_publication what, const char *item, struct devbus_json *object)
{
	bool known = (size_t)what < sizeof kinds / sizeof *kinds;
	const struct kind *kind = &kinds[known ? what : 0];
	char topic[TOPIC_SIZE];
	int r = known ? 0 : -EINVAL;

	if (!object)
		return -ENOMEM;
	if (devbus_json_type(object) != DEVBUS_JSON_OBJECT || !item)
		r = -EINVAL;
	if (r == 0 && (bus->flags & DEVBUS_CALLER))
		r = -EPERM;
	if (r == 0)
		r = make_topic(bus, kind, item, topic);
	if (r < 0) {
		devbus_json_free(object);
		return r;
	}
	return kind->retain ? publish_state(bus, topic, object) : publish_event(bus, kind, topic, object);
}

int devbus_publish(struct devbus *bus, enum devbus_publication what, const char *item,
	const struct devbus_field *fields, const void *value)
{
	struct devbus_json *object = NULL;
	int r = devbus_fields_write(fields, value, &object);

	return r < 0 ? r : devbus_publish_json(bus, what, item, object);
}

/* Those that the library stamps (protocol 2.2). */
static bool is_stamped(const char *topic)
{
	return topic_matches("service/+/status", topic) || topic_matches("service/+/event/#", topic) ||
	       topic_matches("cloud/event/#", topic);
}

int devbus_publish_topic(
	struct devbus *bus, const char *topic, int qos, bool retain, struct devbus_json *object)
{
	struct bus_packet packet = { .class = OUTBOX_EVENT, .topic = topic, .qos = qos, .retain = retain };
	int r = topic_name_valid(topic) && qos >= 0 && qos <= 1 ? 0 : -EINVAL;

	if (!object)
		return -ENOMEM;
	if (r == 0 && is_stamped(topic) && devbus_json_type(object) == DEVBUS_JSON_OBJECT)
		r = envelope_stamp(object, bus_wall_ms(bus), bus_clock_unsynced(bus));
	if (r < 0) {
		devbus_json_free(object);
		return r;
	}
	packet.cloud = topic_matches("cloud/event/#", topic);
	return bus_send_json(bus, &packet, object);
}

int devbus_publish_raw(struct devbus *bus, const char *topic, int qos, const void *payload, size_t size)
{
	struct outbox_message message = {
		.class = OUTBOX_EVENT,
		.cloud = topic_matches("cloud/event/#", topic),
		.message = { .topic = topic,
			.payload = size ? payload : "",
			.payload_size = size,
			.qos = qos },
	};

	return topic_name_valid(topic) && qos >= 0 && qos <= 1 ? bus_send(bus, &message) : -EINVAL;
}

int devbus_clear_topic(struct devbus *bus, const char *topic)
{
	struct outbox_message clear = {
		.class = OUTBOX_EVENT,
		.message = { .topic = topic, .payload = "", .qos = 1, .retained = true },
	};

	return topic_name_valid(topic) ? bus_send(bus, &clear) : -EINVAL;
}
