// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* What the configuration makes of the sensors: which there are, in which unit they are told, and what of them is. */
#include "sampler-kit.h"
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ONE(entry) "{\"sensors\":{\"chip-temp1\":{" entry "}}}"

static const struct {
	const char *section, *problem; /* "": it is good */
} refusals[] = {
	{ "{}", "" },
	{ ONE("\"sample_interval_ms\":100,\"report_interval_ms\":100"), "" },
	{ ONE("\"file\":\"/run/meter/power\""), "" },
	{ ONE("\"exec\":\"co2\",\"source_unit\":\"ppm\",\"unit\":\"%\""), "" },
	{ "{\"report_interval_ms\":999}", "report_interval_ms: is below sample_interval_ms" },
	{ "{\"spool\":\"tape\"}", "spool: \"tape\" is none of none, memory, disk" },
	{ "{\"sensors\":{\"Boiler\":{}}}",
		"sensors: the name \"Boiler\" is not 1 to 64 of a-z, 0-9, _ and -" },
	{ "{\"sensors\":{\"alarm\":{}}}", "sensors.alarm.id: this name means something else; take another" },
	{ ONE("\"sample_interval_ms\":99"),
		"sensors.chip-temp1.sample_interval_ms: must be 0 or at least 100" },
	{ ONE("\"sample_interval_ms\":20000"),
		"sensors.chip-temp1.report_interval_ms: is below the sample interval" },
	{ ONE("\"factor\":0"), "sensors.chip-temp1.factor: must not be 0" },
	{ ONE("\"aggregate\":\"median\""),
		"sensors.chip-temp1.aggregate: must be words of: last min max mean count" },
	{ ONE("\"aggregate\":\"  \""),
		"sensors.chip-temp1.aggregate: must be words of: last min max mean count" },
	{ ONE("\"file\":\"/etc/shadow\""),
		"sensors.chip-temp1.file: is in none of the folders of the setting file_dirs" },
	{ ONE("\"file\":\"run/../etc/shadow\""),
		"sensors.chip-temp1.file: is in none of the folders of the setting file_dirs" },
	{ ONE("\"file\":\"runner/x\""),
		"sensors.chip-temp1.file: is in none of the folders of the setting file_dirs" },
	{ ONE("\"exec\":\"/bin/sh\""),
		"sensors.chip-temp1.exec: must be a name in the folder of the setting exec_dir" },
	{ ONE("\"exec\":\"..\""),
		"sensors.chip-temp1.exec: must be a name in the folder of the setting exec_dir" },
	{ ONE("\"exec\":\"a\",\"chip\":\"b\""),
		"sensors.chip-temp1.file: only one of file, exec and a selector can be the source" },
	{ ONE("\"source_unit\":\"V\",\"unit\":\"Cel\""),
		"sensors.chip-temp1.unit: cannot be made of source_unit" },
	{ ONE("\"alarms\":{\"hot\":{\"when\":\"over\"}}"),
		"sensors.chip-temp1.alarms.hot.when: \"over\" is none of above, below, bad" },
	{ ONE("\"alarms\":{\"hot\":{\"when\":\"above\",\"hysteresis\":-1}}"),
		"sensors.chip-temp1.alarms.hot.hysteresis: -1 is below 0" },
};

START_TEST(a_section_is_checked)
{
	ck_assert_str_eq(sampler_kit_refusal(refusals[_i].section), refusals[_i].problem);
}
END_TEST

/* ---- values */

static const struct {
	const char *entry, *text;
	double value;
	const char *unit;
} values[] = {
	{ "", "25500", 25.5, "Cel" }, { "\"unit\":\"degF\"", "100000", 212, "degF" },
	{ "\"unit\":\"degF\"", "-40000", -40, "degF" }, { "\"unit\":\"K\"", "0", 273.15, "K" },
	{ "\"factor\":2,\"offset\":-1.5", "10000", 18.5, "Cel" },
	{ "\"factor\":2,\"offset\":-40,\"unit\":\"degF\"", "20000", 32, "degF" },
	{ "\"unit\":\"V\"", "20000", 20, "Cel" }, /* no volts can be made of it, so none are told */
};

START_TEST(a_value_is_told_in_its_unit)
{
	char section[256];

	sampler_kit_run(1);
	sampler_kit_temp(values[_i].text);
	snprintf(section, sizeof section, ONE("%s"), values[_i].entry);
	sampler_kit_configure(section);
	sampler_kit_run(1);
	ck_assert_double_eq(sampler_kit.state.value, values[_i].value);
	ck_assert_str_eq(sampler_kit_channel()->plan.unit, values[_i].unit);
}
END_TEST

static const struct {
	const char *from, *to;
	double value, result;
} conversions[] = {
	{ "degF", "Cel", 212, 100 },
	{ "degF", "K", 32, 273.15 },
	{ "mV", "V", 12048, 12.048 },
	{ "V", "mV", 12.048, 12048 },
	{ "Wh", "kWh", 1500, 1.5 },
	{ "Pa", "hPa", 101325, 1013.25 },
	{ "/", "ppm", 0.0008, 800 },
	{ "%", "/", 47, 0.47 },
	{ "MiB", "B", 2, 2097152 },
	{ "1/min", "1/s", 3000, 50 },
	{ "furlong", "furlong", 3, 3 },
};

START_TEST(units_convert)
{
	ck_assert(unit_converts(conversions[_i].from, conversions[_i].to));
	ck_assert_double_eq_tol(unit_convert(conversions[_i].from, conversions[_i].to, conversions[_i].value),
		conversions[_i].result, 1e-9);
	ck_assert(!unit_converts(conversions[_i].from, "lx"));
}
END_TEST

/* A window is of one unit: what there is in the old one is reported before the new one begins. */
START_TEST(another_unit_begins_another_window)
{
	sampler_kit_run(4);
	sampler_kit_configure(ONE("\"unit\":\"degF\""));
	ck_assert_uint_eq(sampler_kit.reports, 1);
	ck_assert_uint_eq(sampler_kit.window.count, 4);
	ck_assert_double_eq(sampler_kit.window.max, 20);
	sampler_kit_run(11);
	ck_assert_uint_eq(sampler_kit.reports, 2);
	ck_assert_double_eq(sampler_kit.window.min, 68);
	ck_assert_str_eq(sampler_kit.unit, "degF");
}
END_TEST

/* ---- news */

START_TEST(quiet_reports_are_left_out_until_the_heartbeat)
{
	sampler_kit_configure(ONE("\"dead_band\":1,\"heartbeat_ms\":60000"));
	sampler_kit_run(11);
	ck_assert_uint_eq(sampler_kit.reports, 1);
	sampler_kit_temp("20900");
	sampler_kit_run(40);
	ck_assert_uint_eq(sampler_kit.reports, 1);
	sampler_kit_run(20); /* the minute is over, and nothing that was left out is lost */
	ck_assert_uint_eq(sampler_kit.reports, 2);
	ck_assert_uint_eq(sampler_kit.window.count, 60);
	sampler_kit_temp("25000"); /* for one sample, between two reports */
	sampler_kit_run(1);
	sampler_kit_temp("20900");
	sampler_kit_run(10);
	ck_assert_uint_eq(sampler_kit.reports, 3);
	ck_assert_double_eq(sampler_kit.window.max, 25);
}
END_TEST

START_TEST(a_failure_is_no_quiet_time)
{
	sampler_kit_configure(ONE("\"dead_band\":1,\"heartbeat_ms\":600000"));
	sampler_kit_run(11);
	sampler_kit_temp("garbage");
	sampler_kit_run(10);
	ck_assert_uint_eq(sampler_kit.reports, 2);
	ck_assert_uint_eq(sampler_kit.window.errors, 10);
}
END_TEST

START_TEST(each_sensor_has_its_own_beat)
{
	tree_write(&sampler_kit.tree, "sys/class/hwmon/hwmon0/in0_input", "5000");
	sampler_kit_configure(ONE("\"sample_interval_ms\":200,\"report_interval_ms\":1000"));
	sampler_kit_pass(10000);
	ck_assert_uint_eq(sampler_kit.reports, 10);
	ck_assert_uint_eq(sampler_kit.window.count, 5);
	ck_assert_uint_eq(sampler_find(&sampler_kit.sampler, "chip-in0")->plan.sample_ms, 1000);
}
END_TEST

/* ---- which there are */

static double value_of(const char *id)
{
	struct channel *channel = sampler_find(&sampler_kit.sampler, id);

	ck_assert_msg(channel, "there is no %s", id);
	ck_assert_msg(channel->current.error == 0, "%s: %s", id, strerror(-channel->current.error));
	return channel->current.value;
}

static int error_of(const char *id)
{
	struct channel *channel = sampler_find(&sampler_kit.sampler, id);

	ck_assert_msg(channel, "there is no %s", id);
	return channel->current.error;
}

START_TEST(files_are_sensors)
{
	tree_write(&sampler_kit.tree, "run/meter", "# of the heating");
	tree_append(&sampler_kit.tree, "run/meter", "  power = 1.5 2.5 3.5");
	tree_append(&sampler_kit.tree, "run/meter", "energy: 77");
	tree_write(&sampler_kit.tree, "run/plain", " 12.5");
	sampler_kit_configure(
		"{\"sensors\":{"
		"\"power\":{\"file\":\"/run/meter\",\"word\":\"power\",\"column\":2,\"unit\":\"kW\"},"
		"\"energy\":{\"file\":\"run/meter\",\"word\":\"energy\",\"source_unit\":\"kWh\",\"unit\":\"Wh\"},"
		"\"none\":{\"file\":\"run/meter\",\"word\":\"ener\"},"
		"\"missing\":{\"file\":\"run/missing\"},"
		"\"plain\":{\"file\":\"run/plain\"}}}");
	sampler_kit_run(1);
	ck_assert_double_eq(value_of("power"), 2.5);
	ck_assert_double_eq(value_of("energy"), 77000);
	ck_assert_double_eq(value_of("plain"), 12.5);
	ck_assert_int_eq(error_of("none"), -EBADMSG);
	ck_assert_int_eq(error_of("missing"), -ENOENT);
	ck_assert_str_eq(sampler_find(&sampler_kit.sampler, "power")->plan.unit, "kW");
}
END_TEST

START_TEST(found_sensors_get_names_of_the_owner)
{
	tree_link(&sampler_kit.tree, "sys/class/hwmon/hwmon0/device", "../../1-0048");
	tree_write(&sampler_kit.tree, "sys/class/hwmon/hwmon1/name", "chip");
	tree_link(&sampler_kit.tree, "sys/class/hwmon/hwmon1/device", "../../1-0049");
	tree_write(&sampler_kit.tree, "sys/class/hwmon/hwmon1/temp1_input", "44000");
	sampler_kit_configure("{\"discover\":false,\"sensors\":{"
			      "\"boiler\":{\"chip\":\"chip\",\"device\":\"1-0049\",\"attribute\":\"temp1\"},"
			      "\"cellar\":{\"device\":\"1-0050\"}}}");
	sampler_kit_run(1);
	ck_assert_uint_eq(sampler_kit.sampler.count, 2);
	ck_assert_double_eq(value_of("boiler"), 44);
	ck_assert_int_eq(error_of("cellar"), -ENODEV);
	/* plugged in later, and found under the same name wherever the kernel puts it */
	tree_write(&sampler_kit.tree, "sys/class/hwmon/hwmon9/name", "other");
	tree_link(&sampler_kit.tree, "sys/class/hwmon/hwmon9/device", "../../1-0050");
	tree_write(&sampler_kit.tree, "sys/class/hwmon/hwmon9/temp3_input", "9000");
	sampler_kit_run(31);
	ck_assert_double_eq(value_of("cellar"), 9);
	tree_rename(&sampler_kit.tree, "sys/class/hwmon/hwmon9", "sys/class/hwmon/hwmon2");
	sampler_kit_run(4);
	ck_assert_double_eq(value_of("cellar"), 9);
}
END_TEST

START_TEST(a_configured_name_wins)
{
	tree_write(&sampler_kit.tree, "run/own", "1");
	sampler_kit_configure(ONE("\"file\":\"run/own\""));
	sampler_kit_run(1);
	ck_assert_uint_eq(sampler_kit.sampler.count, 2 + 1); /* and the disk */
	ck_assert_double_eq(value_of("chip-temp1"), 1);
}
END_TEST

START_TEST(a_sensor_is_switched_off_and_on)
{
	sampler_kit_run(2);
	sampler_kit_configure(ONE("\"enabled\":false"));
	ck_assert_int_eq(sampler_kit.state.error, -ECANCELED);
	ck_assert_ptr_null(sampler_kit_channel());
	sampler_kit_configure("{}");
	sampler_kit_run(1);
	ck_assert_int_eq(sampler_kit.state.error, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("plan");
	TCase *tests = tcase_create("plan");

	tcase_add_checked_fixture(tests, sampler_kit_set_up, sampler_kit_tear_down);
	tcase_set_timeout(tests, 60);
	tcase_add_loop_test(tests, a_section_is_checked, 0, LENGTH(refusals));
	tcase_add_loop_test(tests, a_value_is_told_in_its_unit, 0, LENGTH(values));
	tcase_add_loop_test(tests, units_convert, 0, LENGTH(conversions));
	tcase_add_test(tests, another_unit_begins_another_window);
	tcase_add_test(tests, quiet_reports_are_left_out_until_the_heartbeat);
	tcase_add_test(tests, a_failure_is_no_quiet_time);
	tcase_add_test(tests, each_sensor_has_its_own_beat);
	tcase_add_test(tests, files_are_sensors);
	tcase_add_test(tests, found_sensors_get_names_of_the_owner);
	tcase_add_test(tests, a_configured_name_wins);
	tcase_add_test(tests, a_sensor_is_switched_off_and_on);
	suite_add_tcase(suite, tests);
	return unit_main(suite);
}
