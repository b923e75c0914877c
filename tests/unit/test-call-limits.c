// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* What calls refuse, calls made and cancelled from inside their handlers, and waiting for one. */
#include "call-kit.h"
#include "json-text.h"
#include <errno.h>

/* ---- limits */

START_TEST(test_refusals)
{
	struct devbus_call wrong = read_call;

	kit_start();
	wrong.service = _i == 0 ? NULL : _i == 1 ? "A" : "sensor";
	wrong.method = _i == 2 ? NULL : _i == 3 ? "a/b" : "read";
	wrong.timeout_ms = _i == 4 ? 3600001 : 1000;
	if (_i >= 5)
		wrong.args_json = parse(_i == 5 ? "[1]" : "{}");
	ck_assert_int_eq(devbus_call(kit.bus, &wrong, NULL), _i < 6 ? -EINVAL : 0);
	kit_settle();
	ck_assert_uint_eq(calls_pending(kit.bus), _i == 6);
	ck_assert_int_eq(devbus_cancel(kit.bus, 12345), -ENOENT);
}
END_TEST

START_TEST(test_limit_of_calls)
{
	kit_setting("pending_calls_max", "3");
	kit_start();
	for (int i = 0; i < 3; i++)
		call();
	ck_assert_int_eq(devbus_call(kit.bus, &read_call, NULL), -ENOBUFS);
	ck_assert_int_eq(devbus_cancel(kit.bus, last_id), 0);
	call();
	kit_turn(1000);
	ck_assert_int_eq(outcomes, 3);
	outcomes = 0;
	call();
}
END_TEST

START_TEST(test_limit_of_size)
{
	struct devbus_call large = read_call;
	char text[1100];

	kit_setting("payload_limit_bytes", "1024");
	kit_start();
	memset(text, 'x', sizeof text);
	text[sizeof text - 1] = '\0';
	large.args_json = devbus_json_new_object();
	ck_assert_int_eq(devbus_json_set(large.args_json, "a", devbus_json_new_string(text)), 0);
	ck_assert_int_eq(devbus_call(kit.bus, &large, NULL), -EMSGSIZE);
	kit_turn(10000);
	ck_assert_int_eq(outcomes, 0);
}
END_TEST

/* ---- from inside a handler */

static void call_again(struct devbus *bus)
{
	if (outcomes < 3)
		ck_assert_int_eq(devbus_call(bus, &read_call, &last_id), 0);
}

static void cancel_others(struct devbus *bus)
{
	for (uint64_t id = 0; id < 100; id++)
		devbus_cancel(bus, id);
}

START_TEST(test_calls_from_a_handler)
{
	start_and_call();
	then = call_again;
	kit_turn(1000);
	ck_assert_int_eq(outcomes, 1);
	answer(kit_published(TOPIC), "{\"result\":{}}"); /* too late for the first */
	ck_assert_int_eq(outcomes, 1);
	answer(kit_published(TOPIC), "{\"result\":{}}");
	ck_assert_int_eq(outcomes, 2);
	kit_turn(1000);
	ck_assert_int_eq(outcomes, 3);
	kit_turn(3600000);
	ck_assert_int_eq(outcomes, 3);
}
END_TEST

START_TEST(test_cancel_from_a_handler)
{
	kit_start();
	for (int i = 0; i < 5; i++)
		call();
	kit_settle();
	then = cancel_others;
	kit_turn(1000);
	ck_assert_int_eq(outcomes, 1);
	ck_assert_uint_eq(calls_pending(kit.bus), 0);
}
END_TEST

START_TEST(test_close_with_calls_under_way)
{
	struct devbus_call patient = read_call;

	patient.timeout_ms = 3600000;
	kit_start();
	ck_assert_int_eq(devbus_call(kit.bus, &patient, NULL), 0);
	kit_settle();
	ck_assert_int_eq(devbus_call(kit.bus, &patient, NULL), 0);
	kit_close();
	ck_assert_int_eq(outcomes, 0);
}
END_TEST

/* ---- waiting */

START_TEST(test_call_wait)
{
	struct devbus_json *value = NULL;
	struct devbus_error error = { "", "" };
	struct devbus_call waits = read_call;

	waits.service = "a/b";
	kit_start();
	ck_assert_int_eq(devbus_call_wait(kit.bus, &waits, &value, &error), -EINVAL);
	waits.service = "sensor";
	kit.time.step_ms = 300;
	ck_assert_int_eq(devbus_call_wait(kit.bus, &waits, &value, &error), -EREMOTEIO);
	ck_assert_ptr_null(value);
	ck_assert_str_eq(error.code, "timeout");
	ck_assert_int_eq(devbus_call_wait(kit.bus, &waits, NULL, NULL), -EREMOTEIO);
	ck_assert_int_eq(outcomes, 0);
}
END_TEST

static void answer_it(struct devbus *bus, void *userdata)
{
	(void)bus;
	answer(kit_published(TOPIC), userdata);
}

START_TEST(test_call_wait_for_a_result)
{
	struct devbus_json *value = NULL;
	struct devbus_error error;

	kit_start();
	call(); /* so that the reply topic is there */
	kit_settle();
	kit_published(TOPIC);
	ck_assert_int_eq(devbus_after(kit.bus, 1, answer_it, (void *)"{\"result\":{\"a\":1}}", NULL), 0);
	fake_clock_turn(&kit.time, 1);
	ck_assert_int_eq(devbus_call_wait(kit.bus, &read_call, &value, &error), 0);
	assert_prints(value, "{\"a\":1}");
	devbus_json_free(value);
	ck_assert_int_eq(devbus_after(kit.bus, 1, answer_it, (void *)"{\"result\":{\"a\":1}}", NULL), 0);
	fake_clock_turn(&kit.time, 1);
	ck_assert_int_eq(devbus_call_wait(kit.bus, &read_call, NULL, NULL), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("call-limits");
	TCase *all = tcase_create("call-limits");

	tcase_add_checked_fixture(all, set_up, kit_tear_down);
	tcase_add_loop_test(all, test_refusals, 0, 7);
	tcase_add_test(all, test_limit_of_calls);
	tcase_add_test(all, test_limit_of_size);
	tcase_add_test(all, test_calls_from_a_handler);
	tcase_add_test(all, test_cancel_from_a_handler);
	tcase_add_test(all, test_close_with_calls_under_way);
	tcase_add_test(all, test_call_wait);
	tcase_add_test(all, test_call_wait_for_a_result);
	suite_add_tcase(suite, all);
	return unit_main(suite);
}
