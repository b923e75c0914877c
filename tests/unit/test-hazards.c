// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* What goes wrong only where two things meet: closing and deadlines, a batch and a command, a dead cloud and local events. */
#include "durable.h"
#include "full-disk.h"
#include "json-text.h"
#include "serve-kit.h"
#include <errno.h>

static int outcomes;

static void set_up(void)
{
	serve_set_up();
	outcomes = 0;
}

static int publish(enum devbus_publication what, const char *item)
{
	return devbus_publish_json(kit.bus, what, item, parse("{\"n\":1}"));
}

/* ---- closing while something is under way: whoever would be called is gone by then */

static void on_outcome(struct devbus *bus, const struct devbus_outcome *outcome, void *userdata)
{
	(void)bus, (void)outcome, (void)userdata;
	outcomes++;
}

static void on_echo(struct devbus *bus, int64_t took_ms, void *userdata)
{
	(void)bus, (void)took_ms, (void)userdata;
	outcomes++;
}

/* With a broker that is frozen, so that the close waits for its stop_timeout_ms. */
static void close_slowly(void)
{
	kit.time.step_ms = 250;
	devbus_close(kit.bus);
	kit.time.step_ms = 0;
	kit.bus = NULL;
}

START_TEST(test_no_outcome_while_closing)
{
	struct devbus_call call = {
		.service = "sensor", .method = "read", .timeout_ms = 500, .handler = on_outcome
	};

	kit_start();
	ck_assert_int_eq(devbus_call(kit.bus, &call, NULL), 0);
	close_slowly();
	ck_assert_int_eq(outcomes, 0);
}
END_TEST

START_TEST(test_no_echo_while_closing)
{
	kit_start();
	ck_assert_int_eq(devbus_echo(kit.bus, 500, on_echo, NULL), 0);
	close_slowly();
	ck_assert_int_eq(outcomes, 0);
}
END_TEST

/* ---- a batch that something else had to write */

START_TEST(test_batch_lost_in_between_is_told)
{
	serve_and_start();
	ck_assert_int_eq(devbus_batch_begin(kit.bus), 0);
	ck_assert_int_eq(publish(DEVBUS_CLOUD_DURABLE, "x"), 0);
	fill_disk();
	command("simple", "{\"id\":\"a\"}"); /* its number comes behind those of the batch */
	free_disk();
	ck_assert_int_lt(devbus_batch_commit(kit.bus), 0);
	ck_assert_int_eq(devbus_batch_begin(kit.bus), 0);
	ck_assert_int_eq(publish(DEVBUS_CLOUD_DURABLE, "x"), 0);
	ck_assert_int_eq(devbus_batch_commit(kit.bus), 0);
}
END_TEST

/* What can never fit must not push out what is there. */
START_TEST(test_batch_above_the_limit_drops_nothing)
{
	char text[60000];
	struct devbus_json *large;

	kit_setting("outbox_limit_bytes", "65536");
	kit_start();
	memset(text, 'x', sizeof text);
	text[sizeof text - 1] = '\0';
	ck_assert_int_eq(publish(DEVBUS_CLOUD_DURABLE, "x"), 0);
	ck_assert_int_eq(devbus_batch_begin(kit.bus), 0);
	for (int i = 0; i < 2; i++) {
		large = devbus_json_new_object();
		ck_assert_int_eq(devbus_json_set(large, "t", devbus_json_new_string(text)), 0);
		ck_assert_int_eq(devbus_publish_json(kit.bus, DEVBUS_CLOUD_DURABLE, "x", large), 0);
	}
	ck_assert_int_eq(devbus_batch_commit(kit.bus), -ENOBUFS);
	ck_assert_uint_eq(kit.bus->stats.events_dropped, 2); /* its own */
	ck_assert_uint_eq(durable_count(kit.bus), 1);
}
END_TEST

/* ---- the cloud is away */

/* The broker acknowledges, and no token comes back. */
static void acknowledge_without_echo(void)
{
	size_t before;

	do {
		before = fake_link->count;
		kit_dispatch();
		fake_link_acknowledge_all();
	} while (fake_link->count != before);
}

START_TEST(test_local_events_while_the_cloud_is_away)
{
	kit_start();
	for (int i = 0; i < 450; i++) {
		ck_assert_int_eq(publish(DEVBUS_CLOUD_RELIABLE, "x"), 0);
		acknowledge_without_echo();
	}
	fake_link_take_all();
	ck_assert_int_eq(publish(DEVBUS_EVENT, "alarm"), 0);
	acknowledge_without_echo();
	ck_assert_ptr_nonnull(kit_published("service/unit/event/alarm"));
}
END_TEST

/* Tokens are bridged as well: a night without the cloud must not fill the bridge's queue with them, or it drops events. */
/* Repeats go over the bridge like the rest, and must not fill its queue while nothing tells how full it is. */
START_TEST(test_repeats_while_the_cloud_is_away)
{
	int repeats = 0;

	serve_and_start();
	command("simple", "{\"id\":\"a\"}");
	kit_settle();
	fake_link_lose("gone");
	fake_link_take_all();
	kit_turn(60000);
	fake_link_finish();
	for (int i = 0; i < 3 * BRIDGE_WINDOW_FIRST; i++) {
		command("simple", "{\"id\":\"a\"}");
		acknowledge_without_echo();
	}
	while (kit_published("cloud/event/unit/simple"))
		repeats++;
	ck_assert_int_eq(repeats, BRIDGE_WINDOW_FIRST);
}
END_TEST

START_TEST(test_few_tokens_while_the_cloud_is_away)
{
	kit_start();
	ck_assert_int_eq(publish(DEVBUS_CLOUD_DURABLE, "x"), 0);
	acknowledge_without_echo();
	fake_link_take_all();
	for (int minute = 0; minute < 24 * 60; minute++) {
		kit_turn(60 * 1000);
		acknowledge_without_echo();
	}
	ck_assert_uint_lt(fake_link_count(FAKE_PUBLISH, "service/bridge/echo/unit"), 100);
}
END_TEST

/* It waits on disk for room in memory: nothing is lost that an event would have to tell. */
START_TEST(test_stored_event_that_waits_is_no_drop)
{
	char text[900];
	struct devbus_json *large;
	struct fake_record *record;

	kit_setting("queue_limit_bytes", "1024");
	kit_start();
	memset(text, 'x', sizeof text);
	text[sizeof text - 1] = '\0';
	large = devbus_json_new_object();
	ck_assert_int_eq(devbus_json_set(large, "t", devbus_json_new_string(text)), 0);
	ck_assert_int_eq(devbus_publish_json(kit.bus, DEVBUS_CLOUD_DURABLE, "x", large), 0);
	fake_link_take_all();
	ck_assert_int_eq(publish(DEVBUS_EVENT, "y"), 0);
	record = kit_published("service/unit/event/y");
	kit_assert_member(record, "dropped", "(absent)");
}
END_TEST

/* It goes out although memory is full of others. */
START_TEST(test_stored_event_goes_though_memory_is_full)
{
	char text[1200];
	struct devbus_json *large[2];

	kit_setting("queue_limit_bytes", "2048");
	kit_start();
	memset(text, 'x', sizeof text);
	text[sizeof text - 1] = '\0';
	for (int i = 0; i < 2; i++) {
		large[i] = devbus_json_new_object();
		ck_assert_int_eq(devbus_json_set(large[i], "t", devbus_json_new_string(text)), 0);
	}
	ck_assert_int_eq(devbus_publish_json(kit.bus, DEVBUS_EVENT, "x", large[0]), 0);
	ck_assert_int_eq(publish(DEVBUS_EVENT, "x"), 0);
	ck_assert_int_eq(devbus_publish_json(kit.bus, DEVBUS_CLOUD_DURABLE, "y", large[1]), 0);
	kit_settle();
	ck_assert_ptr_nonnull(kit_published("cloud/event/unit/y"));
}
END_TEST

/* ---- a clock that jumps by ten years and is still called synchronised */

START_TEST(test_nothing_ages_by_a_jump)
{
	const int64_t jump_ms = 10 * INT64_C(365) * 86400 * 1000;

	serve_and_start();
	command("simple", "{\"id\":\"a\"}");
	acknowledge_without_echo();
	kit.time.wall_ms += jump_ms;
	ck_assert_int_eq(publish(DEVBUS_CLOUD_DURABLE, "x"), 0);
	kit.time.wall_ms += jump_ms;
	kit_turn(3600 * 1000 + 1);
	ck_assert_uint_eq(kit.bus->stats.events_dropped, 0);
	command("simple", "{\"id\":\"a\"}");
	ck_assert_int_eq(handled, 1);
}
END_TEST

/* ---- answered where it should not be, on a full disk */

START_TEST(test_answered_in_admit_on_a_full_disk)
{
	serve_and_start();
	admission = REPLY_EMPTY;
	fill_disk();
	command("guarded", "{\"id\":\"a\",\"args\":{\"some\":[\"thing\"]}}");
	free_disk();
	kit_turn(1000);
	kit_turn(1000);
	ck_assert_int_eq(handled, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("hazards");
	TCase *all = tcase_create("all");

	tcase_add_checked_fixture(all, set_up, kit_tear_down);
	tcase_set_timeout(all, 60);
	tcase_add_test(all, test_no_outcome_while_closing);
	tcase_add_test(all, test_no_echo_while_closing);
	tcase_add_test(all, test_batch_lost_in_between_is_told);
	tcase_add_test(all, test_batch_above_the_limit_drops_nothing);
	tcase_add_test(all, test_local_events_while_the_cloud_is_away);
	tcase_add_test(all, test_repeats_while_the_cloud_is_away);
	tcase_add_test(all, test_few_tokens_while_the_cloud_is_away);
	tcase_add_test(all, test_stored_event_that_waits_is_no_drop);
	tcase_add_test(all, test_stored_event_goes_though_memory_is_full);
	tcase_add_test(all, test_nothing_ages_by_a_jump);
	tcase_add_test(all, test_answered_in_admit_on_a_full_disk);
	suite_add_tcase(suite, all);
	return unit_main(suite);
}
