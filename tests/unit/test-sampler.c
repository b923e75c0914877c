// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* When the sensor service tells what: hours of a device in a fraction of a second, on a clock of the test's own. */
#include "sensor-tree.h"
#include "unit.h"

#include "services/sensor/sampler.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define TEMP "sys/class/hwmon/hwmon0/temp1_input"
#define FAN "sys/class/hwmon/hwmon0/fan1_input"
#define TEMP_ID "chip-temp1"

/* What was told of the sensor TEMP_ID. */
static struct told {
	unsigned states, reports, others;
	struct reading state;
	struct window window;
	int64_t interval_ms;
} told;

static struct sensor_tree tree;
static struct sampler sampler;
static int64_t now_ms;

static void on_state(void *userdata, const struct sensor *sensor, const struct reading *reading)
{
	struct told *record = userdata;

	if (strcmp(sensor->id, TEMP_ID) != 0) {
		record->others++;
		return;
	}
	record->states++;
	record->state = *reading;
}

static void on_report(
	void *userdata, const struct sensor *sensor, const struct window *window, int64_t interval_ms)
{
	struct told *record = userdata;

	if (strcmp(sensor->id, TEMP_ID) != 0)
		return;
	record->reports++;
	record->window = *window;
	record->interval_ms = interval_ms;
}

static const struct sampler_sink sink = { on_state, on_report };

static void set_up(void)
{
	tree_make(&tree, NULL);
	tree_write(&tree, "sys/class/hwmon/hwmon0/name", "chip");
	tree_write(&tree, TEMP, "20000");
	told = (struct told) { 0 };
	now_ms = 5000000;
	ck_assert_int_eq(sampler_open(&sampler, tree.path, "", &sink, &told, now_ms), 0);
	sampler_configure(&sampler, 1000, 10000);
}

static void tear_down(void)
{
	sampler_close(&sampler);
	tree_remove(&tree);
}

/* @count samples, the first at once. */
static void run(unsigned count)
{
	for (; count > 0; count--) {
		ck_assert_int_eq(sampler_tick(&sampler, now_ms), 0);
		now_ms += sampler.sample_ms;
	}
}

static void set_temp(const char *text)
{
	tree_write(&tree, TEMP, text);
}

START_TEST(the_first_sample_is_told)
{
	run(1);
	ck_assert_uint_eq(told.states, 1);
	ck_assert_int_eq(told.state.error, 0);
	ck_assert_double_eq(told.state.value, 20);
	ck_assert_uint_eq(told.reports, 0);
}
END_TEST

START_TEST(what_does_not_change_is_told_with_each_report_only)
{
	run(31);
	ck_assert_uint_eq(told.states, 4);
	ck_assert_uint_eq(told.reports, 3);
	ck_assert_uint_eq(told.window.count, 10);
	ck_assert_int_eq(told.interval_ms, 10000);
}
END_TEST

START_TEST(small_changes_add_up_to_news)
{
	run(1);
	set_temp("20400"); /* within the dead band of 0.5 Cel */
	run(1);
	ck_assert_uint_eq(told.states, 1);
	set_temp("20600"); /* 0.6 from what was told, though 0.2 from the last reading */
	run(1);
	ck_assert_uint_eq(told.states, 2);
	ck_assert_double_eq(told.state.value, 20.6);
	set_temp("19000");
	run(1);
	ck_assert_uint_eq(told.states, 3);
}
END_TEST

START_TEST(a_report_sums_its_window_up)
{
	const char *const values[] = { "20000", "10000", "40000", "30000" };

	for (int i = 0; i < 4; i++) {
		set_temp(values[i]);
		run(1);
	}
	set_temp("25000");
	run(7);
	ck_assert_uint_eq(told.reports, 1);
	ck_assert_uint_eq(told.window.count, 11);
	ck_assert_double_eq(told.window.min, 10);
	ck_assert_double_eq(told.window.max, 40);
	ck_assert_double_eq(window_mean(&told.window), 275 / 11.0);
	ck_assert_double_eq(told.window.last.value, 25);
	run(10); /* nothing of it is left in the next */
	ck_assert_double_eq(told.window.max, 25);
	ck_assert_uint_eq(told.window.count, 10);
}
END_TEST

START_TEST(a_failed_read_is_an_error_and_never_the_old_value)
{
	run(2);
	set_temp("garbage");
	run(1);
	ck_assert_uint_eq(told.states, 2);
	ck_assert_int_eq(told.state.error, -EBADMSG);
	ck_assert_str_eq(reading_quality(&told.state), "error");
	run(3);
	ck_assert_uint_eq(told.states, 2); /* the same error is no news */
	run(5);
	ck_assert_uint_eq(told.window.count, 2);
	ck_assert_uint_eq(told.window.errors, 9);
	ck_assert_int_eq(told.window.last.error, -EBADMSG);
	set_temp("21000");
	run(1);
	ck_assert_int_eq(told.state.error, 0);
	ck_assert_double_eq(told.state.value, 21);
}
END_TEST

START_TEST(a_hung_sensor_does_not_hold_up_the_others)
{
	tree_fifo(&tree, FAN);
	tree_write(&tree, "sys/class/hwmon/hwmon0/in0_input", "5000");
	sampler_close(&sampler);
	ck_assert_int_eq(sampler_open(&sampler, tree.path, "", &sink, &told, now_ms), 0);
	sampler_configure(&sampler, 1000, 10000);
	run(11);
	const struct sensor *fan = sampler_find(&sampler, "chip-fan1");

	ck_assert_ptr_nonnull(fan);
	ck_assert_int_eq(sampler_read(&sampler, fan).error, -ENODATA);
	ck_assert_uint_eq(told.window.count, 11);
}
END_TEST

START_TEST(new_intervals_keep_the_window)
{
	set_temp("50000");
	run(4); /* 4 s of 10 s are over */
	set_temp("20000");
	sampler_configure(&sampler, 500, 6000);
	run(5); /* at 4.0, 4.5 ... 6.0 s */
	ck_assert_uint_eq(told.reports, 1);
	ck_assert_int_eq(told.interval_ms, 6000);
	ck_assert_uint_eq(told.window.count, 9);
	ck_assert_double_eq(told.window.max, 50);
}
END_TEST

START_TEST(a_shorter_report_interval_that_is_over_reports_at_once)
{
	run(8);
	sampler_configure(&sampler, 1000, 2000);
	run(1);
	ck_assert_uint_eq(told.reports, 1);
	ck_assert_int_eq(told.interval_ms, 8000);
	run(2);
	ck_assert_uint_eq(told.reports, 2);
	ck_assert_int_eq(told.interval_ms, 2000);
}
END_TEST

START_TEST(an_odd_report_interval_keeps_its_mean_rate)
{
	sampler_configure(&sampler, 1000, 2500);
	run(1001); /* 1000 s */
	ck_assert_uint_eq(told.reports, 400);
}
END_TEST

START_TEST(late_ticks_do_not_cause_a_burst_of_reports)
{
	run(1);
	now_ms += 3600000;
	run(3);
	ck_assert_uint_eq(told.reports, 1);
	ck_assert_int_eq(told.interval_ms, 3601000);
}
END_TEST

START_TEST(a_plugged_in_chip_is_found)
{
	run(1);
	tree_write(&tree, "sys/class/hwmon/hwmon7/name", "probe");
	tree_write(&tree, "sys/class/hwmon/hwmon7/temp1_input", "1000");
	ck_assert_ptr_null(sampler_find(&sampler, "probe-temp1"));
	run(SAMPLER_RESCAN_MS / 1000);
	ck_assert_ptr_nonnull(sampler_find(&sampler, "probe-temp1"));
}
END_TEST

START_TEST(a_chip_that_is_gone_says_so_once_and_gives_its_window_away)
{
	run(5);
	tree_delete(&tree, "sys/class/hwmon/hwmon0");
	run(1);
	ck_assert_int_eq(told.state.error, -ENOENT);
	run(1);
	ck_assert_int_eq(told.state.error, -ENODEV);
	ck_assert_ptr_null(sampler_find(&sampler, TEMP_ID));
	ck_assert_uint_eq(told.reports, 1);
	ck_assert_uint_eq(told.window.count, 5);
	ck_assert_uint_eq(told.window.errors, 2);
	unsigned states = told.states;

	run(60);
	ck_assert_uint_eq(told.states, states);
	ck_assert_uint_eq(told.reports, 1);
}
END_TEST

START_TEST(a_chip_that_moves_keeps_its_id_and_window)
{
	set_temp("60000");
	run(3);
	tree_rename(&tree, "sys/class/hwmon/hwmon0", "sys/class/hwmon/hwmon3");
	run(1); /* it is missed */
	run(1); /* and found again */
	ck_assert_int_eq(told.state.error, 0);
	tree_write(&tree, "sys/class/hwmon/hwmon3/temp1_input", "20000");
	run(6);
	ck_assert_uint_eq(told.reports, 1);
	ck_assert_uint_eq(told.window.count, 10);
	ck_assert_uint_eq(told.window.errors, 1);
	ck_assert_double_eq(told.window.max, 60);
}
END_TEST

START_TEST(a_sensor_that_is_broken_for_good_does_not_cause_a_scan_at_each_sample)
{
	sampler_configure(&sampler, 100, 10000);
	tree_delete(&tree, TEMP);
	tree_link(&tree, TEMP, "nowhere");
	for (int i = 0; i < 100; i++) {
		int64_t scanned_ms = sampler.scanned_ms;

		run(1);
		ck_assert(sampler.scanned_ms == scanned_ms || sampler.scanned_ms - scanned_ms >= 1000);
	}
}
END_TEST

START_TEST(a_root_that_is_not_there_is_told)
{
	struct sampler other;

	ck_assert_int_eq(sampler_open(&other, "/nonexistent", "", &sink, &told, 0), -ENOENT);
}
END_TEST

START_TEST(no_sensor_has_no_name)
{
	ck_assert_ptr_null(sampler_find(&sampler, ""));
	ck_assert_ptr_null(sampler_find(&sampler, "other"));
	ck_assert_ptr_nonnull(sampler_find(&sampler, TEMP_ID));
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

	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_add_test(tests, the_first_sample_is_told);
	tcase_add_test(tests, what_does_not_change_is_told_with_each_report_only);
	tcase_add_test(tests, small_changes_add_up_to_news);
	tcase_add_test(tests, a_report_sums_its_window_up);
	tcase_add_test(tests, a_failed_read_is_an_error_and_never_the_old_value);
	tcase_add_test(tests, a_hung_sensor_does_not_hold_up_the_others);
	tcase_add_test(tests, new_intervals_keep_the_window);
	tcase_add_test(tests, a_shorter_report_interval_that_is_over_reports_at_once);
	tcase_add_test(tests, an_odd_report_interval_keeps_its_mean_rate);
	tcase_add_test(tests, late_ticks_do_not_cause_a_burst_of_reports);
	tcase_add_test(tests, a_plugged_in_chip_is_found);
	tcase_add_test(tests, a_chip_that_is_gone_says_so_once_and_gives_its_window_away);
	tcase_add_test(tests, a_chip_that_moves_keeps_its_id_and_window);
	tcase_add_test(tests, a_sensor_that_is_broken_for_good_does_not_cause_a_scan_at_each_sample);
	tcase_add_test(tests, a_root_that_is_not_there_is_told);
	tcase_add_test(tests, no_sensor_has_no_name);
	tcase_add_loop_test(tests, problems_are_told_in_words, 0, LENGTH(problems));
	suite_add_tcase(suite, tests);
	return unit_main(suite);
}
