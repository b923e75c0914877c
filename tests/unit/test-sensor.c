// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* What is found on a machine, what it is called and what is read, on trees of real boards. */
#include "json-text.h"
#include "sensor-tree.h"
#include "unit.h"

#include "services/sensor/attribute.h"
#include "services/sensor/catalog.h"
#include "services/sensor/message.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct sensor_tree tree;
static struct catalog catalog;

static void clean(void)
{
	catalog_free(&catalog);
	tree_remove(&tree);
}

static void scan(void)
{
	catalog_free(&catalog);
	ck_assert_int_eq(catalog_scan(tree.root, "", &catalog), 0);
}

static const struct sensor *find(const char *id)
{
	for (size_t i = 0; i < catalog.count; i++)
		if (strcmp(catalog.sensors[i].id, id) == 0)
			return &catalog.sensors[i];
	return NULL;
}

static int read_id(const char *id, double *ret_value)
{
	const struct sensor *sensor = find(id);

	ck_assert_msg(sensor, "there is no %s", id);
	return sensor->source.read(tree.root, &sensor->source, ret_value);
}

/* ---- boards */

struct expected {
	const char *id, *unit, *label;
	int error;
	double value;
};

static const struct expected arm_gateway[] = {
	{ "load-1m", "/", "load average, 1 min", 0, 0.52 },
	{ "load-5m", "/", "load average, 5 min", 0, 0.58 },
	{ "load-15m", "/", "load average, 15 min", 0, 0.59 },
	{ "memory-total", "B", "memory", 0, 1917504 * 1024.0 },
	{ "memory-available", "B", "memory available to programs", 0, 1203456 * 1024.0 },
	{ "uptime", "s", "time since boot", 0, 350735.47 },
	{ "cpu_thermal-temp1", "Cel", "", 0, 48.312 },
	{ "lm75-1-0048-temp1", "Cel", "", 0, -12.5 },
	{ "lm75-1-0049-temp1", "Cel", "", 0, 31.5 },
	{ "sht3x-temp1", "Cel", "", 0, 23.457 },
	{ "sht3x-humidity1", "%RH", "", 0, 45.23 },
	{ "ina219-in0", "V", "", 0, 0.012 },
	{ "ina219-in1", "V", "", 0, 12.048 },
	{ "ina219-curr1", "A", "", 0, 1.2 },
	{ "ina219-power1", "W", "", 0, 14.46 },
	{ "pwmfan-fan1", "1/min", "", 0, 2840 },
	{ "thermal-cpu-thermal-temp", "Cel", "", 0, 48.312 },
};

static const struct expected x86_industrial[] = {
	{ "load-1m", "/", "load average, 1 min", 0, 1 },
	{ "load-5m", "/", "load average, 5 min", 0, 2.5 },
	{ "load-15m", "/", "load average, 15 min", 0, 0.04 },
	{ "memory-total", "B", "memory", 0, 16303428 * 1024.0 },
	{ "memory-available", "B", "memory available to programs", 0, 12034560 * 1024.0 },
	{ "uptime", "s", "time since boot", 0, 12.34 },
	{ "acpitz-temp1", "Cel", "", 0, 27.8 },
	{ "nvme-composite", "Cel", "Composite", 0, 38.85 },
	{ "nvme-sensor-1", "Cel", "Sensor 1", 0, 41.85 },
	{ "coretemp-package-id-0", "Cel", "Package id 0", 0, 45 },
	{ "coretemp-core-0", "Cel", "Core 0", 0, 43 },
	{ "coretemp-core-1", "Cel", "Core 1", 0, 44 },
	{ "nct6775-vcore", "V", "Vcore", 0, 1.008 },
	{ "nct6775-12v", "V", "+12V", 0, 12.096 },
	{ "nct6775-cpu-temp1", "Cel", "CPU", 0, 39.5 },
	{ "nct6775-case", "Cel", "Case", -EREMOTEIO, 0 },
	{ "nct6775-temp7", "Cel", "", -EBADMSG, 0 },
	{ "nct6775-cpu-fan2", "1/min", "CPU", 0, 1456 },
	{ "nct6775-fan3", "1/min", "", 0, 0 },
	{ "thermal-acpitz-temp", "Cel", "", 0, 27.8 },
	{ "thermal-acpitz-temp-2", "Cel", "", 0, 29.8 },
	{ "thermal-x86_pkg_temp-temp", "Cel", "", 0, 45 },
};

static const struct expected am335x_controller[] = {
	{ "load-1m", "/", "load average, 1 min", 0, 0.11 },
	{ "load-5m", "/", "load average, 5 min", 0, 0.07 },
	{ "load-15m", "/", "load average, 15 min", 0, 0.05 },
	{ "memory-total", "B", "memory", 0, 506508 * 1024.0 },
	{ "memory-available", "B", "memory available to programs", 0, 412032 * 1024.0 },
	{ "uptime", "s", "time since boot", 0, 86400.25 },
	{ "ti-am335x-adc-0-auto-voltage0", "V", "", 0, 0.45 },
	{ "ti-am335x-adc-0-auto-voltage6", "V", "", 0, 4095 * 0.439453125 / 1000 },
	{ "ads1015-voltage0", "V", "", 0, 4.2 },
	{ "ads1015-voltage1", "V", "", 0, 0.1 },
	{ "ads1015-voltage0-voltage1", "V", "", 0, -0.2 },
	{ "w1-28-00000a1b2c3d-temp", "Cel", "", 0, 23.125 },
	{ "w1-28-00000a1b2c3e-temp", "Cel", "", -EPROTO, 0 },
	{ "net-eth0-rx-bytes", "B", "", 0, 98765432 },
	{ "net-eth0-tx-bytes", "B", "", 0, 1234567 },
	{ "net-eth0-rx-errors", "count", "", 0, 3 },
	{ "net-eth0-tx-errors", "count", "", 0, 0 },
};

static const struct expected pi_weather[] = {
	{ "load-1m", "/", "load average, 1 min", 0, 0 },
	{ "load-5m", "/", "load average, 5 min", 0, 0.01 },
	{ "load-15m", "/", "load average, 15 min", 0, 0.05 },
	{ "memory-total", "B", "memory", 0, 3884376 * 1024.0 },
	{ "memory-available", "B", "memory available to programs", 0, 3400000 * 1024.0 },
	{ "uptime", "s", "time since boot", 0, 7 },
	{ "thermal-cpu-thermal-temp", "Cel", "", 0, 51.121 },
	{ "bme280-temp", "Cel", "", 0, 21.87 },
	{ "bme280-pressure", "Pa", "", 0, 98876.367187 },
	{ "bme280-humidityrelative", "%RH", "", 0, 47.123 },
	{ "hdc100x-1-0040-temp", "Cel", "", 0, (25600 - 15887.515151) * 2.517700195 / 1000 },
	{ "hdc100x-1-0041-temp", "Cel", "", 0, (26112 - 15887.515151) * 2.517700195 / 1000 },
	{ "tsl2561-illuminance0", "lx", "", 0, 320 },
	{ "scd30-concentration_co2", "/", "", 0, 0.0008 },
	{ "mma8451-accel_x", "m/s2", "", 0, -12 * 0.002394 },
	{ "mma8451-up", "m/s2", "up", 0, 4096 * 0.002394 },
	{ "w1_slave_temp-temp1", "Cel", "", 0, 19.437 },
};

static void assert_board(const struct expected *expected, size_t count)
{
	scan();
	for (size_t i = 0; i < count; i++) {
		double value = 0;

		ck_assert_msg(read_id(expected[i].id, &value) == expected[i].error, "%s", expected[i].id);
		ck_assert_msg(value == expected[i].value, "%s: %.17g", expected[i].id, value);
		ck_assert_str_eq(find(expected[i].id)->quantity->unit, expected[i].unit);
		ck_assert_str_eq(find(expected[i].id)->label, expected[i].label);
	}
	/* and nothing else but the file system that the test runs on */
	ck_assert_uint_eq(catalog.count, count + 2);
	ck_assert_ptr_nonnull(find("disk-total"));
	ck_assert_ptr_nonnull(find("disk-free"));
}

static const struct {
	const char *name;
	const struct expected *expected;
	size_t count;
} boards[] = {
	{ "am335x-controller", am335x_controller, LENGTH(am335x_controller) },
	{ "arm-gateway", arm_gateway, LENGTH(arm_gateway) },
	{ "pi-weather", pi_weather, LENGTH(pi_weather) },
	{ "x86-industrial", x86_industrial, LENGTH(x86_industrial) },
};

START_TEST(boards_are_read_exactly)
{
	tree_make(&tree, boards[_i].name);
	assert_board(boards[_i].expected, boards[_i].count);
}
END_TEST

START_TEST(containers_have_no_sysfs)
{
	tree_make(&tree, NULL);
	tree_write(&tree, "proc/loadavg", "0.00 0.01 0.05 1/1 1");
	scan();
	ck_assert_uint_eq(catalog.count, 5);
}
END_TEST

START_TEST(the_disk_has_a_size)
{
	double total = 0, available = 0;

	tree_make(&tree, NULL);
	scan();
	ck_assert_int_eq(read_id("disk-total", &total), 0);
	ck_assert_int_eq(read_id("disk-free", &available), 0);
	ck_assert(total > 0 && available > 0 && available <= total);
}
END_TEST

/* ---- names */

START_TEST(ids_do_not_depend_on_hwmon_numbers)
{
	tree_make(&tree, "arm-gateway");
	tree_rename(&tree, "sys/class/hwmon/hwmon1", "sys/class/hwmon/hwmon11");
	tree_rename(&tree, "sys/class/hwmon/hwmon2", "sys/class/hwmon/hwmon1");
	tree_rename(&tree, "sys/class/hwmon/hwmon3", "sys/class/hwmon/hwmon20");
	assert_board(arm_gateway, LENGTH(arm_gateway));
}
END_TEST

START_TEST(twins_without_a_device_are_numbered_in_order)
{
	double value;

	tree_make(&tree, NULL);
	for (int i = 12; i > 0; i--) {
		char path[64], text[32];

		snprintf(path, sizeof path, "sys/class/hwmon/hwmon%d/name", i);
		tree_write(&tree, path, "adc");
		snprintf(path, sizeof path, "sys/class/hwmon/hwmon%d/in0_input", i);
		snprintf(text, sizeof text, "%d", i * 1000);
		tree_write(&tree, path, text);
	}
	scan();
	ck_assert_int_eq(read_id("adc-in0", &value), 0);
	ck_assert_double_eq(value, 1);
	for (int i = 2; i <= 12; i++) {
		char id[32];

		snprintf(id, sizeof id, "adc-in0-%d", i);
		ck_assert_msg(find(id), "%s", id);
	}
}
END_TEST

START_TEST(twins_with_labels_get_their_places)
{
	tree_make(&tree, NULL);
	for (int i = 0; i < 2; i++) {
		const char *const folders[] = { "sys/class/hwmon/hwmon0", "sys/class/hwmon/hwmon1" };
		char path[64];

		snprintf(path, sizeof path, "%s/name", folders[i]);
		tree_write(&tree, path, "nvme");
		snprintf(path, sizeof path, "%s/device", folders[i]);
		tree_link(&tree, path, i ? "../../nvme1" : "../../nvme0");
		snprintf(path, sizeof path, "%s/temp1_input", folders[i]);
		tree_write(&tree, path, "1000");
		snprintf(path, sizeof path, "%s/temp1_label", folders[i]);
		tree_write(&tree, path, "Composite");
	}
	scan();
	ck_assert_ptr_nonnull(find("nvme-nvme0-composite"));
	ck_assert_ptr_nonnull(find("nvme-nvme1-composite"));
}
END_TEST

static void put_chip(const char *name, const char *label)
{
	tree_write(&tree, "sys/class/hwmon/hwmon0/name", name);
	tree_write(&tree, "sys/class/hwmon/hwmon0/temp1_input", "1000");
	tree_write(&tree, "sys/class/hwmon/hwmon0/temp1_label", label);
}

static const struct {
	const char *chip, *label, *id;
} names[] = {
	{ "LM-75", "Hot Spot #1!", "lm-75-hot-spot-1" },
	{ "a/b+c", "#$", "a-b-c" },
	{ "\xc3\xa9t\xc3\xa9", "caf\xc3\xa9", "t-caf" },
	{ "\xc3\xa9", "+", "unnamed" },
	{ "load", "1m", "load-1m-temp1" },
	{ "chip_0123456789", "label that is so long that the id would be too long to be a level",
		"chip_0123456789-label-that-is-so-long-that-the-id-would-6c1c496b" },
};

START_TEST(ids_are_topic_levels)
{
	tree_make(&tree, NULL);
	tree_write(&tree, "proc/loadavg", "0 0 0 1/1 1");
	put_chip(names[_i].chip, names[_i].label);
	scan();
	for (size_t i = 0; i < catalog.count; i++)
		if (catalog.sensors[i].chip[0])
			ck_assert_str_eq(catalog.sensors[i].id, names[_i].id);
	ck_assert_ptr_nonnull(find("load-1m"));
	ck_assert_uint_eq(catalog.count, 6);
}
END_TEST

START_TEST(too_many_are_left_out)
{
	char path[96];

	tree_make(&tree, NULL);
	tree_write(&tree, "sys/class/hwmon/hwmon0/name", "many");
	for (int i = 0; i < CATALOG_MAX + 50; i++) {
		snprintf(path, sizeof path, "sys/class/hwmon/hwmon0/in%d_input", i);
		tree_write(&tree, path, "1");
	}
	scan();
	ck_assert_uint_eq(catalog.count, CATALOG_MAX);
}
END_TEST

/* ---- reading */

static const struct {
	const char *text;
	int result;
	double value;
} numbers[] = {
	{ "25500", 0, 25500 },
	{ "-1", 0, -1 },
	{ " 7 ", 0, 7 },
	{ "1.5e3", 0, 1500 },
	{ "", -EBADMSG, 0 },
	{ "N/A", -EBADMSG, 0 },
	{ "12 34", -EBADMSG, 0 },
	{ "12abc", -EBADMSG, 0 },
	{ "0x10", -EBADMSG, 0 },
	{ "nan", -EBADMSG, 0 },
	{ "inf", -EBADMSG, 0 },
	{ "1e999", -EBADMSG, 0 },
};

START_TEST(only_numbers_are_numbers)
{
	double value = 0;

	tree_make(&tree, NULL);
	tree_write(&tree, "x", numbers[_i].text);
	ck_assert_int_eq(attribute_read_number(tree.root, "x", &value), numbers[_i].result);
	ck_assert_double_eq(value, numbers[_i].value);
}
END_TEST

START_TEST(no_name_hangs)
{
	char path[96], name[8];

	tree_make(&tree, NULL);
	tree_fifo(&tree, "hung");
	ck_assert_int_eq(attribute_read_name(tree.root, "hung", name, sizeof name), -ENODATA);
	/* With a writer that says nothing, a blocking read would wait for ever. */
	snprintf(path, sizeof path, "%s/hung", tree.path);
	FILE *writer = fopen(path, "r+e");

	ck_assert_ptr_nonnull(writer);
	ck_assert_int_eq(attribute_read_name(tree.root, "hung", name, sizeof name), -EAGAIN);
	fclose(writer);
}
END_TEST

START_TEST(a_scan_asks_no_device)
{
	tree_make(&tree, NULL);
	tree_fifo(&tree, "proc/loadavg");
	tree_write(&tree, "sys/class/hwmon/hwmon0/name", "chip");
	tree_fifo(&tree, "sys/class/hwmon/hwmon0/temp1_input");
	tree_fifo(&tree, "sys/class/hwmon/hwmon0/temp1_label");
	tree_fifo(&tree, "sys/class/thermal/thermal_zone0/temp");
	tree_fifo(&tree, "sys/bus/iio/devices/iio:device0/in_temp_raw");
	tree_fifo(&tree, "sys/bus/w1/devices/28-1/w1_slave");
	scan();
	ck_assert_uint_eq(catalog.count, 3 + 2 + 4);
}
END_TEST

START_TEST(what_is_no_file_is_told)
{
	double value;

	tree_make(&tree, NULL);
	ck_assert_int_eq(attribute_read_number(tree.root, "absent", &value), -ENOENT);
	ck_assert_int_eq(attribute_read_number(tree.root, ".", &value), -EISDIR);
}
END_TEST

START_TEST(columns_and_words_that_are_missing_are_errors)
{
	double value;

	tree_make(&tree, NULL);
	tree_write(&tree, "proc/loadavg", "0.5");
	tree_write(&tree, "proc/meminfo", "MemTotalX: 5 kB");
	scan();
	ck_assert_int_eq(read_id("load-1m", &value), 0);
	ck_assert_int_eq(read_id("load-5m", &value), -EBADMSG);
	ck_assert_int_eq(read_id("memory-total", &value), -EBADMSG);
}
END_TEST

/* ---- how it looks */

static void assert_json(struct devbus_json *value, const char *expected)
{
	assert_prints(value, expected);
	devbus_json_free(value);
}

START_TEST(messages_say_null_where_nothing_was_read)
{
	const struct reading good = { 0, 25.5 }, bad = { -EAGAIN, 25.5 };
	struct section section;
	struct channel channel = { .read_ms = 4000 };
	const char *time = "2026-01-31T12:00:00.000Z";

	tree_make(&tree, "arm-gateway");
	scan();
	devbus_fields_initial(section_fields, &section);
	channel.sensor = *find("sht3x-temp1");
	ck_assert_int_eq(plan_make(&section, &channel.sensor, &channel.plan), 0);
	channel.current = good;
	assert_json(message_state(&channel, time, 5000),
		"{\"value\":25.5,\"unit\":\"Cel\",\"quality\":\"good\",\"time\":\"2026-01-31T12:00:00.000Z\"}");
	channel.current.error = -ESTALE;
	assert_json(message_state(&channel, time, 5000),
		"{\"value\":25.5,\"unit\":\"Cel\",\"quality\":\"stale\",\"time\":\"2026-01-31T12:00:00.000Z\","
		"\"age_ms\":1000,\"message\":\"the source has not answered yet; the value is an old one\"}");
	channel.current.value = NAN;
	assert_json(message_state(&channel, time, 5000),
		"{\"value\":null,\"unit\":\"Cel\",\"quality\":\"stale\",\"time\":\"2026-01-31T12:00:00.000Z\","
		"\"message\":\"the source has not answered yet; the value is an old one\"}");
	channel.current = bad;
	assert_json(message_reading(&channel, time, 5000),
		"{\"sensor\":\"sht3x-temp1\",\"value\":null,\"unit\":\"Cel\",\"quality\":\"error\","
		"\"time\":\"2026-01-31T12:00:00.000Z\",\"message\":\"the source had no value when it was asked\"}");
	window_add(&channel.window, &bad);
	assert_json(message_report(&channel, 1000),
		"{\"min\":null,\"max\":null,\"mean\":null,\"count\":0,\"last\":null,\"errors\":1,\"unit\":\"Cel\","
		"\"quality\":\"error\",\"interval_ms\":1000}");
	window_add(&channel.window, &good);
	channel.current = (struct reading) { 0, 24.5 };
	window_add(&channel.window, &channel.current);
	assert_json(message_report(&channel, 3000),
		"{\"min\":24.5,\"max\":25.5,\"mean\":25,\"count\":2,\"last\":24.5,\"errors\":1,\"unit\":\"Cel\","
		"\"quality\":\"good\",\"interval_ms\":3000}");
	channel.plan.aggregates = AGGREGATE_MEAN | AGGREGATE_LAST;
	assert_json(message_report(&channel, 3000),
		"{\"mean\":25,\"last\":24.5,\"errors\":1,\"unit\":\"Cel\",\"quality\":\"good\",\"interval_ms\":3000}");
	assert_json(message_sensor(&channel),
		"{\"id\":\"sht3x-temp1\",\"unit\":\"Cel\",\"kind\":\"temperature\","
		"\"source\":\"sys/class/hwmon/hwmon3/temp1_input\",\"chip\":\"sht3x\",\"device\":\"1-0044\","
		"\"attribute\":\"temp1\",\"label\":\"\",\"quality\":\"good\",\"sample_interval_ms\":1000,"
		"\"report_interval_ms\":10000}");
	plan_clear(&channel.plan);
}
END_TEST

static void assert_senml(const struct channel *channel, const char *expected)
{
	struct devbus_json *pack = devbus_json_new_array();

	ck_assert_int_eq(message_append_senml(pack, channel), 0);
	assert_json(pack, expected);
}

START_TEST(senml_has_a_record_for_each_number)
{
	struct channel channel = {
		.sensor.id = "cpu",
		.plan = { .unit = "Cel", .aggregates = AGGREGATE_LAST | AGGREGATE_MAX | AGGREGATE_COUNT },
	};

	tree_make(&tree, NULL);
	window_add(&channel.window, &(const struct reading) { 0, 30 });
	window_add(&channel.window, &(const struct reading) { 0, 20.5 });
	assert_senml(&channel,
		"[{\"n\":\"cpu/max\",\"u\":\"Cel\",\"v\":30},{\"n\":\"cpu/count\",\"u\":\"count\",\"v\":2},"
		"{\"n\":\"cpu\",\"u\":\"Cel\",\"v\":20.5}]");
	channel.window = (struct window) { 0 };
	channel.plan.unit[0] = '\0';
	channel.current.error = -ETIMEDOUT;
	assert_senml(&channel,
		"[{\"n\":\"cpu/count\",\"u\":\"count\",\"v\":0},{\"n\":\"cpu/quality\",\"vs\":\"error\"}]");
}
END_TEST

START_TEST(alarms_say_what_happened)
{
	const struct alarm hot = { .name = "hot", .limit = 70, .set = true },
			   lost = { .name = "lost", .when = ALARM_BAD };
	struct channel channel = { .sensor.id = "cpu", .plan = { .unit = "Cel" }, .current = { 0, 71.5 } };

	tree_make(&tree, NULL);
	assert_json(message_alarm(&channel, &hot),
		"{\"sensor\":\"cpu\",\"alarm\":\"hot\",\"state\":\"set\",\"when\":\"above\",\"limit\":70,"
		"\"value\":71.5,\"unit\":\"Cel\",\"quality\":\"good\"}");
	assert_json(message_alarm(&channel, &lost),
		"{\"sensor\":\"cpu\",\"alarm\":\"lost\",\"state\":\"clear\",\"when\":\"bad\",\"value\":71.5,"
		"\"unit\":\"Cel\",\"quality\":\"good\"}");
	assert_json(message_alarm_gone("cpu", "hot", "because"),
		"{\"sensor\":\"cpu\",\"alarm\":\"hot\",\"state\":\"clear\",\"cause\":\"because\"}");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sensor");
	TCase *tests = tcase_create("catalog");

	tcase_add_checked_fixture(tests, NULL, clean);
	tcase_add_loop_test(tests, boards_are_read_exactly, 0, LENGTH(boards));
	tcase_add_test(tests, containers_have_no_sysfs);
	tcase_add_test(tests, the_disk_has_a_size);
	tcase_add_test(tests, ids_do_not_depend_on_hwmon_numbers);
	tcase_add_test(tests, twins_without_a_device_are_numbered_in_order);
	tcase_add_test(tests, twins_with_labels_get_their_places);
	tcase_add_loop_test(tests, ids_are_topic_levels, 0, LENGTH(names));
	tcase_add_test(tests, too_many_are_left_out);
	tcase_add_loop_test(tests, only_numbers_are_numbers, 0, LENGTH(numbers));
	tcase_add_test(tests, no_name_hangs);
	tcase_add_test(tests, a_scan_asks_no_device);
	tcase_add_test(tests, what_is_no_file_is_told);
	tcase_add_test(tests, columns_and_words_that_are_missing_are_errors);
	tcase_add_test(tests, messages_say_null_where_nothing_was_read);
	tcase_add_test(tests, senml_has_a_record_for_each_number);
	tcase_add_test(tests, alarms_say_what_happened);
	suite_add_tcase(suite, tests);
	return unit_main(suite);
}
