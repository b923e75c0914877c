// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* Thresholds under noise, and what becomes of them when the configuration changes or the service starts again. */
#include "sampler-kit.h"
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* ---- one threshold: a value a second, and what it changes ('s' set, 'c' clear) */

static const struct {
	struct alarm alarm;
	double values[12];
	const char *changes;
} courses[] = {
	{ { .when = ALARM_ABOVE, .limit = 70, .hysteresis = 2 },
		{ 69, 70, 70.1, 71, 69, 68.1, 68, 67, 70, 71, 68, 80 }, "..s...c..scs" },
	{ { .when = ALARM_ABOVE, .limit = 70 }, { 70, 70.1, 70, 70.1, 70, 69, 69, 69, 69, 69, 69, 69 },
		".scsc......." },
	{ { .when = ALARM_BELOW, .limit = 11.5, .hysteresis = 0.5 },
		{ 12, 11.5, 11.4, 11.9, 11, 11.99, 12, 11.6, 11.4, 13, 13, 13 }, "..s...c.sc.." },
	{ { .when = ALARM_ABOVE, .limit = 70, .hysteresis = 2, .delay_ms = 3000 },
		{ 71, 71, 71, 69.9, 71, 71, 71, 71, 71, 68.5, 67, 71 }, ".......s..c." },
	{ { .when = ALARM_ABOVE, .limit = -10, .hysteresis = 1 },
		{ -20, -10, -9, -10.5, -11, -9, 0, 0, 0, 0, 0, -11 }, "..s.cs.....c" },
};

START_TEST(a_threshold_is_crossed)
{
	struct alarm alarm = courses[_i].alarm;
	char changes[13] = "............";

	for (int i = 0; i < 12; i++) {
		const struct reading reading = { 0, courses[_i].values[i] };
		enum alarm_change change = alarm_feed(&alarm, &reading, 1000 * i);

		if (change != ALARM_SAME)
			changes[i] = change == ALARM_SET ? 's' : 'c';
		ck_assert(change == ALARM_SAME || alarm.set == (change == ALARM_SET));
	}
	ck_assert_str_eq(changes, courses[_i].changes);
}
END_TEST

START_TEST(what_was_not_read_crosses_nothing)
{
	struct alarm above = { .limit = -1 }, below = { .when = ALARM_BELOW, .limit = 1 };
	const struct reading lost = { -EIO, 0 }, stale = { -ESTALE, 0 };

	ck_assert_int_eq(alarm_feed(&above, &lost, 0), ALARM_SAME);
	ck_assert_int_eq(alarm_feed(&below, &stale, 0), ALARM_SAME);
	above.set = true;
	ck_assert_int_eq(alarm_feed(&above, &lost, 0), ALARM_SAME);
	ck_assert(above.set);
}
END_TEST

START_TEST(bad_quality_can_be_an_alarm)
{
	struct alarm bad = { .when = ALARM_BAD, .delay_ms = 1000 };
	const struct reading good = { 0, 0 }, lost = { -EIO, 0 }, stale = { -ESTALE, 0 };

	ck_assert_int_eq(alarm_feed(&bad, &good, 0), ALARM_SAME);
	ck_assert_int_eq(alarm_feed(&bad, &stale, 1000), ALARM_SAME);
	ck_assert_int_eq(alarm_feed(&bad, &lost, 2000), ALARM_SET);
	ck_assert_int_eq(alarm_feed(&bad, &lost, 3000), ALARM_SAME);
	ck_assert_int_eq(alarm_feed(&bad, &good, 4000), ALARM_CLEAR);
}
END_TEST

/* ---- in the sampler */

#define HOT(more)                                                                                            \
	"{\"sensors\":{\"chip-temp1\":{\"alarms\":{\"hot\":{\"when\":\"above\",\"limit\":30" more "}}}}}"

static void assert_alarms(unsigned count, const char *last)
{
	ck_assert_uint_eq(sampler_kit.alarms, count);
	if (count > 0)
		ck_assert_str_eq(sampler_kit.alarm[count - 1], last);
}

/* A slow rise and fall of 20 K over an hour, under noise of 1 K: one crossing each way. */
START_TEST(noise_does_not_ring_the_bell)
{
	unsigned noise = 12345;

	sampler_kit_configure(HOT(",\"hysteresis\":2.5"));
	for (int i = 0; i < 3600; i++) {
		char text[16];
		int swing = i < 1800 ? i : 3600 - i;

		noise = noise * 1103515245 + 12345;
		snprintf(text, sizeof text, "%d",
			20000 + swing * 20000 / 1800 + (int)(noise >> 16) % 2001 - 1000);
		sampler_kit_temp(text);
		sampler_kit_run(1);
		if (i == 1800)
			assert_alarms(1, "chip-temp1 hot set");
	}
	assert_alarms(2, "chip-temp1 hot clear");
}
END_TEST

START_TEST(a_new_limit_holds_for_the_next_reading)
{
	sampler_kit_run(2);
	sampler_kit_configure(
		"{\"sensors\":{\"chip-temp1\":{\"alarms\":{\"hot\":{\"when\":\"above\",\"limit\":15}}}}}");
	sampler_kit_run(1);
	assert_alarms(1, "chip-temp1 hot set");
	sampler_kit_configure(HOT(""));
	sampler_kit_run(1);
	assert_alarms(2, "chip-temp1 hot clear");
}
END_TEST

START_TEST(an_alarm_that_was_set_is_not_set_again)
{
	sampler_kit.remembered = "hot";
	sampler_kit_temp("31000");
	sampler_kit_configure(HOT(""));
	sampler_kit_run(10);
	assert_alarms(0, "");
	sampler_kit_configure(HOT(",\"hysteresis\":1"));
	sampler_kit_run(10);
	assert_alarms(0, "");
	sampler_kit_temp("28000");
	sampler_kit_run(1);
	assert_alarms(1, "chip-temp1 hot clear");
}
END_TEST

START_TEST(a_delay_goes_on_over_a_change)
{
	sampler_kit_temp("31000");
	sampler_kit_configure(HOT(",\"delay_ms\":5000"));
	sampler_kit_run(3);
	sampler_kit_configure("{\"report_interval_ms\":5000,\"sensors\":{\"chip-temp1\":{\"alarms\":{"
			      "\"hot\":{\"when\":\"above\",\"limit\":30,\"delay_ms\":5000}}}}}");
	sampler_kit_run(2);
	assert_alarms(0, "");
	sampler_kit_run(1);
	assert_alarms(1, "chip-temp1 hot set");
}
END_TEST

START_TEST(a_sensor_that_hangs_can_be_an_alarm)
{
	sampler_kit_configure("{\"sensors\":{\"chip-temp1\":{\"alarms\":{\"lost\":{\"when\":\"bad\"}}}}}");
	sampler_kit_run(2);
	sampler_kit.hung = KIT_ID;
	sampler_kit_run(20);
	assert_alarms(1, "chip-temp1 lost set");
	sampler_kit.hung = NULL;
	sampler_kit_run(1);
	assert_alarms(2, "chip-temp1 lost clear");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("alarm");
	TCase *tests = tcase_create("alarm");

	tcase_add_checked_fixture(tests, sampler_kit_set_up, sampler_kit_tear_down);
	tcase_set_timeout(tests, 60);
	tcase_add_loop_test(tests, a_threshold_is_crossed, 0, LENGTH(courses));
	tcase_add_test(tests, what_was_not_read_crosses_nothing);
	tcase_add_test(tests, bad_quality_can_be_an_alarm);
	tcase_add_test(tests, noise_does_not_ring_the_bell);
	tcase_add_test(tests, a_new_limit_holds_for_the_next_reading);
	tcase_add_test(tests, an_alarm_that_was_set_is_not_set_again);
	tcase_add_test(tests, a_delay_goes_on_over_a_change);
	tcase_add_test(tests, a_sensor_that_hangs_can_be_an_alarm);
	suite_add_tcase(suite, tests);
	return unit_main(suite);
}
