// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * A day in the life of a service, lived again and again, each time with another allocation that fails. What is asked for may then be
 * refused, but nothing crashes, leaks or stays half done: that is for the sanitizers and valgrind to see. The linker puts the functions
 * below in place of malloc() and its kin, and cJSON is given them as well; SQLite has its own tests.
 */
#include "json-text.h"
#include "serve-kit.h"
#include <cJSON.h>
#include <errno.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
char *__real_strdup(const char *text);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
char *__wrap_strdup(const char *text);

static unsigned long allocations, failing; /* failing: this one fails; 0: none */

static bool fails(void)
{
	return failing && ++allocations == failing;
}

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size)
{
	return fails() ? NULL : __real_realloc(memory, size);
}

char *__wrap_strdup(const char *text)
{
	return fails() ? NULL : __real_strdup(text);
}

static int outcomes;

static void on_outcome(struct devbus *bus, const struct devbus_outcome *outcome, void *userdata)
{
	(void)bus, (void)userdata;
	outcomes++;
	require(!outcome->code || outcome->code[0]); /* a word, never "" */
}

static void on_message(struct devbus *bus, const struct devbus_message *message, void *userdata)
{
	(void)bus, (void)userdata, (void)message;
}

static int on_values(struct devbus *bus, const void *values, void *userdata)
{
	(void)bus, (void)userdata, (void)values;
	return 0;
}

static void on_timer(struct devbus *bus, void *userdata)
{
	(void)bus, (void)userdata;
}

static void fine(int r)
{
	require(r == 0 || r == -ENOMEM);
}

static void deliver(const char *topic, const char *payload)
{
	const struct link_message message = { .topic = topic,
		.payload = payload,
		.payload_size = strlen(payload),
		.qos = 1,
		.response_topic = REPLY_TOPIC,
		.correlation = "c",
		.correlation_size = 1 };

	fake_link_deliver(&message);
}

static void answer_calls(void)
{
	for (struct fake_record *record; (record = fake_link_take(FAKE_PUBLISH, "service/a/call/b"));)
		fake_link_deliver(&(struct link_message) { .topic = record->response_topic,
			.payload = "{\"result\":{\"a\":1}}",
			.payload_size = 18,
			.correlation = record->correlation,
			.correlation_size = record->correlation_size });
}

static void use(void)
{
	struct set_args value = { .level = 1 };
	struct devbus_call call = {
		.service = "a", .method = "b", .args = set_fields, .value = &value, .handler = on_outcome
	};
	int made, before = outcomes;
	char payload[100];

	fine(devbus_serve(kit.bus, methods, (void *)"service"));
	fine(devbus_config(kit.bus, set_fields, sizeof(struct set_args), on_values, NULL));
	fine(devbus_subscribe(kit.bus, "x/+", set_fields, sizeof value, on_message, NULL));
	fine(devbus_ready(kit.bus));
	kit_settle();
	fine(devbus_every(kit.bus, 1000, on_timer, NULL, NULL));
	fine(devbus_publish(kit.bus, DEVBUS_STATE, "s", set_fields, &value));
	fine(devbus_publish(kit.bus, DEVBUS_CLOUD_RELIABLE, "e", set_fields, &value));
	devbus_degraded(kit.bus, "for a reason");
	deliver("x/1", "{\"level\":1}");
	deliver("service/config/state/unit", "{\"values\":{\"level\":1}}");
	deliver("service/unit/status", "{\"state\":\"lost\"}");
	deliver("service/unit/call/set", "{\"level\":1}");
	deliver("service/unit/call/describe", "{}");
	deliver("service/unit/call/nothing", "{}");
	snprintf(payload, sizeof payload, "{\"id\":\"i%lu\",\"args\":{\"level\":1}}", failing);
	deliver("cloud/command/unit/set", payload);
	deliver("cloud/command/unit/set", payload);
	deliver("cloud/command/unit/set", "{}");
	made = devbus_call(kit.bus, &call, NULL);
	fine(made);
	kit_settle();
	answer_calls();
	fine(devbus_subscribe(kit.bus, "x/+", NULL, 0, on_message, NULL));
	kit_settle();
	kit_turn(10000);
	require(outcomes - before == (made == 0));
	fake_link_lose("gone");
	kit_turn(60000);
	kit_settle();
	kit_turn(60000); /* also when the connect itself had no memory */
	kit_settle();
}

/* Whether an allocation failed. */
static bool live_through(unsigned long number)
{
	int r;

	fake_clock_init(&kit.time);
	allocations = 0;
	failing = number;
	r = kit_try_open(&(struct devbus_options) { .name = "unit" });
	fine(r);
	if (r == 0)
		use();
	failing = 0;
	if (r == 0)
		kit_close();
	kit.bus = NULL;
	return allocations >= number;
}

START_TEST(test_every_allocation_fails_once)
{
	cJSON_Hooks hooks = { .malloc_fn = __wrap_malloc, .free_fn = free };
	unsigned long number = 1;

	setenv("DEVBUS_LOG", "nothing", 1);
	cJSON_InitHooks(&hooks);
	while (live_through(number))
		number++;
	cJSON_InitHooks(NULL);
	ck_assert_uint_gt(number, 300);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("bus-memory");
	TCase *all = tcase_create("bus-memory");

	tcase_set_timeout(all, 600);
	tcase_add_checked_fixture(all, serve_set_up, kit_tear_down);
	tcase_add_test(all, test_every_allocation_fails_once);
	suite_add_tcase(suite, all);
	return unit_main(suite);
}
