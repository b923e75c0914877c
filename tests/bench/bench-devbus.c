// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * devbus as its user writes it: tables, structs, handlers. The roles `idle` and `server` are also the service next door: with
 * interval_ms it publishes an event so often, and with subscriptions it has that many of them.
 */
#include "bench.h"
#include <devbus/devbus.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { FLUSH_EVERY = 500, FLUSH_MS = 60000, WAIT_MS = 1000 };

struct text {
	char text[BENCH_PAYLOAD_SIZE];
};
static const struct devbus_field text_fields[] = { DEVBUS_FIELD(struct text, text), { 0 } };

static struct devbus *bus;
static struct text text;
static unsigned published, in_batch;

/* ---- calls */

static int on_echo(struct devbus_request *request, const void *args, void *userdata)
{
	(void)userdata;
	return devbus_reply(request, text_fields, args);
}

static const struct devbus_method methods[] = {
	{ "echo", on_echo, text_fields, sizeof(struct text), .flags = DEVBUS_CLOUD },
	{ 0 },
};

static void on_outcome(struct devbus *from, const struct devbus_outcome *outcome, void *userdata)
{
	(void)from, (void)userdata;
	if (!outcome->code) {
		bench_answered();
		if (atomic_load(&bench_stopped))
			devbus_quit(bus);
		return;
	}
	fprintf(stderr, "devbus: %s: %s\n", outcome->code, outcome->message);
	_exit(1);
}

static int ask(void)
{
	const struct devbus_call call = { .service = bench_options.peer,
		.method = "echo",
		.args = text_fields,
		.value = &text,
		.handler = on_outcome };

	return devbus_call(bus, &call, NULL);
}

/* ---- events */

static const struct {
	const char *name;
	enum devbus_publication what;
} kinds[] = {
	{ "volatile", DEVBUS_EVENT_VOLATILE }, { "reliable", DEVBUS_EVENT },
	{ "durable", DEVBUS_CLOUD_DURABLE }, /* until they are on disk */
	{ "confirmed", DEVBUS_CLOUD_DURABLE }, /* until the far end of the bridge has them */
};

static bool on_disk(void)
{
	return strcmp(bench_options.kind, "durable") == 0 || strcmp(bench_options.kind, "confirmed") == 0;
}

static int publish_kind(const char *name)
{
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (strcmp(kinds[i].name, name) == 0)
			return devbus_publish(bus, kinds[i].what, "text", text_fields, &text);
	return -EINVAL;
}

static int commit(void)
{
	int r = in_batch ? devbus_batch_commit(bus) : 0;

	in_batch = 0;
	return r == 0 ? devbus_dispatch(bus) : r; /* as the loop of a service would next */
}

static int flush(void)
{
	int r = on_disk() ? commit() : 0;

	return r == 0 && strcmp(bench_options.kind, "durable") != 0 ? devbus_flush(bus, FLUSH_MS) : r;
}

static int publish_durable(void)
{
	int r = bench_options.batch && in_batch == 0 ? devbus_batch_begin(bus) : 0;

	if (r == 0)
		r = publish_kind(bench_options.kind);
	if (r == 0 && bench_options.batch && ++in_batch < bench_options.batch)
		return 0;
	return r == 0 ? commit() : r;
}

/* The queue is bounded, and its oldest goes first: so it is emptied from time to time, as a service's loop would. */
static int publish(unsigned qos)
{
	int r;

	if (on_disk())
		return publish_durable();
	r = publish_kind(qos > 0 ? "reliable" : bench_options.kind);
	return r == 0 && ++published % FLUSH_EVERY == 0 ? flush() : r;
}

static void on_event(struct devbus *from, const struct devbus_message *message, void *userdata)
{
	(void)message, (void)userdata;
	bench_arrived();
	if (atomic_load(&bench_stopped))
		devbus_quit(from);
}

static void chat(struct devbus *from, void *userdata)
{
	(void)from, (void)userdata;
	publish_kind(bench_options.kind);
}

/* ---- open and run */

static int subscribe(void)
{
	char filter[128];
	int r = 0;

	for (unsigned i = 1; r == 0 && i < bench_options.subscriptions; i++) {
		snprintf(filter, sizeof filter, "service/%s/event/item%u", bench_options.peer, i);
		r = devbus_subscribe(bus, filter, text_fields, sizeof(struct text), on_event, NULL);
	}
	snprintf(filter, sizeof filter, "service/%s/event/text", bench_options.peer);
	return r < 0 ? r : devbus_subscribe(bus, filter, text_fields, sizeof(struct text), on_event, NULL);
}

static int open_devbus(void)
{
	int r = devbus_open(bench_options.user, &bus);

	memset(text.text, '0', BENCH_TEXT_SIZE);
	if (r == 0 && strcmp(bench_options.role, "server") == 0)
		r = devbus_serve(bus, methods, NULL);
	if (r == 0 && (strcmp(bench_options.role, "subscriber") == 0 || bench_options.subscriptions))
		r = subscribe();
	if (r == 0 && bench_options.interval_ms)
		r = devbus_every(bus, bench_options.interval_ms, chat, NULL, NULL);
	/* Which it is when all subscriptions are answered. */
	while (r == 0 && !devbus_connected(bus) && !atomic_load(&bench_stopped)) {
		poll(&(struct pollfd) { .fd = devbus_fd(bus), .events = POLLIN }, 1, WAIT_MS);
		r = devbus_dispatch(bus);
	}
	return r;
}

static int run(void)
{
	int r = devbus_run(bus);

	atomic_store(&bench_stopped, true);
	return r;
}

static void close_devbus(void)
{
	devbus_close(bus);
}

const struct contender contender = {
	.name = "devbus",
	.open = open_devbus,
	.ask = ask,
	.publish = publish,
	.flush = flush,
	.run = run,
	.close = close_devbus,
};
