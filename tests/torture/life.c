// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
#include "life.h"

static int heard, configured;

int life_heard(void)
{
	return heard;
}

static void on_message(struct devbus *bus, const struct devbus_message *message, void *userdata)
{
	(void)bus, (void)message, (void)userdata;
	heard++;
}

static int on_values(struct devbus *bus, const void *values, void *userdata)
{
	(void)bus, (void)userdata;
	configured = (int)((const struct set_args *)values)->level;
	return 0;
}

void life_open(void)
{
	const struct set_args value = { .level = 5 };

	heard = configured = 0;
	kit_open(0);
	serve();
	hold(devbus_config(kit.bus, set_fields, sizeof value, on_values, NULL) == 0);
	hold(devbus_subscribe(kit.bus, "x/+", NULL, 0, on_message, NULL) == 0);
	hold(devbus_publish(kit.bus, DEVBUS_STATE, "s", set_fields, &value) == 0);
}

void life_start(void)
{
	serve_set_up();
	life_open();
	hold(devbus_ready(kit.bus) == 0);
	kit_connect();
	life_is_well();
}

/* Unlike kit_settle() it never says that there is room where none was missing, which would wake up what is forgotten. */
static void settle(void)
{
	size_t before;

	do {
		before = fake_link->count;
		kit_dispatch();
		if (fake_link->busy)
			fake_link_finish();
		if (fake_link->connected) {
			fake_link_acknowledge_all();
			kit_echo_tokens();
		}
	} while (fake_link->count != before || fake_link->busy);
}

void life_goes_on(int64_t ms)
{
	int64_t step_ms = ms > 60000 ? ms / 60 : 1000;

	for (int64_t gone_ms = 0; gone_ms < ms; gone_ms += step_ms) {
		fake_clock_turn(&kit.time, step_ms);
		settle();
	}
	settle();
}

void life_reconnect(void)
{
	if (fake_link->connected || fake_link->busy)
		fake_link_lose("gone");
	fake_clock_turn(&kit.time, 60000);
	settle();
}

void life_deliver(const char *topic, const char *payload)
{
	fake_link_deliver(&(struct link_message) { .topic = topic,
		.payload = payload,
		.payload_size = strlen(payload),
		.qos = 1,
		.response_topic = REPLY_TOPIC,
		.correlation = "c",
		.correlation_size = 1 });
}

int life_publish(enum devbus_publication what, int n)
{
	struct devbus_json *object = devbus_json_new_object();

	if (object && devbus_json_set(object, "n", devbus_json_new_number(n)) < 0) {
		devbus_json_free(object);
		object = NULL;
	}
	return devbus_publish_json(kit.bus, what, "x", object);
}

unsigned life_published(const char *topic, int n)
{
	char text[20];
	unsigned count = 0;

	snprintf(text, sizeof text, "{\"n\":%d,", n);
	for (size_t i = 0; i < fake_link->count; i++)
		count += fake_link->records[i].kind == FAKE_PUBLISH &&
			 strcmp(fake_link->records[i].name, topic) == 0 &&
			 strncmp(fake_link->records[i].payload, text, strlen(text)) == 0;
	return count;
}

/* Of this connection, unless @any. */
static const char *last_on(const char *topic, bool any)
{
	const char *last = NULL;

	for (size_t i = 0; i < fake_link->count; i++) {
		const struct fake_record *record = &fake_link->records[i];

		if (record->kind == FAKE_CONNECT && !any)
			last = NULL;
		else if (record->kind == FAKE_PUBLISH && strcmp(record->name, topic) == 0)
			last = record->payload;
	}
	return last;
}

const char *life_last(const char *topic)
{
	return last_on(topic, true);
}

static bool says(const char *topic, const char *what)
{
	const char *last = last_on(topic, false);

	return last && strstr(last, what);
}

static void asks_and_answers(void)
{
	int before = heard;

	life_deliver("x/1", "{}");
	hold(heard == before + 1);
	life_deliver("service/config/state/unit", "{\"values\":{\"level\":7}}");
	hold(configured == 7);
	fake_link_take_all();
	life_deliver("service/unit/call/ping", "{}");
	settle();
	hold(kit_published(REPLY_TOPIC));
}

void life_is_well(void)
{
	life_goes_on(1800 * 1000);
	hold(devbus_connected(kit.bus));
	hold(says("service/unit/status", "\"state\":\"online\""));
	hold(says("service/unit/state/s", "\"level\":5"));
	hold(says("service/unit/state/schema", "\"level\""));
	asks_and_answers();
	hold(outbox_count(kit.bus->outbox) == 0);
	hold(!kit.bus->removed_some && !kit.bus->subscribe_pending);
}

void life_ends_well(void)
{
	life_is_well();
	kit_close();
	kit_tear_down();
}
