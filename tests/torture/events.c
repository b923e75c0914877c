// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* What is published: what was taken comes out, once the world is in order; what was refused never does. */
#include "durable.h"
#include "life.h"

#define CLOUD_TOPIC "cloud/event/unit/x"
#define LOCAL_TOPIC "service/unit/event/x"

enum { EVENTS = 4 };
static int published[EVENTS]; /* what devbus_publish() returned for {"n":...} */

/* ---- volatile, reliable, states */

static int publish(enum devbus_publication what, int n)
{
	return published[n] = told(life_publish(what, n));
}

static int state;

static void publish_act(void)
{
	const struct set_args value = { .level = 5, .mode = "hand" };

	publish(DEVBUS_CLOUD_RELIABLE, 0);
	publish(DEVBUS_EVENT, 1);
	publish(DEVBUS_EVENT_VOLATILE, 2);
	publish(DEVBUS_CLOUD_VOLATILE, 3);
	state = told(devbus_publish(kit.bus, DEVBUS_STATE, "s", set_fields, &value));
	told(devbus_publish_topic(kit.bus, "y/1", 1, true, devbus_json_new_object()));
	told(devbus_clear_topic(kit.bus, "y/1"));
	life_goes_on(1000);
}

/* Those that may be lost are not; the broker was there all the time. */
static void publish_check(void)
{
	life_is_well();
	for (int n = 0; n < EVENTS; n++)
		hold(life_published(n % 3 == 0 ? CLOUD_TOPIC : LOCAL_TOPIC, n) == (published[n] == 0));
	hold(!strstr(life_last("service/unit/state/s"), "hand") == (state < 0));
	life_reconnect();
	life_is_well();
	hold(!strstr(life_last("service/unit/state/s"), "hand") == (state < 0));
	life_ends_well();
}

/* Made while the broker is away, sent when it is back, in order. */
static void away_prepare(void)
{
	life_start();
	fake_link_lose("gone");
}

static void away_act(void)
{
	publish(DEVBUS_CLOUD_RELIABLE, 0);
	publish(DEVBUS_CLOUD_DURABLE, 1);
	publish(DEVBUS_CLOUD_RELIABLE, 2);
	publish(DEVBUS_CLOUD_DURABLE, 3);
	life_reconnect();
	life_goes_on(1000);
}

static void away_check(void)
{
	life_is_well();
	for (int n = 0; n < EVENTS; n++)
		hold(life_published(CLOUD_TOPIC, n) == (published[n] == 0));
	hold(durable_count(kit.bus) == 0);
	life_ends_well();
}

/* ---- durable */

static uint64_t seqs[EVENTS];

static void note_event(const struct store_event *event, void *userdata)
{
	size_t *count = userdata;
	int n;

	++*count;
	if (sscanf(event->payload, "{\"n\":%d", &n) == 1 && n >= 0 && n < EVENTS)
		seqs[n] = event->seq;
}

/* A new process, with a broker that is away, finds what was promised and nothing else. */
static void events_are_on_disk(void)
{
	size_t count = 0, wanted = 0;

	if (kit.bus)
		kit_kill();
	life_open();
	memset(seqs, 0, sizeof seqs);
	hold(store_events_read(kit.bus->store, 0, 100, note_event, &count) == 0);
	for (int n = 0; n < EVENTS; n++) {
		wanted += published[n] == 0;
		hold((seqs[n] > 0) == (published[n] == 0));
		for (int earlier = 0; earlier < n; earlier++)
			hold(!seqs[n] || seqs[earlier] < seqs[n]);
	}
	hold(count == wanted);
}

static void durable_prepare(void)
{
	for (int n = 0; n < EVENTS; n++)
		published[n] = -1;
	serve_set_up();
	life_open();
}

static void durable_act(void)
{
	for (int n = 0; n < EVENTS; n++)
		publish(DEVBUS_CLOUD_DURABLE, n);
}

static void durable_check(void)
{
	events_are_on_disk();
	hold(devbus_ready(kit.bus) == 0);
	kit_connect();
	life_is_well();
	for (int n = 0; n < EVENTS; n++)
		hold((life_published(CLOUD_TOPIC, n) > 0) == (published[n] == 0));
	hold(durable_count(kit.bus) == 0); /* all of them were confirmed */
	life_ends_well();
}

static void batch_act(void)
{
	int r;

	hold(devbus_batch_begin(kit.bus) == 0);
	durable_act();
	r = told(devbus_batch_commit(kit.bus));
	for (int n = 0; n < EVENTS && r < 0; n++)
		published[n] = r; /* none of them */
}

/* ---- on their way: sent, acknowledged, confirmed from beyond the bridge */

static void way_act(void)
{
	publish(DEVBUS_CLOUD_DURABLE, 0);
	life_goes_on(1000);
	publish(DEVBUS_CLOUD_DURABLE, 1);
	publish(DEVBUS_CLOUD_RELIABLE, 2);
	life_goes_on(1000);
	life_reconnect();
	publish(DEVBUS_CLOUD_DURABLE, 3);
	life_goes_on(1000);
}

static void way_check(void)
{
	life_goes_on(3 * 3600 * 1000); /* a token that was lost is sent again */
	life_is_well();
	for (int n = 0; n < EVENTS; n++)
		hold((life_published(CLOUD_TOPIC, n) > 0) == (published[n] == 0));
	hold(durable_count(kit.bus) == 0);
	life_ends_well();
}

static void ack_act(void)
{
	char text[80];

	snprintf(text, sizeof text, "{\"stream\":\"%s\",\"seq\":%d}", store_stream(kit.bus->store), EVENTS);
	durable_act();
	life_goes_on(1000);
	life_deliver("cloud/command/unit/ack", text);
	life_goes_on(1000);
}

static void ack_prepare(void)
{
	setenv("DEVBUS_CONFIRM", "ack", 1);
	life_start();
}

static void ack_check(void)
{
	char text[80];

	life_is_well();
	snprintf(text, sizeof text, "{\"stream\":\"%s\",\"seq\":%d}", store_stream(kit.bus->store),
		(int)store_next_seq(kit.bus->store) - 1);
	life_deliver("cloud/command/unit/ack", text);
	hold(durable_count(kit.bus) == 0);
	life_ends_well();
	unsetenv("DEVBUS_CONFIRM");
}

/* ---- devbus_echo() */

static int asked, echoed;

static void on_echo(struct devbus *bus, int64_t took_ms, void *userdata)
{
	(void)bus, (void)userdata;
	hold(took_ms >= 0 || took_ms == -ETIMEDOUT);
	echoed++;
}

static void echo_act(void)
{
	echoed = 0;
	asked = told(devbus_echo(kit.bus, 5000, on_echo, NULL));
	life_goes_on(10000);
	hold(echoed == (asked == 0));
}

static void echo_check(void)
{
	life_is_well();
	hold(devbus_echo(kit.bus, 5000, on_echo, NULL) == 0);
	life_goes_on(1000);
	hold(echoed == 1 + (asked == 0));
	life_ends_well();
}

const struct scenario event_scenarios[] = {
	{ "publish", life_start, publish_act, publish_check },
	{ "publish while away", away_prepare, away_act, away_check },
	{ "durable", durable_prepare, durable_act, durable_check },
	{ "durable batch", durable_prepare, batch_act, durable_check },
	{ "durable on its way", life_start, way_act, way_check },
	{ "durable and the cloud's ack", ack_prepare, ack_act, ack_check },
	{ "echo", life_start, echo_act, echo_check },
	{ 0 },
};
