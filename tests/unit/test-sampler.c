// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* When the sensor service reads and tells what: hours of a device in a fraction of a second, on a clock of the test's own. */
#include "sampler-kit.h"
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

START_TEST(the_first_sample_is_told)
{
	sampler_kit_run(1);
	ck_assert_uint_eq(sampler_kit.states, 1);
	ck_assert_int_eq(sampler_kit.state.error, 0);
	ck_assert_double_eq(sampler_kit.state.value, 20);
	ck_assert_uint_eq(sampler_kit.reports, 0);
}
END_TEST

START_TEST(what_does_not_change_is_told_with_each_report_only)
{
	sampler_kit_run(31);
	ck_assert_uint_eq(sampler_kit.states, 4);
	ck_assert_uint_eq(sampler_kit.reports, 3);
	ck_assert_uint_eq(sampler_kit.window.count, 10);
	ck_assert_int_eq(sampler_kit.interval_ms, 10000);
}
END_TEST

START_TEST(small_changes_add_up_to_news)
{
	sampler_kit_run(1);
	sampler_kit_temp("20400"); /* within the dead band of 0.5 Cel */
	sampler_kit_run(1);
	ck_assert_uint_eq(sampler_kit.states, 1);
	sampler_kit_temp("20600"); /* 0.6 from what was told, though 0.2 from the last reading */
	sampler_kit_run(1);
	ck_assert_uint_eq(sampler_kit.states, 2);
	ck_assert_double_eq(sampler_kit.state.value, 20.6);
	sampler_kit_temp("19000");
	sampler_kit_run(1);
	ck_assert_uint_eq(sampler_kit.states, 3);
}
END_TEST

START_TEST(a_report_sums_its_window_up)
{
	const char *const values[] = { "20000", "10000", "40000", "30000" };

	for (int i = 0; i < 4; i++) {
		sampler_kit_temp(values[i]);
		sampler_kit_run(1);
	}
	sampler_kit_temp("25000");
	sampler_kit_run(7);
	ck_assert_uint_eq(sampler_kit.reports, 1);
	ck_assert_uint_eq(sampler_kit.window.count, 11);
	ck_assert_double_eq(sampler_kit.window.min, 10);
	ck_assert_double_eq(sampler_kit.window.max, 40);
	ck_assert_double_eq(window_mean(&sampler_kit.window), 275 / 11.0);
	ck_assert_double_eq(sampler_kit.window.last.value, 25);
	sampler_kit_run(10); /* nothing of it is left in the next */
	ck_assert_double_eq(sampler_kit.window.max, 25);
	ck_assert_uint_eq(sampler_kit.window.count, 10);
}
END_TEST

START_TEST(a_failed_read_is_an_error_and_never_the_old_value)
{
	sampler_kit_run(2);
	sampler_kit_temp("garbage");
	sampler_kit_run(1);
	ck_assert_uint_eq(sampler_kit.states, 2);
	ck_assert_int_eq(sampler_kit.state.error, -EBADMSG);
	ck_assert_str_eq(reading_quality(&sampler_kit.state), "error");
	sampler_kit_run(3);
	ck_assert_uint_eq(sampler_kit.states, 2); /* the same error is no news */
	sampler_kit_run(5);
	ck_assert_uint_eq(sampler_kit.window.count, 2);
	ck_assert_uint_eq(sampler_kit.window.errors, 9);
	ck_assert_int_eq(sampler_kit.window.last.error, -EBADMSG);
	sampler_kit_temp("21000");
	sampler_kit_run(1);
	ck_assert_int_eq(sampler_kit.state.error, 0);
	ck_assert_double_eq(sampler_kit.state.value, 21);
}
END_TEST

START_TEST(a_value_that_no_number_can_hold_is_an_error)
{
	sampler_kit_configure("{\"sensors\":{\"" KIT_ID "\":{\"factor\":1e308,"
			      "\"alarms\":{\"hot\":{\"when\":\"above\",\"limit\":80}}}}}");
	sampler_kit_run(1);
	ck_assert_str_eq(reading_quality(&sampler_kit.state), "error");
	ck_assert_ptr_nonnull(strstr(reading_problem(&sampler_kit.state), "factor"));
	ck_assert_uint_eq(sampler_kit.alarms, 0);
}
END_TEST

START_TEST(a_hung_sensor_turns_stale_then_error_and_holds_nobody_up)
{
	tree_write(&sampler_kit.tree, "sys/class/hwmon/hwmon0/in0_input", "5000");
	sampler_kit_configure("{\"sensors\":{\"volts\":{\"attribute\":\"in0\"}}}");
	sampler_kit_run(2);
	sampler_kit.hung = KIT_ID;
	sampler_kit_temp("50000");
	sampler_kit_run(2); /* asked at 2 s */
	ck_assert_str_eq(reading_quality(&sampler_kit.state), "good");
	sampler_kit_run(1);
	ck_assert_str_eq(reading_quality(&sampler_kit.state), "stale");
	ck_assert_double_eq(sampler_kit.state.value, 20);
	sampler_kit_run(8);
	ck_assert_str_eq(reading_quality(&sampler_kit.state), "error");
	ck_assert_int_eq(sampler_kit.state.error, -ETIMEDOUT);
	ck_assert_uint_eq(sampler_kit.reports, 1);
	ck_assert_uint_eq(sampler_kit.window.count, 2);
	ck_assert_uint_eq(sampler_find(&sampler_kit.sampler, "volts")->window.count, 2);
	sampler_kit_run(18);
	ck_assert_uint_eq(sampler_kit.reports, 3);
	ck_assert_uint_eq(sampler_kit.window.count, 0);
	sampler_kit.hung = NULL; /* after some 30 s */
	sampler_kit_run(1);
	ck_assert_str_eq(reading_quality(&sampler_kit.state), "good");
	ck_assert_double_eq(sampler_kit.state.value, 50);
}
END_TEST

START_TEST(a_sensor_that_never_answered_has_no_value)
{
	sampler_kit.hung = KIT_ID;
	sampler_kit_run(3);
	ck_assert_str_eq(reading_quality(&sampler_kit.state), "stale");
	ck_assert(!reading_has_value(&sampler_kit.state));
}
END_TEST

START_TEST(new_intervals_keep_the_window)
{
	sampler_kit_temp("50000");
	sampler_kit_run(4); /* 4 s of 10 s are over */
	sampler_kit_temp("20000");
	sampler_kit_configure("{\"sample_interval_ms\":500,\"report_interval_ms\":6000}");
	sampler_kit_run(5); /* at 4.0, 4.5 ... 6.0 s */
	ck_assert_uint_eq(sampler_kit.reports, 1);
	ck_assert_int_eq(sampler_kit.interval_ms, 6000);
	ck_assert_uint_eq(sampler_kit.window.count, 9);
	ck_assert_double_eq(sampler_kit.window.max, 50);
}
END_TEST

START_TEST(a_shorter_report_interval_that_is_over_reports_at_once)
{
	sampler_kit_run(8);
	sampler_kit_configure("{\"report_interval_ms\":2000}");
	sampler_kit_run(1);
	ck_assert_uint_eq(sampler_kit.reports, 1);
	ck_assert_int_eq(sampler_kit.interval_ms, 8000);
	sampler_kit_run(2);
	ck_assert_uint_eq(sampler_kit.reports, 2);
	ck_assert_int_eq(sampler_kit.interval_ms, 2000);
}
END_TEST

START_TEST(an_odd_report_interval_keeps_its_mean_rate)
{
	sampler_kit_configure("{\"report_interval_ms\":2500}");
	sampler_kit_run(1001); /* 1000 s */
	ck_assert_uint_eq(sampler_kit.reports, 400);
}
END_TEST

START_TEST(late_ticks_do_not_cause_a_burst_of_reports)
{
	sampler_kit_run(1);
	sampler_kit.now_ms += 3600000;
	sampler_kit_run(3);
	ck_assert_uint_eq(sampler_kit.reports, 1);
	ck_assert_int_eq(sampler_kit.interval_ms, 3601000);
}
END_TEST

START_TEST(a_plugged_in_chip_is_found)
{
	sampler_kit_run(1);
	tree_write(&sampler_kit.tree, "sys/class/hwmon/hwmon7/name", "probe");
	tree_write(&sampler_kit.tree, "sys/class/hwmon/hwmon7/temp1_input", "1000");
	ck_assert_ptr_null(sampler_find(&sampler_kit.sampler, "probe-temp1"));
	sampler_kit_run(SAMPLER_RESCAN_MS / 1000);
	ck_assert_ptr_nonnull(sampler_find(&sampler_kit.sampler, "probe-temp1"));
}
END_TEST

START_TEST(a_chip_that_is_gone_says_so_once_and_gives_its_window_away)
{
	sampler_kit_run(5);
	tree_delete(&sampler_kit.tree, "sys/class/hwmon/hwmon0");
	sampler_kit_run(1);
	ck_assert_int_eq(sampler_kit.state.error, -ENOENT);
	sampler_kit_run(1);
	ck_assert_int_eq(sampler_kit.state.error, -ENODEV);
	ck_assert_ptr_null(sampler_find(&sampler_kit.sampler, KIT_ID));
	ck_assert_uint_eq(sampler_kit.reports, 1);
	ck_assert_uint_eq(sampler_kit.window.count, 5);
	ck_assert_uint_eq(sampler_kit.window.errors, 2);
	unsigned states = sampler_kit.states;

	sampler_kit_run(60);
	ck_assert_uint_eq(sampler_kit.states, states);
	ck_assert_uint_eq(sampler_kit.reports, 1);
}
END_TEST

START_TEST(a_chip_that_moves_keeps_its_id_and_window)
{
	sampler_kit_temp("60000");
	sampler_kit_run(3);
	tree_rename(&sampler_kit.tree, "sys/class/hwmon/hwmon0", "sys/class/hwmon/hwmon3");
	sampler_kit_run(1); /* it is missed */
	sampler_kit_run(1); /* and found again */
	ck_assert_int_eq(sampler_kit.state.error, 0);
	tree_write(&sampler_kit.tree, "sys/class/hwmon/hwmon3/temp1_input", "20000");
	sampler_kit_run(6);
	ck_assert_uint_eq(sampler_kit.reports, 1);
	ck_assert_uint_eq(sampler_kit.window.count, 10);
	ck_assert_uint_eq(sampler_kit.window.errors, 1);
	ck_assert_double_eq(sampler_kit.window.max, 60);
}
END_TEST

START_TEST(a_sensor_that_is_broken_for_good_is_looked_for_ever_less)
{
	int64_t scan_due_ms = 0, last_ms = 0;
	unsigned scans = 0;

	sampler_kit_run(1);
	tree_delete(&sampler_kit.tree, KIT_TEMP);
	tree_link(&sampler_kit.tree, KIT_TEMP, "nowhere");
	for (int i = 0; i < 300; i++) {
		sampler_kit_run(1);
		if (sampler_kit.sampler.scan_due_ms == scan_due_ms)
			continue;
		scan_due_ms = sampler_kit.sampler.scan_due_ms;
		last_ms = sampler_kit.now_ms;
		scans++;
	}
	/* At 1, 2, 4, 8, 16 s and then every 30 s; each is planned twice, as usual and then sooner. */
	ck_assert_uint_le(scans, 2 * (5 + 10));
	ck_assert_int_gt(last_ms, 0);
}
END_TEST

START_TEST(a_chip_that_comes_back_soon_is_found_soon)
{
	sampler_kit_run(40);
	for (int i = 0; i < 3; i++) {
		tree_rename(&sampler_kit.tree, "sys/class/hwmon/hwmon0", "sys/class/hwmon/away");
		sampler_kit_run(1);
		tree_rename(&sampler_kit.tree, "sys/class/hwmon/away", "sys/class/hwmon/hwmon0");
		sampler_kit_run(2);
		ck_assert_str_eq(reading_quality(&sampler_kit.state), "good");
		sampler_kit_run(40);
	}
}
END_TEST

START_TEST(a_root_that_is_not_there_is_told)
{
	struct sampler other;
	const struct sampler_setup nowhere = { .root = "/nonexistent", .disk = "" };

	ck_assert_int_eq(sampler_open(&other, &nowhere, NULL, NULL, 0), -ENOENT);
}
END_TEST

START_TEST(no_sensor_has_no_name)
{
	ck_assert_ptr_null(sampler_find(&sampler_kit.sampler, ""));
	ck_assert_ptr_null(sampler_find(&sampler_kit.sampler, "other"));
	ck_assert_ptr_nonnull(sampler_find(&sampler_kit.sampler, KIT_ID));
}
END_TEST

static const struct {
	int error;
	const char *problem;
} problems[] = {
	{ 0, NULL },
	{ -EAGAIN, "the source had no value when it was asked" },
	{ -ENODEV, "the device is gone" },
	{ -EIO, "Input/output error" },
};

START_TEST(problems_are_told_in_words)
{
	const struct reading reading = { .error = problems[_i].error };

	ck_assert_pstr_eq(reading_problem(&reading), problems[_i].problem);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sampler");
	TCase *tests = tcase_create("sampler");

	tcase_add_checked_fixture(tests, sampler_kit_set_up, sampler_kit_tear_down);
	tcase_add_test(tests, the_first_sample_is_told);
	tcase_add_test(tests, what_does_not_change_is_told_with_each_report_only);
	tcase_add_test(tests, small_changes_add_up_to_news);
	tcase_add_test(tests, a_report_sums_its_window_up);
	tcase_add_test(tests, a_failed_read_is_an_error_and_never_the_old_value);
	tcase_add_test(tests, a_value_that_no_number_can_hold_is_an_error);
	tcase_add_test(tests, a_hung_sensor_turns_stale_then_error_and_holds_nobody_up);
	tcase_add_test(tests, a_sensor_that_never_answered_has_no_value);
	tcase_add_test(tests, new_intervals_keep_the_window);
	tcase_add_test(tests, a_shorter_report_interval_that_is_over_reports_at_once);
	tcase_add_test(tests, an_odd_report_interval_keeps_its_mean_rate);
	tcase_add_test(tests, late_ticks_do_not_cause_a_burst_of_reports);
	tcase_add_test(tests, a_plugged_in_chip_is_found);
	tcase_add_test(tests, a_chip_that_is_gone_says_so_once_and_gives_its_window_away);
	tcase_add_test(tests, a_chip_that_moves_keeps_its_id_and_window);
	tcase_add_test(tests, a_sensor_that_is_broken_for_good_is_looked_for_ever_less);
	tcase_add_test(tests, a_chip_that_comes_back_soon_is_found_soon);
	tcase_add_test(tests, a_root_that_is_not_there_is_told);
	tcase_add_test(tests, no_sensor_has_no_name);
	tcase_add_loop_test(tests, problems_are_told_in_words, 0, LENGTH(problems));
	suite_add_tcase(suite, tests);
	return unit_main(suite);
}
