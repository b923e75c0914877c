// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* Ids that are known, what a crash left unfinished, and disks that fail (protocol 4.3, 4.4). */
#include "durable-kit.h"
#include <errno.h>

/* ---- known ids */

static const struct {
	const char *first, *second; /* args of the same id; the second one to command ... */
	const char *name;
	bool same;
} repeats[] = {
	{ "{\"level\":3}", "{\"level\":3}", "set", true },
	{ "{\"level\":3,\"mode\":\"hand\"}", "{ \"mode\":\"hand\", \"level\":3.0}", "set", true },
	{ "{\"level\":3}", "{\"level\":4}", "set", false },
	{ "{\"level\":3}", "{\"level\":3,\"mode\":\"auto\"}", "set", false },
	{ "{\"level\":3}", "{}", "set", false },
	{ "{\"level\":3}", "{\"level\":3}", "simple", false },
	{ "{\"level\":11}", "{\"level\":11}", "set", true }, /* rejections are remembered as well */
	{ "{\"level\":11}", "{\"level\":3}", "set", false },
};

static void send_set(const char *name, const char *args)
{
	char payload[200];

	snprintf(payload, sizeof payload, "{\"id\":\"a\",\"args\":%s}", args);
	command(name, payload);
}

/* In this life of the service, and (the second half) in the next. */
START_TEST(test_known_id)
{
	const int i = _i % LENGTH(repeats);
	struct fake_record *record;
	char known[400];

	serve_and_start();
	send_set("set", repeats[i].first);
	while ((record = kit_published("cloud/event/unit/set")))
		snprintf(known, sizeof known, "%s", record->payload);
	if (_i >= LENGTH(repeats)) {
		kit_kill();
		serve_and_start();
	}
	handled = 0;
	fake_clock_turn(&kit.time, 5000);
	for (int again = 0; again < 2; again++) {
		send_set(repeats[i].name, repeats[i].second);
		if (repeats[i].same) {
			record = kit_published("cloud/event/unit/set");
			ck_assert_ptr_nonnull(record);
			ck_assert_str_eq(record->payload, known); /* its own seq and time */
		} else {
			record = event(repeats[i].name, "rejected");
			kit_assert_member(record, "error.code", "duplicate-id");
			kit_assert_member(record, "id", "a");
		}
		no_event();
	}
	ck_assert_int_eq(handled, 0);
	if (_i < LENGTH(repeats))
		ck_assert_uint_eq(kit.bus->stats.commands_repeated, 2);
	send_set("set", repeats[i].first); /* the first one is untouched */
	ck_assert_str_eq(kit_published("cloud/event/unit/set")->payload, known);
}
END_TEST

START_TEST(test_known_id_while_it_runs)
{
	serve_and_start();
	behaviour = DEFER;
	command("simple", "{\"id\":\"a\"}");
	event("simple", "accepted");
	command("simple", "{\"id\":\"a\"}");
	kit_assert_member(event("simple", "accepted"), "seq", "1");
	devbus_progress(deferred[0], 10, NULL, NULL);
	event("simple", "running");
	command("simple", "{\"id\":\"a\"}");
	kit_assert_member(event("simple", "running"), "seq", "2");
	ck_assert_int_eq(handled, 1);
	act(deferred[0], REPLY);
	kit_assert_member(event("simple", "succeeded"), "seq", "3");
	no_event();
}
END_TEST

/* The last event has its place behind those that wait for the bridge, also when it is asked for again. */
START_TEST(test_known_id_whose_event_waits)
{
	const int window = BRIDGE_WINDOW_FIRST;

	serve_and_start();
	kit.bus->durable->proven = false; /* as after a reconnect */
	publish_durable(window + 1);
	fake_link_acknowledge_all();
	ck_assert_int_eq(take_sent(), window);
	command("simple", "{\"id\":\"a\"}");
	command("simple", "{\"id\":\"a\"}");
	ck_assert_uint_eq(kit.bus->stats.commands_repeated, 1);
	no_event();
	kit_echo_tokens();
	ck_assert_int_eq(take_sent(), 1);
	event("simple", "accepted");
	event("simple", "succeeded");
	no_event();
	command("simple", "{\"id\":\"a\"}"); /* now it is a repeat */
	event("simple", "succeeded");
	no_event();
}
END_TEST

/* After a loss the events come again in order, and whoever still wants the repeat asks for it again. */
START_TEST(test_repeat_and_reconnected)
{
	struct fake_record *record;

	serve_and_start();
	publish_durable(1);
	command("simple", "{\"id\":\"a\"}");
	acknowledge_all();
	command("simple", "{\"id\":\"a\"}");
	reconnect();
	acknowledge_all();
	for (int seq = 1, i = 0; (size_t)i < fake_link->count; i++) {
		record = &fake_link->records[i];
		if (record->taken || record->kind != FAKE_PUBLISH || strncmp(record->name, "cloud/", 6) != 0)
			continue;
		ck_assert_int_eq(atoi(kit_member(record, "seq")), seq++);
	}
	ck_assert_int_eq(take_sent(), 1);
	event("simple", "accepted");
	event("simple", "succeeded");
	no_event();
}
END_TEST

static void send_number(const char *name, int number)
{
	char payload[40];

	kit_settle(); /* no more than a window of events can be under way */
	snprintf(payload, sizeof payload, "{\"id\":\"n%d\"}", number);
	command(name, payload);
}

/* Finished ids make room for new ones; those that run do not. */
START_TEST(test_journal_is_bounded)
{
	kit_setting("journal_max", "4");
	serve_and_start();
	for (int i = 0; i < 20; i++) {
		send_number("simple", i);
		event("simple", "accepted");
		event("simple", "succeeded");
	}
	send_number("simple", 19); /* the last is known */
	kit_assert_member(event("simple", "succeeded"), "seq", "40");
	send_number("simple", 0); /* the first is forgotten, and runs again */
	event("simple", "accepted");
	event("simple", "succeeded");
	behaviour = DEFER;
	for (int i = 100; i < 104; i++) {
		send_number("simple", i);
		event("simple", "accepted");
	}
	send_number("simple", 104);
	kit_assert_member(event("simple", "rejected"), "error.code", "busy");
	act(deferred[2], REPLY);
	event("simple", "succeeded");
	send_number("simple", 104);
	event("simple", "accepted");
	no_event();
}
END_TEST

/* Sends numbers @first to @last; how many of them were known. */
static int send_numbers(const char *name, int first, int last)
{
	uint64_t known = kit.bus->stats.commands_repeated;

	for (int i = first; i <= last; i++) {
		struct mark mark = mark_here();

		send_number(name, i);
		acknowledge_all();
		forget_sent_since(mark);
	}
	return (int)(kit.bus->stats.commands_repeated - known);
}

/* Whoever sends nothing but nonsense must not push out what was really done (protocol 4.3). */
START_TEST(test_rejections_have_a_share)
{
	enum { MOST = 64, SHARE = MOST / 4, DONE = 40, LATER = 1000 };
	int known;

	kit_setting("journal_max", "64");
	serve_and_start();
	send_numbers("simple", 1, DONE);
	ck_assert_int_eq(send_numbers("nothing", 101, 200), 0);
	if (_i == 1) {
		kit_kill();
		kit_open(0);
		serve();
		kit_connect();
	}
	ck_assert_int_eq(send_numbers("simple", 1, DONE), DONE);
	ck_assert_int_eq(send_numbers("nothing", 200, 200), 1);
	for (known = 0; known < 100 && send_numbers("nothing", 199 - known, 199 - known) == 1;)
		known++;
	ck_assert_int_lt(known, SHARE);
	ck_assert_int_ge(known, SHARE / 2);
	/* What is done goes last, the oldest first. */
	send_numbers("simple", LATER + 1, LATER + SHARE);
	ck_assert_int_eq(send_numbers("simple", 1, DONE), DONE);
	send_numbers("simple", LATER + MOST, LATER + MOST + SHARE);
	ck_assert_int_eq(send_numbers("simple", 1, 1), 0);
	ck_assert_int_eq(send_numbers("simple", DONE, DONE), 1);
}
END_TEST

START_TEST(test_ids_are_forgotten_by_age)
{
	kit_setting("journal_days", "2");
	serve_and_start();
	command("simple", "{\"id\":\"a\"}");
	kit_turn(2 * 86400 * 1000LL - 3600 * 1000);
	kit_settle();
	fake_link_take_all();
	command("simple", "{\"id\":\"a\"}");
	event("simple", "succeeded");
	kit.time.synced = _i == 0;
	for (int hour = 0; hour < 3; hour++)
		kit_turn(3600 * 1000);
	kit_settle();
	fake_link_take_all();
	command("simple", "{\"id\":\"a\"}");
	event("simple", _i == 0 ? "accepted" : "succeeded"); /* a clock that may jump must not forget */
	ck_assert_int_eq(handled, _i == 0 ? 2 : 1);
}
END_TEST

START_TEST(test_busy_when_too_many_wait)
{
	kit_setting("pending_calls_max", "2");
	serve_and_start();
	behaviour = DEFER;
	send_number("simple", 0);
	ask("simple", "{}");
	event("simple", "accepted");
	send_number("simple", 1);
	kit_assert_member(event("simple", "rejected"), "error.code", "busy");
	act(deferred[1], REPLY);
	send_number("simple", 1); /* "busy" is not remembered: there is no room to */
	event("simple", "accepted");
}
END_TEST

/* ---- after a crash */

START_TEST(test_resumed)
{
	serve_and_start();
	behaviour = DEFER;
	command("steady", "{\"id\":\"b\"}");
	command("steady", "{\"id\":\"a\"}");
	command("simple", "{\"id\":\"c\"}");
	command("steady", "{\"id\":\"d\"}");
	act(deferred[3], REPLY);
	kit_settle();
	kit_kill();
	deferred_count = 0;
	handled = 0;
	kit_open(0);
	serve();
	ck_assert(resumed == 2 && handled == 0); /* oldest first: */
	ck_assert_str_eq(devbus_request_id(deferred[0]), "b");
	ck_assert_str_eq(devbus_request_id(deferred[1]), "a");
	kit_dispatch();
	kit_settle();
	kit_assert_member(event("simple", "failed"), "error.code", "interrupted");
	no_event();
	command("steady", "{\"id\":\"a\"}");
	event("steady", "accepted");
	devbus_progress(deferred[1], 90, NULL, NULL);
	event("steady", "running");
	act(deferred[1], REPLY);
	event("steady", "succeeded");
	act(deferred[0], FAIL);
	kit_assert_member(event("steady", "failed"), "id", "b");
	kit_kill();
	resumed = 0;
	serve_and_start();
	ck_assert_int_eq(resumed, 0);
	no_event();
}
END_TEST

static const struct devbus_method other_methods[] = {
	{ .name = "steady",
		.handler = on_simple,
		.args = set_fields,
		.args_size = sizeof(struct set_args),
		.flags = DEVBUS_CLOUD,
		.resume = on_resume },
	{ 0 },
};

/* The program is another one after the crash. */
START_TEST(test_resumed_by_another_version)
{
	serve_and_start();
	behaviour = DEFER;
	command("simple", "{\"id\":\"a\"}");
	command("steady", "{\"id\":\"b\"}");
	command("steady", "{\"id\":\"c\",\"args\":{\"level\":4}}");
	kit_settle();
	kit_kill();
	kit_open(0);
	ck_assert_int_eq(devbus_serve(kit.bus, other_methods, NULL), 0);
	kit_dispatch();
	kit_settle();
	kit_assert_member(event("simple", "failed"), "error.code", "interrupted");
	kit_assert_member(event("steady", "failed"), "error.code", "invalid-args");
	ck_assert_int_eq(resumed, 1);
	ck_assert_str_eq(seen_id, "c");
	ck_assert_uint_eq(seen.level, 4);
}
END_TEST

/* ---- the disk */

static const struct {
	const char *name, *code;
} on_full_disk[] = {
	{ "simple", "io-error" },
	{ "nothing", "unknown-command" }, /* there is an answer to everything */
	{ "set", "invalid-args" },
};

START_TEST(test_full_disk)
{
	struct fake_record *record;

	serve_and_start();
	fill_disk();
	command(on_full_disk[_i].name, "{\"id\":\"a\"}");
	record = event(on_full_disk[_i].name, "rejected");
	kit_assert_member(record, "error.code", on_full_disk[_i].code);
	kit_assert_member(record, "id", "a");
	no_event();
	ck_assert_int_eq(handled, 0);
	ck_assert_uint_eq(kit.bus->stats.commands_rejected, 1);
	ck_assert_str_eq(state_now(), "degraded");
	free_disk();
	command("simple", "{\"id\":\"b\"}");
	event("simple", "accepted");
	event("simple", "succeeded");
	ck_assert_str_eq(state_now(), "online");
	command("simple", "{\"id\":\"a\"}"); /* not remembered: no promise was made */
	event("simple", "accepted");
}
END_TEST

/* Accepted before the disk was full: progress cannot be told, but how it ended is, once there is room. */
START_TEST(test_disk_full_while_it_runs)
{
	serve_and_start();
	behaviour = DEFER;
	command("simple", "{\"id\":\"a\"}");
	event("simple", "accepted");
	fill_disk();
	ck_assert_int_lt(devbus_progress(deferred[0], 10, NULL, NULL), 0);
	no_event();
	free_disk();
	ck_assert_int_eq(devbus_progress(deferred[0], 20, NULL, NULL), 0);
	kit_assert_member(event("simple", "running"), "progress", "20");
	fill_disk();
	act(deferred[0], _i == 0 ? REPLY : FAIL);
	for (int i = 0; i < 3; i++)
		kit_turn(60000);
	no_event();
	ck_assert_str_eq(state_now(), "degraded");
	free_disk();
	for (int i = 0; i < 3; i++)
		kit_turn(60000);
	event("simple", _i == 0 ? "succeeded" : "failed");
	ck_assert_str_eq(state_now(), "online");
	ck_assert_uint_eq(server_pending(kit.bus), 0);
	command("simple", "{\"id\":\"a\"}");
	event("simple", _i == 0 ? "succeeded" : "failed");
	no_event();
}
END_TEST

static void defer_two(void)
{
	serve_and_start();
	behaviour = DEFER;
	command("simple", "{\"id\":\"a\"}");
	command("simple", "{\"id\":\"b\"}");
	event("simple", "accepted");
	event("simple", "accepted");
	fill_disk();
	for (int i = 0; i < 2; i++)
		act(deferred[i], REPLY);
	no_event();
}

START_TEST(test_kept_finals_are_told_in_order)
{
	defer_two();
	kit_turn(1000);
	no_event();
	free_disk();
	kit_turn(1000);
	kit_assert_member(event("simple", "succeeded"), "id", "a");
	kit_assert_member(event("simple", "succeeded"), "id", "b");
}
END_TEST

/* The work is done: the next start must not take it up again. */
START_TEST(test_kept_finals_are_tried_at_close)
{
	defer_two();
	free_disk();
	fake_link_lose("gone");
	kit_close();
	kit_open(0);
	serve();
	kit_connect();
	behaviour = REPLY;
	command("simple", "{\"id\":\"a\"}");
	event("simple", "succeeded");
	command("simple", "{\"id\":\"b\"}");
	event("simple", "succeeded");
	no_event();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("command-ids");
	TCase *all = tcase_create("command-ids");

	tcase_add_checked_fixture(all, serve_set_up, kit_tear_down);
	tcase_add_loop_test(all, test_known_id, 0, 2 * LENGTH(repeats));
	tcase_add_test(all, test_known_id_while_it_runs);
	tcase_add_test(all, test_known_id_whose_event_waits);
	tcase_add_test(all, test_repeat_and_reconnected);
	tcase_add_test(all, test_journal_is_bounded);
	tcase_add_loop_test(all, test_rejections_have_a_share, 0, 2);
	tcase_add_loop_test(all, test_ids_are_forgotten_by_age, 0, 2);
	tcase_add_test(all, test_busy_when_too_many_wait);
	tcase_add_test(all, test_resumed);
	tcase_add_test(all, test_resumed_by_another_version);
	tcase_add_loop_test(all, test_full_disk, 0, LENGTH(on_full_disk));
	tcase_add_loop_test(all, test_disk_full_while_it_runs, 0, 2);
	tcase_add_test(all, test_kept_finals_are_told_in_order);
	tcase_add_test(all, test_kept_finals_are_tried_at_close);
	suite_add_tcase(suite, all);
	return unit_main(suite);
}
