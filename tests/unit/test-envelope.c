// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* The forms on the wire, member by member as protocol 2 to 5 gives them; each row of the tables is one rule. */
#include "envelope.h"
#include "short-memory.h"
#include "unit.h"

#include <errno.h>
#include <string.h>

/* The value of a text that is known to be good. */
static struct devbus_json *parse(const char *text)
{
	struct devbus_json *value = NULL;

	ck_assert_int_eq(devbus_json_parse(text, strlen(text), &value, NULL), 0);
	return value;
}

/* @value, which is freed, has the same members as @text. */
static void check_json(struct devbus_json *value, const char *text)
{
	struct devbus_json *wanted = parse(text);
	char *printed = devbus_json_print(value);

	ck_assert_msg(devbus_json_equal(value, wanted), "%s is not %s", printed, text);
	free(printed);
	devbus_json_free(wanted);
	devbus_json_free(value);
}

/* ---- errors and responses */

START_TEST(test_error)
{
	check_json(envelope_error("busy", "wait"), "{\"code\":\"busy\",\"message\":\"wait\"}");
	check_json(envelope_error(NULL, NULL), "{\"code\":\"internal\",\"message\":\"\"}");
	check_json(envelope_error("busy", "a\xff\xc3+\xc3\xa4"),
		"{\"code\":\"busy\",\"message\":\"a??+\xc3\xa4\"}");
}
END_TEST

START_TEST(test_response_write)
{
	check_json(envelope_result(parse("{\"a\":1}")), "{\"result\":{\"a\":1}}");
	ck_assert_ptr_null(envelope_result(NULL));
	check_json(envelope_failure("busy", "wait"), "{\"error\":{\"code\":\"busy\",\"message\":\"wait\"}}");
}
END_TEST

static const struct {
	const char *text;
	int r;
	const char *code, *message;
} responses[] = {
	{ "{\"result\":{}}", 0, NULL, NULL },
	{ "{\"result\":{\"a\":1},\"other\":2}", 0, NULL, NULL },
	{ "{\"error\":{\"code\":\"busy\",\"message\":\"wait\"}}", 1, "busy", "wait" },
	{ "{\"error\":{\"code\":\"busy\"}}", 1, "busy", "" },
	{ "{\"error\":{\"code\":\"Not A Word\",\"message\":\"m\"}}", 1, "internal", "m" },
	{ "{\"error\":{\"code\":\"0123456789-0123456789-0123456789\"}}", 1, "internal", "" },
	{ "{\"error\":{\"code\":\"0123456789-0123456789-012345678\"}}", 1, "0123456789-0123456789-012345678",
		"" },
	{ "{}", -EINVAL, NULL, NULL },
	{ "[]", -EINVAL, NULL, NULL },
	{ "{\"result\":1}", -EINVAL, NULL, NULL },
	{ "{\"result\":null}", -EINVAL, NULL, NULL },
	{ "{\"result\":{},\"error\":{\"code\":\"busy\"}}", -EINVAL, NULL, NULL },
	{ "{\"error\":\"busy\"}", -EINVAL, NULL, NULL },
	{ "{\"error\":{\"message\":\"m\"}}", -EINVAL, NULL, NULL },
	{ "{\"error\":{\"code\":1}}", -EINVAL, NULL, NULL },
	{ "{\"error\":{\"code\":\"busy\",\"message\":1}}", -EINVAL, NULL, NULL },
};

START_TEST(test_response_read)
{
	struct devbus_json *object = parse(responses[_i].text);
	const struct devbus_json *result = NULL;
	struct devbus_error error = { "untouched", "untouched" };
	const bool failed = responses[_i].r == 1;

	ck_assert_int_eq(envelope_response_read(object, &result, &error), responses[_i].r);
	ck_assert_ptr_eq(result, responses[_i].r == 0 ? devbus_json_get(object, "result") : NULL);
	ck_assert_str_eq(error.code, failed ? responses[_i].code : "untouched");
	ck_assert_str_eq(error.message, failed ? responses[_i].message : "untouched");
	devbus_json_free(object);
}
END_TEST

/* ---- status */

static const struct {
	struct envelope_status status;
	const char *text;
} statuses[] = {
	{ { .state = ENVELOPE_STARTING, .incarnation = 1 },
		"{\"state\":\"starting\",\"time\":\"1970-01-01T00:00:00.000Z\",\"incarnation\":1}" },
	{ { ENVELOPE_ONLINE, NULL, "1.2.3", "b-1", 1769860800000, 42, 7, false },
		"{\"state\":\"online\",\"time\":\"2026-01-31T12:00:00.000Z\",\"pid\":42,\"version\":\"1.2.3\","
		"\"boot_id\":\"b-1\",\"incarnation\":7}" },
	{ { ENVELOPE_DEGRADED, "no sensor", NULL, NULL, 0, 0, 9007199254740992, true },
		"{\"state\":\"degraded\",\"reason\":\"no sensor\",\"time\":\"1970-01-01T00:00:00.000Z\","
		"\"clock\":\"unsynced\",\"incarnation\":9007199254740992}" },
	{ { .state = ENVELOPE_OFFLINE, .reason = "stopped" },
		"{\"state\":\"offline\",\"reason\":\"stopped\",\"time\":\"1970-01-01T00:00:00.000Z\","
		"\"incarnation\":0}" },
	{ { .state = ENVELOPE_LOST, .incarnation = 3 },
		"{\"state\":\"lost\",\"time\":\"1970-01-01T00:00:00.000Z\",\"incarnation\":3}" },
};

static void check_text(const char *a, const char *b)
{
	ck_assert_int_eq(!a, !b);
	if (a)
		ck_assert_str_eq(a, b);
}

START_TEST(test_status)
{
	const struct envelope_status *status = &statuses[_i].status;
	struct envelope_status read;
	struct devbus_json *object;

	ck_assert_int_eq(envelope_status_write(status, &object), 0);
	ck_assert_int_eq(envelope_status_read(object, &read), 0);
	ck_assert_int_eq(read.state, status->state);
	ck_assert_int_eq(read.wall_ms, status->wall_ms);
	ck_assert_int_eq(read.pid, status->pid);
	ck_assert_uint_eq(read.incarnation, status->incarnation);
	ck_assert_int_eq(read.clock_unsynced, status->clock_unsynced);
	check_text(read.reason, status->reason);
	check_text(read.version, status->version);
	check_text(read.boot_id, status->boot_id);
	ck_assert_str_eq(
		envelope_state_name(status->state), devbus_json_string(devbus_json_get(object, "state")));
	check_json(object, statuses[_i].text);
}
END_TEST

static const char *const bad_statuses[] = {
	"{}",
	"[]",
	"{\"state\":\"Online\"}",
	"{\"state\":1}",
	"{\"state\":\"online\",\"incarnation\":-1}",
	"{\"state\":\"online\",\"incarnation\":1.5}",
	"{\"state\":\"online\",\"incarnation\":\"1\"}",
	"{\"state\":\"online\",\"incarnation\":1e300}",
	"{\"state\":\"online\",\"pid\":-1}",
	"{\"state\":\"online\",\"time\":\"yesterday\"}",
	"{\"state\":\"online\",\"time\":5}",
	"{\"state\":\"online\",\"reason\":5}",
	"{\"state\":\"online\",\"boot_id\":{}}",
};

START_TEST(test_bad_status)
{
	struct devbus_json *object = parse(bad_statuses[_i]);
	struct envelope_status status = { .pid = 42 };

	ck_assert_int_eq(envelope_status_read(object, &status), -EINVAL);
	ck_assert_int_eq(status.pid, 42);
	devbus_json_free(object);
}
END_TEST

static const struct {
	enum envelope_state known, news;
	uint64_t known_incarnation, news_incarnation;
	bool stale;
} stales[] = {
	{ ENVELOPE_ONLINE, ENVELOPE_LOST, 5, 4, true },
	{ ENVELOPE_ONLINE, ENVELOPE_LOST, 5, 5, false },
	{ ENVELOPE_ONLINE, ENVELOPE_LOST, 5, 6, false },
	{ ENVELOPE_STARTING, ENVELOPE_LOST, 5, 4, true },
	/* A birth counts always: the service may have lost its store. */
	{ ENVELOPE_ONLINE, ENVELOPE_ONLINE, 5, 1, false },
	{ ENVELOPE_LOST, ENVELOPE_STARTING, 5, 1, false },
	{ ENVELOPE_ONLINE, ENVELOPE_OFFLINE, 5, 4, false },
};

START_TEST(test_stale)
{
	const struct envelope_status known = { .state = stales[_i].known,
		.incarnation = stales[_i].known_incarnation };
	const struct envelope_status news = { .state = stales[_i].news,
		.incarnation = stales[_i].news_incarnation };

	ck_assert_int_eq(envelope_status_stale(&known, &news), stales[_i].stale);
}
END_TEST

/* ---- events */

#define STAMP "\"time\":\"2026-01-31T12:00:00.000Z\",\"seq\":5"

static const struct {
	struct envelope_event event;
	const char *text;
	bool final;
} events[] = {
	{ { .id = "a", .phase = ENVELOPE_ACCEPTED }, "{\"id\":\"a\",\"state\":\"accepted\"," STAMP "}",
		false },
	{ { .id = "a", .phase = ENVELOPE_ACCEPTED, .clock_unsynced = true },
		"{\"id\":\"a\",\"state\":\"accepted\",\"clock\":\"unsynced\"," STAMP "}", false },
	{ { .id = "a", .phase = ENVELOPE_RUNNING, .percent = -1 },
		"{\"id\":\"a\",\"state\":\"running\"," STAMP "}", false },
	{ { .id = "a", .phase = ENVELOPE_RUNNING, .percent = 0, .step = "load", .message = "m" },
		"{\"id\":\"a\",\"state\":\"running\",\"progress\":0,\"step\":\"load\",\"message\":\"m\"," STAMP
		"}",
		false },
	{ { .id = "a", .phase = ENVELOPE_RUNNING, .percent = 101 },
		"{\"id\":\"a\",\"state\":\"running\",\"progress\":100," STAMP "}", false },
	{ { .id = "a", .phase = ENVELOPE_SUCCEEDED, .percent = 50, .step = "s", .error_code = "busy" },
		"{\"id\":\"a\",\"state\":\"succeeded\",\"result\":{}," STAMP "}", true },
	{ { .id = "a", .phase = ENVELOPE_FAILED, .error_code = "busy", .error_message = "wait" },
		"{\"id\":\"a\",\"state\":\"failed\",\"error\":{\"code\":\"busy\",\"message\":\"wait\"}," STAMP
		"}",
		true },
	{ { .phase = ENVELOPE_REJECTED, .error_code = "malformed", .error_message = "m" },
		"{\"id\":null,\"state\":\"rejected\",\"error\":{\"code\":\"malformed\",\"message\":\"m\"}," STAMP
		"}",
		true },
};

START_TEST(test_event)
{
	struct envelope_event event = events[_i].event;
	struct devbus_json *object;
	enum envelope_phase phase;

	event.wall_ms = 1769860800000;
	event.seq = 5;
	ck_assert_int_eq(envelope_event_write(&event, &object), 0);
	ck_assert_int_eq(
		envelope_phase_read(devbus_json_string(devbus_json_get(object, "state")), &phase), 0);
	ck_assert_int_eq(phase, event.phase);
	ck_assert_str_eq(envelope_phase_name(phase), devbus_json_string(devbus_json_get(object, "state")));
	ck_assert_int_eq(envelope_phase_final(phase), events[_i].final);
	check_json(object, events[_i].text);
}
END_TEST

START_TEST(test_event_copies_the_result)
{
	struct devbus_json *result = parse("{\"celsius\":20.5}"), *object;
	const struct envelope_event event = { .id = "a", .phase = ENVELOPE_SUCCEEDED, .result = result };

	ck_assert_int_eq(envelope_event_write(&event, &object), 0);
	ck_assert_ptr_ne(devbus_json_get(object, "result"), result);
	ck_assert(devbus_json_equal(devbus_json_get(object, "result"), result));
	devbus_json_free(object);
	devbus_json_free(result);
}
END_TEST

START_TEST(test_unknown_phase)
{
	enum envelope_phase phase = ENVELOPE_RUNNING;

	ck_assert_int_eq(envelope_phase_read("Accepted", &phase), -EINVAL);
	ck_assert_int_eq(envelope_phase_read("", &phase), -EINVAL);
	ck_assert_int_eq(envelope_phase_read(NULL, &phase), -EINVAL);
	ck_assert_int_eq(phase, ENVELOPE_RUNNING);
}
END_TEST

START_TEST(test_stamp)
{
	struct devbus_json *object = parse("{\"a\":1}"), *stamped = parse("{\"time\":1,\"clock\":\"gps\"}");

	ck_assert_int_eq(envelope_stamp(object, 0, true), 0);
	check_json(object, "{\"a\":1,\"time\":\"1970-01-01T00:00:00.000Z\",\"clock\":\"unsynced\"}");
	ck_assert_int_eq(envelope_stamp(stamped, 0, true), 0);
	check_json(stamped, "{\"time\":1,\"clock\":\"gps\"}");
	object = parse("{}");
	ck_assert_int_eq(envelope_stamp(object, 0, false), 0);
	check_json(object, "{\"time\":\"1970-01-01T00:00:00.000Z\"}");
}
END_TEST

/* ---- short memory: every allocation fails once; nothing leaks (seen by the sanitizer) and nothing half-built comes out */

static struct devbus_json *write_status(void)
{
	struct devbus_json *object = NULL;

	envelope_status_write(&statuses[1].status, &object);
	return object;
}

static struct devbus_json *write_running(void)
{
	struct devbus_json *object = NULL;

	envelope_event_write(&events[3].event, &object);
	return object;
}

static struct devbus_json *write_succeeded(void)
{
	struct devbus_json *object = NULL;

	envelope_event_write(&events[5].event, &object);
	return object;
}

static struct devbus_json *write_failed(void)
{
	struct devbus_json *object = NULL;

	envelope_event_write(&events[6].event, &object);
	return object;
}

static struct devbus_json *write_failure(void)
{
	return envelope_failure("busy", "bad \xff byte");
}

static struct devbus_json *write_result(void)
{
	return envelope_result(devbus_json_new_object());
}

static struct devbus_json *(*const writers[])(void) = {
	write_status,
	write_running,
	write_succeeded,
	write_failed,
	write_failure,
	write_result,
};

START_TEST(test_short_memory)
{
	struct devbus_json *whole = writers[_i](), *object;
	bool failed = true;

	for (unsigned long n = 1; failed; n++) {
		short_memory_begin(n);
		object = writers[_i]();
		failed = short_memory_end();
		ck_assert_int_eq(object == NULL, failed);
		if (object)
			ck_assert(devbus_json_equal(object, whole));
		devbus_json_free(object);
	}
	devbus_json_free(whole);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("envelope");
	TCase *tests = tcase_create("envelope");

	suite_add_tcase(suite, tests);
	tcase_add_test(tests, test_error);
	tcase_add_test(tests, test_response_write);
	tcase_add_loop_test(tests, test_response_read, 0, LENGTH(responses));
	tcase_add_loop_test(tests, test_status, 0, LENGTH(statuses));
	tcase_add_loop_test(tests, test_bad_status, 0, LENGTH(bad_statuses));
	tcase_add_loop_test(tests, test_stale, 0, LENGTH(stales));
	tcase_add_loop_test(tests, test_event, 0, LENGTH(events));
	tcase_add_test(tests, test_event_copies_the_result);
	tcase_add_test(tests, test_unknown_phase);
	tcase_add_test(tests, test_stamp);
	tcase_add_loop_test(tests, test_short_memory, 0, LENGTH(writers));
	return unit_main(suite);
}
