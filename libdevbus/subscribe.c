// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* The subscriptions of the user's own: parse once, fill the struct, call, with what does not fit counted and dropped. */
#include "bus.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct subscriber {
	const struct devbus_field *fields;
	size_t value_size;
	devbus_message_handler *handler;
	devbus_raw_handler *raw;
	void *userdata;
};

static void drop(struct devbus *bus, const char *topic, const struct devbus_error *error)
{
	bus->stats.messages_malformed++;
	log_debug("dropped a message on %s: %s", topic, error->message);
}

static void call_handler(struct devbus *bus, const struct subscriber *subscriber,
	const struct link_message *from, const struct devbus_json *object, const void *value)
{
	struct devbus_message message = {
		.topic = from->topic,
		.object = object,
		.value = value,
		.retained = from->retained,
		.qos = from->qos,
	};
	int64_t entered_ms = bus_enter(bus);

	subscriber->handler(bus, &message, subscriber->userdata);
	bus_leave(bus, entered_ms, "handler of the subscription to", from->topic);
}

static void with_value(struct devbus *bus, const struct subscriber *subscriber,
	const struct link_message *message, const struct devbus_json *object)
{
	struct devbus_error error;
	void *value = calloc(1, subscriber->value_size ? subscriber->value_size : 1);
	int r = value ? devbus_fields_read(subscriber->fields, object, value, &error) : -ENOMEM;

	if (r == 0) {
		call_handler(bus, subscriber, message, object, value);
		devbus_fields_clear(subscriber->fields, value);
	} else if (r == -EINVAL) {
		drop(bus, message->topic, &error);
	}
	free(value);
}

static void on_message(struct devbus *bus, const struct link_message *message, void *userdata)
{
	const struct subscriber subscriber =
		*(struct subscriber *)userdata; /* it may be unsubscribed meanwhile */
	struct devbus_json *object = NULL;
	struct devbus_error error = { 0 };

	if (bus_parse(bus, message, &object, &error) < 0)
		drop(bus, message->topic, &error);
	else if (object && subscriber.fields)
		with_value(bus, &subscriber, message, object);
	else
		call_handler(bus, &subscriber, message, object, NULL);
	devbus_json_free(object);
}

static void on_raw(struct devbus *bus, const struct link_message *message, void *userdata)
{
	const struct subscriber *subscriber = userdata;
	int64_t entered_ms = bus_enter(bus);

	subscriber->raw(bus, message->topic, message->payload, message->payload_size, message->retained,
		subscriber->userdata);
	bus_leave(bus, entered_ms, "handler of the subscription to", message->topic);
}

static int subscribe(struct devbus *bus, const char *filter, bus_message_handler *handler,
	const struct subscriber *subscriber)
{
	struct subscriber *copy = malloc(sizeof *copy);
	int r;

	if (!copy)
		return -ENOMEM;
	if (!topic_filter_valid(filter)) {
		free(copy);
		return -EINVAL;
	}
	*copy = *subscriber;
	r = bus_resubscribe(bus, &(struct link_filter) { .filter = filter, .qos = 1 }, handler, copy, free);
	if (r < 0)
		free(copy);
	return r;
}

int devbus_subscribe(struct devbus *bus, const char *filter, const struct devbus_field *fields,
	size_t value_size, devbus_message_handler *handler, void *userdata)
{
	return subscribe(bus, filter, on_message,
		&(struct subscriber) { .fields = fields,
			.value_size = value_size,
			.handler = handler,
			.userdata = userdata });
}

int devbus_subscribe_raw(struct devbus *bus, const char *filter, devbus_raw_handler *handler, void *userdata)
{
	return subscribe(bus, filter, on_raw, &(struct subscriber) { .raw = handler, .userdata = userdata });
}

int devbus_unsubscribe(struct devbus *bus, const char *filter)
{
	int r = bus_unsubscribe(bus, filter, on_message);

	return r == -ENOENT ? bus_unsubscribe(bus, filter, on_raw) : r;
}
