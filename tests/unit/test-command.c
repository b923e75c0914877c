// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* The life of a command, as events with a seq that grows (protocol 4). */
#include "json-text.h"
#include "serve-kit.h"
#include <errno.h>

static double seq_of(const struct fake_record *record)
{
	return strtod(kit_member(record, "seq"), NULL);
}

static void set_up(void)
{
	serve_set_up();
	kit_setting("payload_limit_bytes", "2048");
}

START_TEST(test_accepted_running_succeeded)
{
	struct fake_record *record;

	serve_and_start();
	behaviour = DEFER;
	command("set", "{\"id\":\"a1\",\"args\":{\"level\":3}}");
	record = event("set", "accepted");
	kit_assert_member(record, "id", "a1");
	kit_assert_member(record, "seq", "1");
	kit_assert_member(record, "time", "2027-01-15T08:00:00.000Z");
	kit_assert_member(record, "clock", "(absent)");
	ck_assert_str_eq(seen_id, "a1");
	ck_assert_uint_eq(seen.level, 3);
	kit.time.synced = false;
	ck_assert_int_eq(devbus_progress(deferred[0], 40, "write", "%d of %d", 4, 10), 0);
	record = event("set", "running");
	kit_assert_member(record, "seq", "2");
	kit_assert_member(record, "progress", "40");
	kit_assert_member(record, "step", "write");
	kit_assert_member(record, "message", "4 of 10");
	kit_assert_member(record, "clock", "unsynced");
	act(deferred[0], REPLY);
	record = event("set", "succeeded");
	kit_assert_member(record, "seq", "3");
	kit_assert_member(record, "id", "a1");
	kit_assert_member(record, "result.now", "0.5");
	no_event();
	ck_assert_uint_eq(server_pending(kit.bus), 0);
}
END_TEST

static const struct {
	int percent;
	const char *step, *progress, *shown_step;
} steps[] = {
	{ 0, NULL, "0", "(absent)" },
	{ 100, "", "100", "" },
	{ 101, "x", "100", "x" },
	{ 2147483647, "x", "100", "x" },
	{ -1, "x", "(absent)", "x" },
	{ -2147483647 - 1, NULL, "(absent)", "(absent)" },
};

START_TEST(test_progress_is_clamped)
{
	struct fake_record *record;

	serve_and_start();
	behaviour = DEFER;
	command("simple", "{\"id\":\"a\"}");
	event("simple", "accepted");
	ck_assert_int_eq(devbus_progress(deferred[0], steps[_i].percent, steps[_i].step, NULL), 0);
	record = event("simple", "running");
	kit_assert_member(record, "progress", steps[_i].progress);
	kit_assert_member(record, "step", steps[_i].shown_step);
	kit_assert_member(record, "message", "(absent)");
}
END_TEST

START_TEST(test_progress_of_a_call_says_nothing)
{
	serve_and_start();
	behaviour = DEFER;
	ask("simple", "{}");
	ck_assert_int_eq(devbus_progress(deferred[0], 40, NULL, NULL), 0);
	ck_assert_uint_eq(fake_link_count(FAKE_PUBLISH, NULL), 0);
}
END_TEST

static const struct {
	enum behaviour behaviour;
	const char *state, *path, *text;
} endings[] = {
	{ REPLY_EMPTY, "succeeded", "result", "{}" },
	{ REPLY_NOTHING, "failed", "error.code", "internal" },
	{ REPLY_NOT_FINITE, "failed", "error.code", "internal" },
	{ REPLY_TOO_LARGE, "failed", "error.code", "internal" },
	{ FAIL, "failed", "error.code", "own-word" },
	{ FAIL, "failed", "error.message", "because of 7" },
	{ FAIL_AND_RETURN, "failed", "error.code", "checksum" },
	{ RETURN, "failed", "error.code", "busy" },
};

/* A result for which there never will be room on disk is not tried for ever. */
START_TEST(test_result_larger_than_the_disk_may_hold)
{
	struct devbus_json *result = devbus_json_new_object();
	char *text = calloc(1, 65536);

	kit_setting("payload_limit_bytes", "130048");
	kit_setting("outbox_limit_bytes", "65536");
	serve_and_start();
	behaviour = DEFER;
	command("simple", "{\"id\":\"a\"}");
	event("simple", "accepted");
	memset(text, 'x', 65535);
	ck_assert_int_eq(devbus_json_set(result, "text", devbus_json_new_string(text)), 0);
	free(text);
	devbus_reply_json(deferred[0], result);
	kit_assert_member(event("simple", "failed"), "error.code", "internal");
	ck_assert_uint_eq(server_pending(kit.bus), 0);
}
END_TEST

/* One final state, in the handler or later, and the same one again for the same id. */
START_TEST(test_endings)
{
	bool later = _i >= LENGTH(endings) && endings[_i % LENGTH(endings)].behaviour != RETURN;
	const int i = _i % LENGTH(endings);
	struct fake_record *record;

	serve_and_start();
	returned = -EBUSY;
	behaviour = later ? DEFER : endings[i].behaviour;
	command("simple", "{\"id\":\"a\"}");
	if (later)
		act(deferred[0], endings[i].behaviour);
	event("simple", "accepted");
	record = event("simple", endings[i].state);
	kit_assert_member(record, endings[i].path, endings[i].text);
	no_event();
	command("simple", "{\"id\":\"a\"}");
	kit_assert_member(event("simple", endings[i].state), "seq", "2");
	no_event();
	ck_assert_int_eq(handled, 1);
}
END_TEST

/* ---- rejected: never started */

static const struct {
	const char *name, *payload;
	bool retained;
	const char *id, *code;
} rejections[] = {
	{ "simple", "", false, "null", "malformed" },
	{ "simple", "x", false, "null", "malformed" },
	{ "simple", "[]", false, "null", "malformed" },
	{ "simple", "{}", false, "null", "malformed" },
	{ "simple", "{\"id\":7}", false, "null", "malformed" },
	{ "simple", "{\"id\":\"\"}", false, "null", "malformed" },
	{ "simple", "{\"id\":\"a b\"}", false, "null", "malformed" },
	{ "simple", "{\"id\":\"a\",\"id\":\"a\"}", false, "null", "malformed" },
	{ "simple", "{\"id\":\"a\",\"args\":3}", false, "a", "malformed" },
	{ "simple", "{\"id\":\"a\",\"expires\":\"soon\"}", false, "a", "malformed" },
	{ "simple", "{\"id\":\"a\"}", true, "a", "retained" },
	{ "simple", "{\"id\":\"a\",\"expires\":\"2027-01-15T08:00:00Z\"}", false, "a", "expired" },
	{ "nothing", "{\"id\":\"a\"}", false, "a", "unknown-command" },
	{ "local", "{\"id\":\"a\"}", false, "a", "unknown-command" }, /* not for the cloud */
	{ "set", "{\"id\":\"a\"}", false, "a", "invalid-args" },
	{ "set", "{\"id\":\"a\",\"args\":{\"level\":11}}", false, "a", "invalid-args" },
	{ "guarded", "{\"id\":\"a\"}", false, "a", "own-word" },
};

START_TEST(test_rejected)
{
	char topic[100];
	struct fake_record *record;

	serve_and_start();
	admission = FAIL;
	snprintf(topic, sizeof topic, "cloud/command/unit/%s", rejections[_i].name);
	fake_link_deliver(&(struct link_message) { .topic = topic,
		.payload = rejections[_i].payload,
		.payload_size = strlen(rejections[_i].payload),
		.qos = 1,
		.retained = rejections[_i].retained });
	record = event(rejections[_i].name, "rejected");
	kit_assert_member(record, "id", rejections[_i].id);
	kit_assert_member(record, "error.code", rejections[_i].code);
	ck_assert_uint_gt(strlen(kit_member(record, "error.message")), 0);
	ck_assert_double_eq(seq_of(record), 1);
	ck_assert_uint_eq(kit.bus->stats.commands_rejected, 1);
	ck_assert_uint_eq(kit.bus->stats.commands_received, 1);
	no_event();
	ck_assert_int_eq(handled, 0);
	command("ping", "{\"id\":\"b\"}"); /* seq goes on */
	ck_assert_double_eq(seq_of(event("ping", "accepted")), 2);
	ck_assert_double_eq(seq_of(event("ping", "succeeded")), 3);
}
END_TEST

/* The mirrored topic would be no better than this one. */
START_TEST(test_topic_that_is_no_level)
{
	serve_and_start();
	command("UPPER", "{\"id\":\"a\"}");
	no_event();
	ck_assert_uint_eq(kit.bus->stats.messages_malformed, 1);
}
END_TEST

static const struct {
	const char *expires;
	bool synced, expired;
} expiries[] = {
	{ "2027-01-15T08:00:00.001Z", true, false },
	{ "2027-01-15T08:00:00.000Z", true, true },
	{ "2027-01-15T09:00:00+01:00", true, true },
	{ "2027-01-15T08:00:00.000Z", false, false },
	{ "1970-01-01T00:00:00Z", false, false },
};

START_TEST(test_expiry_needs_a_clock)
{
	char payload[100];

	serve_and_start();
	kit.time.synced = expiries[_i].synced;
	snprintf(payload, sizeof payload, "{\"id\":\"a\",\"expires\":\"%s\"}", expiries[_i].expires);
	command("simple", payload);
	event("simple", expiries[_i].expired ? "rejected" : "accepted");
	ck_assert_int_eq(handled, !expiries[_i].expired);
}
END_TEST

static const struct {
	int64_t step_ms;
	bool new_synchronisation;
	const char *early, *late; /* not expired, expired */
} clock_steps[] = {
	{ INT64_C(10) * 365 * 86400 * 1000, false, "2027-01-15T08:00:00.001Z", "2027-01-15T07:59:59.999Z" },
	{ INT64_C(10) * 365 * 86400 * 1000, true, "2037-01-12T08:00:00.001Z", "2037-01-12T07:59:59.999Z" },
	{ -3600 * 1000, false, "2027-01-15T07:00:00.001Z", "2027-01-15T06:59:59.999Z" },
	{ 600 * 1000, false, "2027-01-15T08:10:00.001Z", "2027-01-15T08:10:00.000Z" },
};

/* A clock that is wrong must not have the device refuse every command. */
START_TEST(test_nothing_expires_by_a_step_of_the_clock)
{
	char payload[100];

	serve_and_start();
	kit.time.wall_ms += clock_steps[_i].step_ms;
	if (clock_steps[_i].new_synchronisation) {
		kit.time.synced = false;
		command("simple", "{\"id\":\"unsynced\",\"expires\":\"1970-01-01T00:00:00Z\"}");
		kit.time.synced = true;
	}
	snprintf(payload, sizeof payload, "{\"id\":\"a\",\"expires\":\"%s\"}", clock_steps[_i].early);
	fake_link_take_all();
	command("simple", payload);
	event("simple", "accepted");
	event("simple", "succeeded");
	snprintf(payload, sizeof payload, "{\"id\":\"b\",\"expires\":\"%s\"}", clock_steps[_i].late);
	command("simple", payload);
	kit_assert_member(event("simple", "rejected"), "error.code", "expired");
}
END_TEST

START_TEST(test_time_is_counted_on_after_a_step_of_the_clock)
{
	serve_and_start();
	kit.time.wall_ms += clock_steps[0].step_ms;
	kit_turn(3600 * 1000);
	command("simple", "{\"id\":\"a\",\"expires\":\"2027-01-15T08:59:59.999Z\"}");
	event("simple", "rejected");
	command("simple", "{\"id\":\"b\",\"expires\":\"2027-01-15T09:00:00.001Z\"}");
	event("simple", "accepted");
}
END_TEST

START_TEST(test_admitted_before_accepted)
{
	serve_and_start();
	command("guarded", "{\"id\":\"a\"}");
	event("guarded", "accepted");
	event("guarded", "succeeded");
	admission = RETURN;
	returned = -EBUSY;
	command("guarded", "{\"id\":\"b\"}");
	kit_assert_member(event("guarded", "rejected"), "error.code", "busy");
	ck_assert(admitted == 2 && handled == 1);
	command("guarded", "{\"id\":\"b\"}"); /* and so it stays */
	event("guarded", "rejected");
	ck_assert_int_eq(admitted, 2);
}
END_TEST

/* ---- away */

START_TEST(test_events_outlive_a_lost_connection)
{
	serve_and_start();
	behaviour = DEFER;
	command("simple", "{\"id\":\"a\"}");
	fake_link_take_all(); /* "accepted" is in flight, unacknowledged */
	fake_link_lose("gone");
	devbus_progress(deferred[0], 50, NULL, NULL);
	act(deferred[0], REPLY);
	kit_turn(60000);
	kit_settle();
	kit_assert_member(event("simple", "accepted"), "seq", "1");
	kit_assert_member(event("simple", "running"), "seq", "2");
	kit_assert_member(event("simple", "succeeded"), "seq", "3");
	no_event();
}
END_TEST

START_TEST(test_standard_commands)
{
	serve_and_start();
	command("ping", "{\"id\":\"a\"}");
	event("ping", "accepted");
	kit_assert_member(event("ping", "succeeded"), "result", "{}");
	command("stats", "{\"id\":\"b\"}");
	event("stats", "accepted");
	kit_assert_member(event("stats", "succeeded"), "result.commands_received", "2");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("command");
	TCase *all = tcase_create("command");

	tcase_add_checked_fixture(all, set_up, kit_tear_down);
	tcase_add_test(all, test_accepted_running_succeeded);
	tcase_add_loop_test(all, test_progress_is_clamped, 0, LENGTH(steps));
	tcase_add_test(all, test_progress_of_a_call_says_nothing);
	tcase_add_test(all, test_result_larger_than_the_disk_may_hold);
	tcase_add_loop_test(all, test_endings, 0, 2 * LENGTH(endings));
	tcase_add_loop_test(all, test_rejected, 0, LENGTH(rejections));
	tcase_add_test(all, test_topic_that_is_no_level);
	tcase_add_loop_test(all, test_expiry_needs_a_clock, 0, LENGTH(expiries));
	tcase_add_loop_test(all, test_nothing_expires_by_a_step_of_the_clock, 0, LENGTH(clock_steps));
	tcase_add_test(all, test_time_is_counted_on_after_a_step_of_the_clock);
	tcase_add_test(all, test_admitted_before_accepted);
	tcase_add_test(all, test_events_outlive_a_lost_connection);
	tcase_add_test(all, test_standard_commands);
	suite_add_tcase(suite, all);
	return unit_main(suite);
}
