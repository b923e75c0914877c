// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* The bus but for its events and commands: open, connect, hear, call, answer, tell how it is, stop. */
#include "life.h"
#include <sys/epoll.h>
#include <unistd.h>

/* ---- open and close */

static void open_act(void)
{
	told(kit_try_open(&(struct devbus_options) { .name = "unit", .version = "7" }));
}

/* Whatever happened, the next one opens: nothing is locked, damaged or half made. */
static void open_check(void)
{
	if (kit.bus)
		kit_close();
	life_open();
	hold(devbus_ready(kit.bus) == 0);
	life_ends_well();
}

static void close_prepare(void)
{
	life_start();
	life_publish(DEVBUS_CLOUD_RELIABLE, 1);
	life_publish(DEVBUS_CLOUD_DURABLE, 2);
	hold(devbus_echo(kit.bus, 1000, NULL, NULL) < 0);
}

static void close_act(void)
{
	kit_close();
}

/* ---- connect */

static void connect_prepare(void)
{
	serve_set_up();
	life_open();
}

static void connect_act(void)
{
	told(devbus_ready(kit.bus));
	life_goes_on(2000);
	life_reconnect();
	life_goes_on(1000);
}

/* ---- subscribe */

static int heard[2], subscribed[2];

static void on_message(struct devbus *bus, const struct devbus_message *message, void *userdata)
{
	(void)bus;
	hold(!message->value || ((const struct set_args *)message->value)->level == 3);
	heard[userdata == &heard[1]]++;
}

static void on_raw(struct devbus *bus, const char *topic, const void *payload, size_t size, bool retained,
	void *userdata)
{
	(void)bus, (void)topic, (void)retained, (void)userdata;
	hold(strlen(payload) == size);
}

static void subscribe_act(void)
{
	heard[0] = heard[1] = 0;
	subscribed[0] = told(
		devbus_subscribe(kit.bus, "y/#", set_fields, sizeof(struct set_args), on_message, &heard[0]));
	life_goes_on(1000);
	life_deliver("y/1", "{\"level\":3}");
	life_deliver("y/1", "{\"level\":30}");
	hold(heard[0] <= 1);
	subscribed[1] = told(
		devbus_subscribe(kit.bus, "y/#", set_fields, sizeof(struct set_args), on_message, &heard[1]));
	if (told(devbus_subscribe_raw(kit.bus, "z", on_raw, NULL)) == 0) {
		life_goes_on(1000);
		life_deliver("z", "anything");
		hold(devbus_unsubscribe(kit.bus, "z") == 0);
	}
	life_goes_on(1000);
}

/* The one who subscribed last, of those who were told that they have. */
static void subscribe_check(void)
{
	life_is_well();
	heard[0] = heard[1] = 0;
	life_deliver("y/1", "{\"level\":3}");
	hold(heard[1] == (subscribed[1] == 0));
	hold(heard[0] == (subscribed[0] == 0 && subscribed[1] < 0));
	if (subscribed[0] == 0 || subscribed[1] == 0)
		hold(devbus_unsubscribe(kit.bus, "y/#") == 0);
	life_goes_on(1000);
	heard[0] = heard[1] = 0;
	life_deliver("y/1", "{\"level\":3}");
	hold(heard[0] == 0 && heard[1] == 0);
	life_ends_well();
}

/* ---- call */

enum { ANSWERED, TIMED_OUT, CANCELLED, CALLS };
static int called[CALLS], outcomes[CALLS];

static void on_outcome(struct devbus *bus, const struct devbus_outcome *outcome, void *userdata)
{
	int *count = userdata;

	(void)bus;
	hold(!outcome->code == (outcome->result != NULL));
	hold(!outcome->code || (outcome->code[0] && outcome->message));
	++*count;
}

static void answer_calls(void)
{
	for (struct fake_record *record; (record = kit_published("service/a/call/b"));)
		fake_link_deliver(&(struct link_message) { .topic = record->response_topic,
			.payload = "{\"result\":{\"a\":1}}",
			.payload_size = 18,
			.correlation = record->correlation,
			.correlation_size = record->correlation_size });
}

static int call(const char *method, int which, uint64_t *ret_id)
{
	const struct set_args value = { .level = 1 };
	const struct devbus_call call = { .service = "a",
		.method = method,
		.args = set_fields,
		.value = &value,
		.handler = on_outcome,
		.userdata = &outcomes[which] };

	return told(devbus_call(kit.bus, &call, ret_id));
}

static void call_act(void)
{
	uint64_t id = 0;

	memset(outcomes, 0, sizeof outcomes);
	called[ANSWERED] = call("b", ANSWERED, NULL);
	called[TIMED_OUT] = call("c", TIMED_OUT, NULL);
	called[CANCELLED] = call("d", CANCELLED, &id);
	if (called[CANCELLED] == 0)
		hold(devbus_cancel(kit.bus, id) == 0);
	life_goes_on(1000);
	answer_calls();
	life_goes_on(6000);
	for (int i = 0; i < CALLS; i++)
		hold(outcomes[i] == (called[i] == 0 && i != CANCELLED));
}

static void call_check(void)
{
	life_is_well();
	hold(calls_pending(kit.bus) == 0);
	hold(call("b", ANSWERED, NULL) == 0);
	life_goes_on(1000);
	answer_calls();
	hold(outcomes[ANSWERED] == 1 + (called[ANSWERED] == 0));
	life_ends_well();
}

/* ---- serve */

static void on_serve_message(struct devbus *bus, const struct devbus_message *message, void *userdata)
{
	(void)bus, (void)message, (void)userdata;
}

/* From the beginning: a service that is told that it did not work tries again, or opens anew. */
static void register_act(void)
{
	const struct set_args value = { .level = 5 };

	if (told(devbus_serve(kit.bus, methods, (void *)"service")) < 0)
		told(devbus_serve(kit.bus, methods, (void *)"service"));
	if (told(devbus_subscribe(kit.bus, "x/+", NULL, 0, on_serve_message, NULL)) < 0)
		told(devbus_subscribe(kit.bus, "x/+", NULL, 0, on_serve_message, NULL));
	told(devbus_publish(kit.bus, DEVBUS_STATE, "s", set_fields, &value));
	told(devbus_ready(kit.bus));
	life_goes_on(1000);
}

static void register_prepare(void)
{
	serve_set_up();
	kit_open(0);
}

static void serve_act(void)
{
	static const struct {
		const char *method, *args;
	} requests[] = { { "set", "{\"level\":1}" }, { "set", "{\"level\":11}" }, { "describe", "" },
		{ "stats", "{}" }, { "nothing", "{}" }, { "ping", "not JSON" } };
	char topic[60];

	fake_link_take_all();
	for (int i = 0; i < LENGTH(requests); i++) {
		snprintf(topic, sizeof topic, "service/unit/call/%s", requests[i].method);
		life_deliver(topic, requests[i].args);
		life_goes_on(1000);
		hold(fake_link_count(FAKE_PUBLISH, REPLY_TOPIC) <= 1); /* at most one answer */
		while (kit_published(REPLY_TOPIC))
			;
	}
	hold(server_pending(kit.bus) == 0);
}

/* ---- status */

static int degraded, healed;

static void status_prepare(void)
{
	char path[100];

	serve_set_up();
	snprintf(path, sizeof path, "%s/nobody", kit.folder);
	setenv("NOTIFY_SOCKET", path, 1);
	setenv("WATCHDOG_USEC", "3000000", 1);
	unsetenv("WATCHDOG_PID");
	life_open();
	hold(devbus_ready(kit.bus) == 0);
	kit_connect();
}

static void status_act(void)
{
	degraded = told(devbus_degraded(kit.bus, "for a reason"));
	life_goes_on(2000);
	life_deliver("service/unit/status", "{\"state\":\"lost\"}");
	life_goes_on(2000);
	healed = told(devbus_degraded(kit.bus, NULL));
	hold(healed == 0); /* needs no memory */
	degraded = told(devbus_degraded(kit.bus, "for another"));
}

static void status_check(void)
{
	life_goes_on(60000);
	hold(strstr(life_last("service/unit/status"), degraded == 0 ? "for another" : "online"));
	hold(devbus_degraded(kit.bus, NULL) == 0);
	life_ends_well();
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
}

/* ---- the section */

static struct set_args section;
static int section_set;

static int on_section(struct devbus *bus, const void *values, void *userdata)
{
	(void)bus, (void)userdata;
	section = *(const struct set_args *)values;
	return 0;
}

static void section_act(void)
{
	section_set = devbus_config(kit.bus, set_fields, sizeof section, on_section, NULL);
	if (told(section_set) < 0)
		section_set = told(devbus_config(kit.bus, set_fields, sizeof section, on_section, NULL));
	life_goes_on(1000);
	life_deliver("service/config/state/unit", "{\"values\":{\"level\":4}}");
	life_goes_on(1000);
}

static void section_prepare(void)
{
	serve_set_up();
	memset(&section, 0, sizeof section);
	kit_start();
}

static void section_check(void)
{
	if (section_set < 0)
		hold(devbus_config(kit.bus, set_fields, sizeof section, on_section, NULL) == 0);
	life_goes_on(60000);
	hold(life_last("service/unit/state/schema"));
	life_deliver("service/config/state/unit", "{\"values\":{\"level\":9}}");
	hold(section.level == 9);
	life_goes_on(60000);
	hold(strstr(life_last("service/unit/status"), "online"));
	kit_close();
	kit_tear_down();
}

/* ---- timers and fds */

static int turns[2], watched, set[2], pipe_ends[2];

static void on_turn(struct devbus *bus, void *userdata)
{
	(void)bus;
	++*(int *)userdata;
}

static void on_ready(struct devbus *bus, int fd, uint32_t events, void *userdata)
{
	(void)bus, (void)fd, (void)events, (void)userdata;
	watched++;
}

static void sources_prepare(void)
{
	life_start();
	hold(pipe(pipe_ends) == 0);
	turns[0] = turns[1] = watched = 0;
}

static void sources_act(void)
{
	set[0] = told(devbus_every(kit.bus, 1000, on_turn, &turns[0], NULL));
	set[1] = told(devbus_after(kit.bus, 500, on_turn, &turns[1], NULL));
	if (told(devbus_watch(kit.bus, pipe_ends[0], EPOLLIN, on_ready, NULL)) == 0)
		hold(devbus_unwatch(kit.bus, pipe_ends[0]) == 0);
	life_goes_on(3000);
	hold(turns[0] == (set[0] == 0 ? 3 : 0));
	hold(turns[1] == (set[1] == 0));
}

static void sources_check(void)
{
	hold(devbus_watch(kit.bus, pipe_ends[0], EPOLLIN, on_ready, NULL) == 0);
	hold(write(pipe_ends[1], "", 1) == 1);
	kit_dispatch();
	hold(watched == 1);
	hold(devbus_unwatch(kit.bus, pipe_ends[0]) == 0);
	close(pipe_ends[0]);
	close(pipe_ends[1]);
	life_ends_well();
}

const struct scenario bus_scenarios[] = {
	{ "open", serve_set_up, open_act, open_check },
	{ "close", close_prepare, close_act, open_check },
	{ "connect", connect_prepare, connect_act, life_ends_well },
	{ "register", register_prepare, register_act, open_check },
	{ "subscribe", life_start, subscribe_act, subscribe_check },
	{ "call", life_start, call_act, call_check },
	{ "serve", life_start, serve_act, life_ends_well },
	{ "status", status_prepare, status_act, status_check },
	{ "section", section_prepare, section_act, section_check },
	{ "timers and fds", sources_prepare, sources_act, sources_check },
	{ 0 },
};
