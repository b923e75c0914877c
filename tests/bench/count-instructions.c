// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * The way of a message through the library, for callgrind: with a link that does nothing, so that what is counted is ours and that of the
 * libraries below, and is the same each time. Only what happens inside run_case() is counted (instructions.sh).
 */
#include "bus.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MANY = 1000 };
#define TEXT "0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"

static struct link null_link;
static struct devbus *bus;

static int accept_filters(struct link *link, const struct link_options *options,
	const struct link_filter *filters, size_t count)
{
	(void)link, (void)options, (void)filters, (void)count;
	return 0;
}

static int accept_more(struct link *link, const struct link_filter *filters, size_t count)
{
	(void)link, (void)filters, (void)count;
	return 0;
}

static int accept_one(struct link *link, const char *filter)
{
	(void)link, (void)filter;
	return 0;
}

static int swallow(struct link *link, const struct link_message *message, uint32_t *ret_token)
{
	(void)link, (void)message;
	*ret_token = 1;
	return 0;
}

static void say_nothing(struct link *link, uint32_t timeout_ms)
{
	(void)link, (void)timeout_ms;
}

static bool free_nothing(struct link *link)
{
	(void)link;
	return false;
}

static int null_link_new(
	struct loop *loop, const struct link_events *events, void *userdata, struct link **ret_link)
{
	static const struct link_functions functions = { accept_filters, accept_more, accept_one, swallow,
		say_nothing, free_nothing };

	(void)loop;
	null_link = (struct link) { &functions, events, userdata };
	*ret_link = &null_link;
	return 0;
}

/* ---- what is counted */

struct text {
	char text[100];
};
static const struct devbus_field text_fields[] = { DEVBUS_FIELD(struct text, text), { 0 } };
static const struct text text = { TEXT };
static unsigned handled;

static int on_echo(struct devbus_request *request, const void *args, void *userdata)
{
	(void)userdata;
	handled++;
	return devbus_reply(request, text_fields, args);
}

static const struct devbus_method methods[] = {
	{ "echo", on_echo, text_fields, sizeof(struct text), .flags = DEVBUS_CLOUD },
	{ 0 },
};

static void on_event(struct devbus *from, const struct devbus_message *message, void *userdata)
{
	(void)from, (void)message, (void)userdata;
	handled++;
}

static uint32_t id_of(const char *filter)
{
	for (size_t i = 0; i < bus->subscription_count; i++)
		if (bus->subscriptions[i] && strcmp(bus->subscriptions[i]->filter.filter, filter) == 0)
			return (uint32_t)i + 1;
	return 0;
}

static void deliver(const char *topic, const char *filter)
{
	static const char payload[] = "{\"text\":\"" TEXT "\"}";
	const struct link_message message = { .topic = topic,
		.payload = payload,
		.payload_size = sizeof payload - 1,
		.subscription_id = id_of(filter),
		.response_topic = "service/other/reply/0123456789abcdef",
		.correlation = "0123456789abcdef",
		.correlation_size = 16 };

	null_link.events->message(null_link.userdata, &message);
}

static void deliver_event(void)
{
	deliver("service/other/event/text", "service/other/event/text");
}

static void deliver_call(void)
{
	deliver("service/unit/call/echo", "service/unit/call/+");
}

static void publish(void)
{
	handled += devbus_publish(bus, DEVBUS_EVENT_VOLATILE, "text", text_fields, &text) == 0;
}

static int subscribe(unsigned many)
{
	char filter[64];
	int r = 0;

	for (unsigned i = 0; r == 0 && i < many; i++) {
		snprintf(filter, sizeof filter, i ? "service/other/event/item%u" : "service/other/event/text",
			i);
		r = devbus_subscribe(bus, filter, text_fields, sizeof(struct text), on_event, NULL);
	}
	return r;
}

static const struct {
	const char *name;
	unsigned subscriptions;
	void (*run)(void);
} cases[] = {
	{ "event", 1, deliver_event },
	{ "event-many", MANY, deliver_event },
	{ "call", 0, deliver_call },
	{ "publish", 0, publish },
};

__attribute__((noinline)) void run_case(void (*run)(void), unsigned count);
void run_case(void (*run)(void), unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		run();
}

static int count(const char *name, unsigned times)
{
	size_t i = 0;
	int r;

	while (i < sizeof cases / sizeof *cases && strcmp(cases[i].name, name) != 0)
		i++;
	if (i == sizeof cases / sizeof *cases)
		return -EINVAL;
	r = subscribe(cases[i].subscriptions);
	null_link.events->connected(null_link.userdata);
	cases[i].run(); /* what happens only once is not of interest */
	run_case(cases[i].run, times);
	return r == 0 && handled != times + 1 ? -EBADMSG : r;
}

/* Folders for settings and state come in the environment. */
int main(int argc, char *argv[])
{
	const struct devbus_options options = { .name = "unit" };
	int r = bus_open(&options, &(struct bus_parts) { .link_new = null_link_new }, &bus);

	if (r == 0)
		r = devbus_serve(bus, methods, NULL);
	if (r == 0)
		r = argc == 3 ? count(argv[1], (unsigned)strtoul(argv[2], NULL, 10)) : -EINVAL;
	if (r != 0)
		fprintf(stderr, "%s: %s\n", argv[0], strerror(-r));
	return r != 0;
}
