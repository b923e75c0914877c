// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* The method table and its local door (protocol 5). */
#include "json-text.h"
#include "serve-kit.h"
#include <errno.h>

/* ---- registering */

static const struct {
	struct devbus_method methods[3];
	int result;
} tables[] = {
	{ { { 0 } }, 0 },
	{ { { .name = "a", .handler = on_simple }, { .name = "b", .handler = on_simple } }, 0 },
	{ { { .name = "a", .handler = on_simple }, { .name = "a", .handler = on_simple } }, -EINVAL },
	{ { { .name = "A", .handler = on_simple } }, -EINVAL },
	{ { { .name = "a/b", .handler = on_simple } }, -EINVAL },
	{ { { .name = "", .handler = on_simple } }, -EINVAL }, { { { .name = "a" } }, -EINVAL },
	{ { { .name = "a", .handler = on_simple, .args = set_fields } }, -EINVAL },
	{ { { .name = "ping", .handler = on_simple } }, -EINVAL }, /* always there already */
	{ { { .name = "ack", .handler = on_simple } }, 0 },
	{ { { .name = "ack", .handler = on_simple, .flags = DEVBUS_CLOUD } }, -EINVAL }, /* protocol 1.5 */
};

START_TEST(test_method_tables)
{
	kit_open(0);
	ck_assert_int_eq(devbus_serve(kit.bus, tables[_i].methods, NULL), tables[_i].result);
	if (tables[_i].result == 0)
		ck_assert_int_eq(devbus_serve(kit.bus, methods, NULL), -EALREADY);
	else
		serve();
	kit_close();
	kit_open(DEVBUS_CALLER);
	ck_assert_int_eq(devbus_serve(kit.bus, tables[_i].methods, NULL), -EPERM);
}
END_TEST

START_TEST(test_subscriptions_of_a_server)
{
	struct fake_record *record;

	kit_open(0);
	serve();
	kit_dispatch();
	record = fake_link_take(FAKE_SUBSCRIBE, "service/unit/call/+");
	ck_assert(record->filter.qos == 0 && record->filter.retain_as_published);
	record = fake_link_take(FAKE_SUBSCRIBE, "cloud/command/unit/+");
	ck_assert(record->filter.qos == 1 && record->filter.retain_as_published);
}
END_TEST

/* ---- answers */

static const struct {
	enum behaviour behaviour;
	const char *path, *text;
} answers[] = {
	{ REPLY, "result.now", "0.5" },
	{ REPLY_EMPTY, "result", "{}" },
	{ REPLY_NOTHING, "error.code", "internal" },
	{ REPLY_NOT_FINITE, "error.code", "internal" },
	{ REPLY_TOO_LARGE, "error.code", "internal" },
	{ FAIL, "error.code", "own-word" },
	{ FAIL, "error.message", "because of 7" },
	{ FAIL_AND_RETURN, "error.code", "checksum" },
};

/* In the handler, or later: the answer is the same, and there is one. */
START_TEST(test_answers)
{
	bool later = _i >= LENGTH(answers);
	const int i = _i % LENGTH(answers);
	struct fake_record *record;

	kit_setting("payload_limit_bytes", "2048");
	serve_and_start();
	behaviour = later ? DEFER : answers[i].behaviour;
	record = ask("simple", "{}");
	if (later) {
		ck_assert_ptr_null(record);
		kit_turn(3600000);
		ck_assert_uint_eq(server_pending(kit.bus), 1);
		act(deferred[0], answers[i].behaviour);
		record = kit_published(REPLY_TOPIC);
	}
	kit_assert_member(record, answers[i].path, answers[i].text);
	ck_assert_uint_eq(record->correlation_size, 3);
	ck_assert_int_eq(memcmp(record->correlation, "\0c1", 3), 0);
	ck_assert(record->qos == 0 && !record->retained);
	ck_assert_uint_eq(fake_link_count(FAKE_PUBLISH, REPLY_TOPIC), 0);
	ck_assert_uint_eq(server_pending(kit.bus), 0);
}
END_TEST

static const struct {
	int returned;
	const char *code;
} errnos[] = {
	{ -EINVAL, "invalid-args" },
	{ -EBUSY, "busy" },
	{ -ENOENT, "not-found" },
	{ -EPERM, "refused" },
	{ -EACCES, "refused" },
	{ -ETIMEDOUT, "timeout" },
	{ -ECANCELED, "cancelled" },
	{ -ENOSPC, "no-space" },
	{ -EDQUOT, "no-space" },
	{ -EIO, "io-error" },
	{ -EROFS, "io-error" },
	{ -ENOMEM, "internal" },
	{ -E2BIG, "internal" },
};

START_TEST(test_errno_becomes_a_code)
{
	serve_and_start();
	behaviour = RETURN;
	returned = errnos[_i].returned;
	kit_assert_member(ask("simple", "{}"), "error.code", errnos[_i].code);
}
END_TEST

/* ---- arguments */

static const struct {
	const char *payload, *code, *names; /* NULL: taken */
} args[] = {
	{ "{\"level\":3}", NULL, NULL },
	{ "{\"level\":3,\"mode\":\"hand\",\"unknown\":[]}", NULL, NULL },
	{ "{}", "invalid-args", "level" },
	{ "", "invalid-args", "level" },
	{ "{\"level\":11}", "invalid-args", "level" },
	{ "{\"level\":\"3\"}", "invalid-args", "level" },
	{ "{\"level\":3,\"mode\":\"wild\"}", "invalid-args", "mode" },
	{ "{\"level\":3,\"level\":3}", "malformed", "level" },
	{ "[3]", "malformed", "object" },
	{ "3", "malformed", "object" },
	{ "{", "malformed", "" },
	{ "\xff", "malformed", "" },
};

START_TEST(test_arguments)
{
	struct fake_record *record;

	serve_and_start();
	record = ask("set", args[_i].payload);
	if (args[_i].code) {
		kit_assert_member(record, "error.code", args[_i].code);
		ck_assert_ptr_nonnull(strstr(kit_member(record, "error.message"), args[_i].names));
		ck_assert_int_eq(handled, 0);
	} else {
		kit_assert_member(record, "result.now", "0.5");
		ck_assert_uint_eq(seen.level, 3);
		ck_assert_str_eq(seen.mode, _i == 1 ? "hand" : "auto");
		ck_assert_str_eq(seen_id, ""); /* a call has none */
	}
}
END_TEST

START_TEST(test_unknown_method)
{
	serve_and_start();
	kit_assert_member(ask("nothing", "{}"), "error.code", "unknown-command");
	kit_assert_member(ask("local", "{}"), "result.now", "0.5");
}
END_TEST

START_TEST(test_admission)
{
	serve_and_start();
	kit_assert_member(ask("guarded", "{}"), "result.now", "0.5");
	admission = FAIL;
	kit_assert_member(ask("guarded", "{}"), "error.code", "own-word");
	admission = RETURN;
	returned = -EBUSY;
	kit_assert_member(ask("guarded", "{}"), "error.code", "busy");
	ck_assert(admitted == 3 && handled == 1);
}
END_TEST

/* ---- where answers go (protocol 5.5) */

static const struct {
	const char *response_topic;
	bool executed;
} ways_back[] = {
	{ NULL, false },
	{ "", false },
	{ "service/cli/reply/1", true },
	{ "service/cli/reply/1/2", true },
	{ "service/cli/reply", false },
	{ "service/cli/replies/1", false },
	{ "service//reply/1", false },
	{ "service/CLI/reply/1", false },
	{ "service/cli/status", false },
	{ "cloud/event/unit/x", false },
	{ "service/cli/reply/+", false },
	{ "service/cli/reply/#", false },
	{ "service/+/reply/1", false },
	{ "$SYS/x", false },
	{ "service/cli/reply/\xff", false },
	{ "service/cli/reply/\n", false },
	{ "/service/cli/reply/1", false },
};

START_TEST(test_response_topics)
{
	serve_and_start();
	fake_link_deliver(&(struct link_message) { .topic = "service/unit/call/simple",
		.payload = "{}",
		.payload_size = 2,
		.response_topic = ways_back[_i].response_topic });
	ck_assert_int_eq(handled, ways_back[_i].executed);
	ck_assert_uint_eq(kit.bus->stats.calls_refused, !ways_back[_i].executed);
	ck_assert_uint_eq(kit.bus->stats.calls_received, 1);
	ck_assert_uint_eq(fake_link_count(FAKE_PUBLISH, NULL), ways_back[_i].executed);
	if (ways_back[_i].executed) {
		struct fake_record *record = kit_published(ways_back[_i].response_topic);
		ck_assert_ptr_nonnull(record);
		ck_assert_uint_eq(record->correlation_size, 0);
	}
}
END_TEST

START_TEST(test_retained_call_is_not_executed)
{
	serve_and_start();
	fake_link_deliver(&(struct link_message) { .topic = "service/unit/call/simple",
		.payload = "{}",
		.payload_size = 2,
		.response_topic = REPLY_TOPIC,
		.retained = true });
	ck_assert_int_eq(handled, 0);
	ck_assert_uint_eq(kit.bus->stats.calls_refused, 1);
}
END_TEST

/* With it the answer would be a packet for which the broker disconnects the service. */
START_TEST(test_large_correlation_is_refused)
{
	static const char correlation[513];

	serve_and_start();
	for (size_t size = 512; size <= sizeof correlation; size++)
		fake_link_deliver(&(struct link_message) { .topic = "service/unit/call/simple",
			.payload = "{}",
			.payload_size = 2,
			.response_topic = REPLY_TOPIC,
			.correlation = correlation,
			.correlation_size = size });
	ck_assert_int_eq(handled, 1);
	ck_assert_uint_eq(kit.bus->stats.calls_refused, 1);
}
END_TEST

START_TEST(test_busy_when_full)
{
	kit_setting("pending_calls_max", "3");
	serve_and_start();
	behaviour = DEFER;
	for (int i = 0; i < 3; i++)
		ck_assert_ptr_null(ask("simple", "{}"));
	kit_assert_member(ask("simple", "{}"), "error.code", "busy");
	kit_assert_member(ask("ping", "{}"), "error.code", "busy");
	act(deferred[1], REPLY);
	kit_assert_member(kit_published(REPLY_TOPIC), "result.now", "0.5");
	ck_assert_ptr_null(ask("simple", "{}"));
	ck_assert_int_eq(handled, 4); /* what is left is freed with the bus */
}
END_TEST

/* Answered while the connection is away: nobody listens any more, nothing is kept. */
START_TEST(test_answer_while_away)
{
	serve_and_start();
	behaviour = DEFER;
	ask("simple", "{}");
	fake_link_lose("gone");
	act(deferred[0], REPLY);
	kit_turn(60000);
	kit_settle();
	ck_assert_ptr_null(kit_published(REPLY_TOPIC));
	ck_assert_uint_eq(server_pending(kit.bus), 0);
}
END_TEST

/* ---- the methods that all have (protocol 4.7) */

START_TEST(test_ping)
{
	serve_and_start();
	kit_assert_member(ask("ping", "{}"), "result", "{}");
	kit_assert_member(ask("ping", "{\"unknown\":1}"), "result", "{}");
}
END_TEST

START_TEST(test_describe)
{
	static const char *const names[] = { "ping", "describe", "stats", "set", "simple", "local", "guarded",
		"steady" };
	struct devbus_json *object;
	const struct devbus_json *method, *list;
	int i = 0;

	serve_and_start();
	object = parse(ask("describe", "{}")->payload);
	list = devbus_json_get(devbus_json_get(object, "result"), "methods");
	for (method = devbus_json_first(list); method; method = devbus_json_next(method)) {
		ck_assert_int_lt(i, LENGTH(names));
		ck_assert_str_eq(devbus_json_string(devbus_json_get(method, "name")), names[i]);
		ck_assert_ptr_nonnull(devbus_json_get(method, "args"));
		if (i == 3) {
			const struct devbus_json *properties =
				devbus_json_get(devbus_json_get(method, "args"), "properties");
			ck_assert_ptr_nonnull(devbus_json_get(properties, "level"));
			ck_assert_ptr_nonnull(devbus_json_get(method, "result"));
		}
		i++;
	}
	ck_assert_int_eq(i, LENGTH(names));
	devbus_json_free(object);
	kit_assert_member(ask("describe", "{}"), "result.service", "unit");
	kit_assert_member(ask("describe", "{}"), "result.version", "7");
	kit_assert_member(ask("describe", "{}"), "result.limits.payload_bytes", "130048");
}
END_TEST

START_TEST(test_stats)
{
	struct fake_record *record;

	serve_and_start();
	ask("nothing", "{}");
	behaviour = DEFER;
	ask("simple", "{}");
	fake_clock_turn(&kit.time, 5000);
	record = ask("stats", "{}");
	kit_assert_member(record, "result.connects", "1");
	kit_assert_member(record, "result.calls_received", "3");
	kit_assert_member(record, "result.subscriptions", "4");
	kit_assert_member(record, "result.requests_pending", "2");
	kit_assert_member(record, "result.uptime_ms", "5000");
	kit_assert_member(record, "result.queue_limit_bytes", "4194304");
}
END_TEST

static const struct {
	int64_t block_ms;
	bool slow;
} blocks[] = { { 0, false }, { 5000, false }, { 5001, true }, { 60000, true } };

START_TEST(test_slow_handler)
{
	setenv("DEVBUS_LOG", "error", 1);
	serve_and_start();
	behaviour = BLOCK;
	block_ms = blocks[_i].block_ms;
	kit_assert_member(ask("simple", "{}"), "result", "{}");
	ck_assert_uint_eq(kit.bus->stats.handlers_slow, blocks[_i].slow);
	ck_assert_int_eq((int64_t)kit.bus->stats.handler_slowest_ms, blocks[_i].block_ms);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("serve");
	TCase *all = tcase_create("serve");

	tcase_add_checked_fixture(all, serve_set_up, kit_tear_down);
	tcase_add_loop_test(all, test_method_tables, 0, LENGTH(tables));
	tcase_add_test(all, test_subscriptions_of_a_server);
	tcase_add_loop_test(all, test_answers, 0, 2 * LENGTH(answers));
	tcase_add_loop_test(all, test_errno_becomes_a_code, 0, LENGTH(errnos));
	tcase_add_loop_test(all, test_arguments, 0, LENGTH(args));
	tcase_add_test(all, test_unknown_method);
	tcase_add_test(all, test_admission);
	tcase_add_loop_test(all, test_response_topics, 0, LENGTH(ways_back));
	tcase_add_test(all, test_retained_call_is_not_executed);
	tcase_add_test(all, test_large_correlation_is_refused);
	tcase_add_test(all, test_busy_when_full);
	tcase_add_test(all, test_answer_while_away);
	tcase_add_test(all, test_ping);
	tcase_add_test(all, test_describe);
	tcase_add_test(all, test_stats);
	tcase_add_loop_test(all, test_slow_handler, 0, LENGTH(blocks));
	suite_add_tcase(suite, all);
	return unit_main(suite);
}
