// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* Settings from real files in a folder of their own and from the environment, and what is said when they are wrong. */
#include "settings-folder.h"
#include "settings.h"
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

START_TEST(test_defaults)
{
	const struct settings settings = read_good();

	ck_assert_str_eq(settings.broker, "127.0.0.1:1883");
	ck_assert_str_eq(settings.user, "fan");
	ck_assert_str_eq(settings.password_file, "");
	ck_assert_str_eq(settings.device_id, "device");
	ck_assert_str_eq(settings.state_dir, DEVBUS_STATE_DIR_DEFAULT);
	ck_assert_str_eq(settings.clock_sync, "auto");
	ck_assert_str_eq(settings.cloud_broker, "");
	ck_assert_str_eq(settings.cloud_prefix, "");
	ck_assert_uint_eq(settings.keepalive_s, 10);
	ck_assert_uint_eq(settings.reconnect_min_ms, 100);
	ck_assert_uint_eq(settings.reconnect_max_ms, 2000);
	ck_assert_uint_eq(settings.connect_timeout_s, 5);
	ck_assert_uint_eq(settings.stop_timeout_ms, 2000);
	ck_assert_uint_eq(settings.payload_limit_bytes, 127 * 1024);
	ck_assert_uint_eq(settings.queue_limit_bytes, 4 * 1024 * 1024);
	ck_assert_uint_eq(settings.pending_calls_max, 256);
	ck_assert_uint_eq(settings.journal_max, 1024);
	ck_assert_uint_eq(settings.journal_days, 7);
}
END_TEST

/* What stands where, and which keep-alive counts then. */
static const struct {
	const char *shared, *own, *variable;
	uint32_t keepalive_s;
} places[] = {
	{ "keepalive_s = 20", NULL, NULL, 20 },
	{ NULL, "keepalive_s = 30", NULL, 30 },
	{ NULL, NULL, "40", 40 },
	{ "keepalive_s = 20", "keepalive_s = 30", NULL, 30 },
	{ "keepalive_s = 20", NULL, "40", 40 },
	{ "keepalive_s = 20", "keepalive_s = 30", "40", 40 },
	{ "keepalive_s = 20", NULL, "", 20 },
	/* forms */
	{ "  keepalive_s\t=20  \t\r\n", NULL, NULL, 20 },
	{ "keepalive_s=20# no comment: no space\nkeepalive_s", NULL, NULL, 0 },
	{ "keepalive_s=20 # comment = 5", NULL, NULL, 20 },
	{ "# keepalive_s = 5\n\n \t \n#\nkeepalive_s = 20\n", NULL, NULL, 20 },
	{ "keepalive_s = 20\n[fan]\nkeepalive_s = x", NULL, NULL, 20 },
	{ "keepalive_s = 20\n[other]\nany thing at all\n= 5\n[fan]\nspeed = 5\n[other2]\nx", NULL, NULL, 20 },
	{ "keepalive_s = 20\n [ other ] # comment\nx", "[fan]\nx", NULL, 20 },
	{ "", "", NULL, 10 },
};

START_TEST(test_places)
{
	struct settings settings = { .keepalive_s = 0 };
	struct devbus_error error;

	write_file("devbus.conf", places[_i].shared);
	write_file("devbus.d/fan.conf", places[_i].own);
	if (places[_i].variable)
		setenv("DEVBUS_KEEPALIVE_S", places[_i].variable, 1);
	ck_assert_int_eq(
		settings_read(folder, "fan", &settings, &error), places[_i].keepalive_s ? 0 : -EINVAL);
	ck_assert_uint_eq(settings.keepalive_s, places[_i].keepalive_s);
}
END_TEST

START_TEST(test_every_key_in_every_place)
{
	char variable[64] = "DEVBUS_";

	for (const struct devbus_field *f = settings_fields; f->name; f++)
		ck_assert_ptr_nonnull(f->description);
	write_file("devbus.conf", "broker = [::1]:1\nuser = u\npassword_file = /p\ndevice_id = D.1:a_b-c\n"
				  "state_dir = /s # x\nclock_sync = never\ncloud_broker = c.example:8883\n"
				  "cloud_prefix = devices/d1\nkeepalive_s = 5\nreconnect_min_ms = 11\n"
				  "reconnect_max_ms = 12\nconnect_timeout_s = 13\nstop_timeout_ms = 0\n"
				  "payload_limit_bytes = 1024\nqueue_limit_bytes = 2048\n"
				  "pending_calls_max = 1\njournal_max = 2\njournal_days = 3");
	const struct settings settings = read_good();
	ck_assert_str_eq(settings.broker, "[::1]:1");
	ck_assert_str_eq(settings.user, "u");
	ck_assert_str_eq(settings.password_file, "/p");
	ck_assert_str_eq(settings.device_id, "D.1:a_b-c");
	ck_assert_str_eq(settings.state_dir, "/s");
	ck_assert_str_eq(settings.clock_sync, "never");
	ck_assert_str_eq(settings.cloud_prefix, "devices/d1");
	ck_assert_uint_eq(settings.stop_timeout_ms, 0);
	ck_assert_uint_eq(settings.journal_days, 3);
	strcat(variable, "STATE_DIR");
	setenv(variable, "/from/environment", 1);
	ck_assert_str_eq(read_good().state_dir, "/from/environment");
}
END_TEST

/* What is wrong, and what must be said: @place comes first, @what somewhere behind it. */
static const struct {
	const char *shared, *own, *variable, *value;
	const char *place, *what;
} refusals[] = {
	{ "brokre = x:1", NULL, NULL, NULL, "devbus.conf:1: ", "brokre is not a setting of the library" },
	{ "\n\nspeed = 5", NULL, NULL, NULL, "devbus.conf:3: ", "put it under [fan]" },
	{ NULL, "# c\nspeed = 5", NULL, NULL, "devbus.d/fan.conf:2: ", "speed is not a setting" },
	{ "user = a\nuser = b", NULL, NULL, NULL, "devbus.conf:2: ", "user stands on line 1 already" },
	{ NULL, "user = a\n\nuser = a", NULL, NULL, "fan.conf:3: ", "user stands on line 1 already" },
	{ "keepalive_s = 4", NULL, NULL, NULL, "devbus.conf:1: ", "keepalive_s" },
	{ "keepalive_s = 1201", NULL, NULL, NULL, "devbus.conf:1: ", "keepalive_s" },
	{ "keepalive_s = ten", NULL, NULL, NULL, "devbus.conf:1: ", "keepalive_s" },
	{ "keepalive_s =", NULL, NULL, NULL, "devbus.conf:1: ", "keepalive_s" },
	{ "keepalive_s", NULL, NULL, NULL, "devbus.conf:1: ", "expected `key = value`" },
	{ "= 5", NULL, NULL, NULL, "devbus.conf:1: ", "a key in front of" },
	{ "keep alive = 5", NULL, NULL, NULL, "devbus.conf:1: ", "a key in front of" },
	{ "[fan", NULL, NULL, NULL, "devbus.conf:1: ", "a section is written [name]" },
	{ "[fan] x = 5", NULL, NULL, NULL, "devbus.conf:1: ", "a section is written [name]" },
	{ "[]", NULL, NULL, NULL, "devbus.conf:1: ", "named after its service" },
	{ "[Fan]", NULL, NULL, NULL, "devbus.conf:1: ", "named after its service" },
	{ "[other]\nx\n[Fan Two]", NULL, NULL, NULL, "devbus.conf:3: ", "named after its service" },
	{ NULL, "[other]\nx = 5", NULL, NULL,
		"fan.conf:1: ", "[other] belongs into devbus.conf or other.conf" },
	{ "user = a\x01", NULL, NULL, NULL, "devbus.conf:1: ", "not UTF-8 text" },
	{ "user = a\xff", NULL, NULL, NULL, "devbus.conf:1: ", "not UTF-8 text" },
	{ "# \xff", NULL, NULL, NULL, "devbus.conf:1: ", "not UTF-8 text" },
	{ "user = \"a\"", NULL, NULL, NULL, "devbus.conf:1: ", "without quotation marks" },
	{ "broker = localhost", NULL, NULL, NULL, "devbus.conf:1: ", "write HOST:PORT" },
	{ "broker =", NULL, NULL, NULL, "devbus.conf:1: ", "broker" },
	{ "cloud_broker = x:0", NULL, NULL, NULL, "devbus.conf:1: ", "write HOST:PORT" },
	{ "cloud_prefix = a/+", NULL, NULL, NULL, "devbus.conf:1: ", "without + and #" },
	{ "device_id = a/b", NULL, NULL, NULL, "devbus.conf:1: ", "write only" },
	{ "clock_sync = yes", NULL, NULL, NULL, "devbus.conf:1: ", "auto" },
	{ "reconnect_min_ms = 40000", NULL, NULL, NULL, "devbus.conf:1: ", "raise the second" },
	{ NULL, "\nreconnect_max_ms = 50", NULL, NULL, "fan.conf:2: ", "raise the second" },
	{ NULL, NULL, "DEVBUS_RECONNECT_MAX_MS", "50", "environment: ", "raise the second" },
	{ NULL, NULL, "DEVBUS_BROKER", "x", "environment variable DEVBUS_BROKER: ", "write HOST:PORT" },
	{ NULL, NULL, "DEVBUS_KEEPALIVE_S", "1", "environment variable DEVBUS_KEEPALIVE_S: ", "keepalive_s" },
	/* what a later place says does not hide it */
	{ "keepalive_s = 4", "keepalive_s = 10", NULL, NULL, "devbus.conf:1: ", "keepalive_s" },
};

START_TEST(test_refusals)
{
	struct settings settings = { .user = "untouched" };
	struct devbus_error error = { 0 };
	const char *place;

	write_file("devbus.conf", refusals[_i].shared);
	write_file("devbus.d/fan.conf", refusals[_i].own);
	if (refusals[_i].variable)
		setenv(refusals[_i].variable, refusals[_i].value, 1);
	ck_assert_int_eq(settings_read(folder, "fan", &settings, &error), -EINVAL);
	place = strstr(error.message, refusals[_i].place);
	ck_assert_msg(place && strstr(place, refusals[_i].what), "%s", error.message);
	ck_assert_str_eq(settings.user, "untouched");
	ck_assert_int_eq(settings_read(folder, "fan", &settings, NULL), -EINVAL);
}
END_TEST

START_TEST(test_nul_byte)
{
	struct settings settings;
	struct devbus_error error;

	write_bytes("devbus.conf", "user = a\0b\n", 11);
	ck_assert_int_eq(settings_read(folder, "fan", &settings, &error), -EINVAL);
	ck_assert_ptr_nonnull(strstr(error.message, "devbus.conf:1: "));
}
END_TEST

START_TEST(test_not_a_file)
{
	struct settings settings;
	struct devbus_error error;

	ck_assert_int_eq(mkdir(in_folder("devbus.conf"), 0700), 0);
	ck_assert_int_eq(settings_read(folder, "fan", &settings, &error), -ENOTSUP);
	ck_assert_ptr_nonnull(strstr(error.message, "devbus.conf: not a file"));
}
END_TEST

START_TEST(test_too_large)
{
	const size_t size = 256 * 1024 + 1;
	char *text = malloc(size);
	struct settings settings;
	struct devbus_error error;

	memset(text, '\n', size);
	write_bytes("devbus.conf", text, size - 1);
	ck_assert_int_eq(settings_read(folder, "fan", &settings, &error), 0);
	write_bytes("devbus.conf", text, size);
	ck_assert_int_eq(settings_read(folder, "fan", &settings, &error), -EFBIG);
	free(text);
}
END_TEST

/* The remedy must not be pushed out of the message by a long path. */
START_TEST(test_long_path)
{
	char path[1024];
	struct settings settings;
	struct devbus_error error;

	write_file("devbus.conf", "x = 5");
	snprintf(path, sizeof(path), "%s", folder);
	while (strlen(path) < 600)
		strcat(path, "/devbus.d/..");
	ck_assert_int_eq(settings_read(path, "fan", &settings, &error), -EINVAL);
	ck_assert_ptr_nonnull(strstr(error.message, "/devbus.conf:1: x is not a setting"));
	ck_assert_ptr_nonnull(strstr(error.message, "put it under [fan]"));
}
END_TEST

static const char *const bad_names[] = { NULL, "", "Fan", "a/b", "../x" };

START_TEST(test_bad_names)
{
	struct settings settings;
	struct devbus_error error;

	ck_assert_int_eq(settings_read(folder, bad_names[_i], &settings, &error), -EINVAL);
	ck_assert_int_eq(settings_read_section(folder, bad_names[_i], NULL, NULL, &error), -EINVAL);
}
END_TEST

START_TEST(test_config_dir)
{
	ck_assert_str_eq(settings_config_dir(NULL), DEVBUS_CONFIG_DIR_DEFAULT);
	setenv("DEVBUS_CONFIG_DIR", "", 1);
	ck_assert_str_eq(settings_config_dir(NULL), DEVBUS_CONFIG_DIR_DEFAULT);
	setenv("DEVBUS_CONFIG_DIR", folder, 1);
	ck_assert_str_eq(settings_config_dir(NULL), folder);
	ck_assert_str_eq(settings_config_dir("/x"), "/x");
	write_file("devbus.conf", "keepalive_s = 99");
	struct settings settings;
	ck_assert_int_eq(settings_read(NULL, "fan", &settings, NULL), 0);
	ck_assert_uint_eq(settings.keepalive_s, 99);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("settings");
	TCase *tests = tcase_create("settings");

	suite_add_tcase(suite, tests);
	tcase_add_checked_fixture(tests, make_folder, remove_folder);
	tcase_add_test(tests, test_defaults);
	tcase_add_loop_test(tests, test_places, 0, LENGTH(places));
	tcase_add_test(tests, test_every_key_in_every_place);
	tcase_add_loop_test(tests, test_refusals, 0, LENGTH(refusals));
	tcase_add_test(tests, test_nul_byte);
	tcase_add_test(tests, test_not_a_file);
	tcase_add_test(tests, test_too_large);
	tcase_add_test(tests, test_long_path);
	tcase_add_loop_test(tests, test_bad_names, 0, LENGTH(bad_names));
	tcase_add_test(tests, test_config_dir);
	return unit_main(suite);
}
