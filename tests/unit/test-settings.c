// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* Settings from real files in a folder of their own and from the environment, and what is said when they are wrong. */
#include "settings.h"
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/devbus-test-settings-XXXXXX";

/* The path of @name in the folder; good until the next call. */
static const char *in_folder(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static void write_bytes(const char *name, const char *text, size_t size)
{
	FILE *file = fopen(in_folder(name), "w");

	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fwrite(text, 1, size, file), size);
	ck_assert_int_eq(fclose(file), 0);
}

static void write_file(const char *name, const char *text)
{
	if (text)
		write_bytes(name, text, strlen(text));
}

static void make_folder(void)
{
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(mkdir(in_folder("devbus.d"), 0700), 0);
	clearenv();
}

static void remove_folder(void)
{
	static const char *const files[] = { "devbus.conf", "devbus.d/fan.conf", "devbus.d/fan-2.conf",
		"mqtt-password", "password" };

	for (int i = 0; i < LENGTH(files); i++)
		unlink(in_folder(files[i]));
	rmdir(in_folder("devbus.conf"));
	rmdir(in_folder("devbus.d"));
	ck_assert_int_eq(rmdir(folder), 0);
}

/* Reads the library's settings of `fan`, which must be good. */
static struct settings read_good(void)
{
	struct settings settings;
	struct devbus_error error = { 0 };
	const int r = settings_read(folder, "fan", &settings, &error);

	ck_assert_msg(r == 0, "%s", error.message);
	return settings;
}

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
	ck_assert_uint_eq(settings.reconnect_max_ms, 30000);
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

/* ---- the service's own section */

struct fan {
	uint32_t percent;
	char mode[8];
	char serial[16];
	struct devbus_json *curve;
};

static const struct devbus_field fan_fields[] = {
	DEVBUS_FIELD(struct fan, percent, .max = 100, .initial = 30),
	DEVBUS_FIELD(struct fan, mode, .initial_text = "auto"),
	DEVBUS_FIELD(struct fan, serial, .flags = DEVBUS_REQUIRED),
	DEVBUS_FIELD(struct fan, curve),
	{ 0 },
};

START_TEST(test_section)
{
	struct fan fan;
	struct devbus_error error = { 0 };

	write_file("devbus.conf", "keepalive_s = wrong but not asked for\n[fan]\npercent = 40\nserial = 1\n"
				  "curve = [1, \"a\"]\n[other]\npercent = 1\n[fan]\nmode = slow\n");
	write_file("devbus.d/fan.conf", "nothing\n[fan]\nserial = 2\ncurve = {}\n");
	setenv("DEVBUS_FAN_MODE", "fast", 1);
	const int r = settings_read_section(folder, "fan", fan_fields, &fan, &error);
	ck_assert_msg(r == 0, "%s", error.message);
	ck_assert_uint_eq(fan.percent, 40);
	ck_assert_str_eq(fan.mode, "fast");
	ck_assert_str_eq(fan.serial, "2");
	ck_assert_int_eq(devbus_json_type(fan.curve), DEVBUS_JSON_OBJECT);
	devbus_fields_clear(fan_fields, &fan);
}
END_TEST

START_TEST(test_section_variable_of_a_name_with_a_dash)
{
	struct fan fan;

	setenv("DEVBUS_FAN_2_SERIAL", "7", 1);
	ck_assert_int_eq(settings_read_section(folder, "fan-2", fan_fields, &fan, NULL), 0);
	ck_assert_str_eq(fan.serial, "7");
	ck_assert_uint_eq(fan.percent, 30);
	ck_assert_ptr_null(fan.curve);
}
END_TEST

static const struct {
	const char *shared, *own, *what;
} section_refusals[] = {
	{ NULL, NULL, "devbus.d/fan.conf: serial is missing: write it under [fan]" },
	{ "[fan]\nserial = 1\nspeed = 5", NULL, "devbus.conf:3: speed is not a setting of the service fan" },
	{ "[fan]\nserial = 1\n[other]\n[fan]\nserial = 1", NULL, "devbus.conf:5: serial stands on line 2" },
	{ "[fan]\nserial = 1\npercent = 101", NULL, "devbus.conf:3: percent" },
	{ "[fan]\nserial = 1\ncurve = [1]\n", "[fan]\ncurve = [", "fan.conf:2: curve" },
	{ "[fan]\nserial = 1\ncurve = [1]\n", "[fan2]", "fan.conf:1: [fan2] belongs" },
};

START_TEST(test_section_refusals)
{
	struct fan fan;
	struct devbus_error error = { 0 };

	write_file("devbus.conf", section_refusals[_i].shared);
	write_file("devbus.d/fan.conf", section_refusals[_i].own);
	ck_assert_int_eq(settings_read_section(folder, "fan", fan_fields, &fan, &error), -EINVAL);
	ck_assert_msg(strstr(error.message, section_refusals[_i].what), "%s", error.message);
}
END_TEST

START_TEST(test_section_without_a_table)
{
	struct devbus_error error;

	ck_assert_int_eq(settings_read_section(folder, "fan", NULL, NULL, &error), 0);
	write_file("devbus.conf", "[fan]\nx = 5");
	ck_assert_int_eq(settings_read_section(folder, "fan", NULL, NULL, &error), -EINVAL);
}
END_TEST

/* ---- password */

static const struct {
	const char *text;
	size_t size;
	mode_t mode;
	int r;
	const char *password;
} passwords[] = {
	{ "secret\n", 7, 0600, 0, "secret" },
	{ "secret", 6, 0400, 0, "secret" },
	{ "secret\r\nmore\n", 13, 0640, 0, "secret" },
	{ " s p \n", 6, 0600, 0, " s p " },
	{ "0123456789abcde", 15, 0600, 0, "0123456789abcde" },
	{ "0123456789abcdef", 16, 0600, -EMSGSIZE, NULL },
	{ "", 0, 0600, -EINVAL, NULL },
	{ "\nsecret\n", 8, 0600, -EINVAL, NULL },
	{ "a\0b\n", 4, 0600, -EINVAL, NULL },
	{ "secret\n", 7, 0604, -EPERM, NULL },
	{ "secret\n", 7, 0602, -EPERM, NULL },
};

START_TEST(test_password)
{
	struct settings settings = { .user = "" };
	struct devbus_error error = { 0 };
	char password[16] = "untouched";

	write_bytes("password", passwords[_i].text, passwords[_i].size);
	ck_assert_int_eq(chmod(in_folder("password"), passwords[_i].mode), 0);
	snprintf(settings.password_file, sizeof(settings.password_file), "%s", in_folder("password"));
	ck_assert_int_eq(settings_password(&settings, password, sizeof(password), &error), passwords[_i].r);
	ck_assert_str_eq(password, passwords[_i].password ? passwords[_i].password : "untouched");
	ck_assert_int_eq(error.message[0] != '\0', passwords[_i].r != 0);
	ck_assert_ptr_null(strstr(error.message, "secret"));
}
END_TEST

START_TEST(test_password_elsewhere)
{
	struct settings settings = { .user = "" };
	struct devbus_error error = { 0 };
	char password[16] = "untouched";

	ck_assert_int_eq(settings_password(&settings, password, sizeof(password), &error), 0);
	ck_assert_str_eq(password, "");
	strcpy(settings.password_file, "/nowhere/password");
	ck_assert_int_eq(settings_password(&settings, password, sizeof(password), &error), -ENOENT);
	ck_assert_ptr_nonnull(strstr(error.message, "/nowhere/password: not there"));
	strcpy(settings.password_file, folder);
	ck_assert_int_eq(settings_password(&settings, password, sizeof(password), &error), -ENOTSUP);
}
END_TEST

START_TEST(test_credential_of_systemd)
{
	setenv("CREDENTIALS_DIRECTORY", folder, 1);
	ck_assert_str_eq(read_good().password_file, "");
	write_file("mqtt-password", "x\n");
	ck_assert_str_eq(read_good().password_file, in_folder("mqtt-password"));
	write_file("devbus.conf", "password_file = /p");
	ck_assert_str_eq(read_good().password_file, "/p");
}
END_TEST

/* ---- addresses */

static const struct {
	const char *address, *host; /* NULL: refused */
	uint16_t port;
} addresses[] = {
	{ "127.0.0.1:1883", "127.0.0.1", 1883 },
	{ "broker.example-1.com:1", "broker.example-1.com", 1 },
	{ "[::1]:65535", "::1", 65535 },
	{ "[fe80::1%eth0]:8883", "fe80::1%eth0", 8883 },
	{ "a_b:08883", "a_b", 8883 },
	{ "0123456789abcdefghijklmnopqrstu:1", "0123456789abcdefghijklmnopqrstu", 1 },
	{ "0123456789abcdefghijklmnopqrstuv:1", NULL, 0 },
	{ "", NULL, 0 },
	{ ":1883", NULL, 0 },
	{ "host", NULL, 0 },
	{ "host:", NULL, 0 },
	{ "host:0", NULL, 0 },
	{ "host:65536", NULL, 0 },
	{ "host:100000", NULL, 0 },
	{ "host:-1", NULL, 0 },
	{ "host:1883 ", NULL, 0 },
	{ "host:1883x", NULL, 0 },
	{ "ho st:1883", NULL, 0 },
	{ "tcp://host:1883", NULL, 0 },
	{ "::1:1883", NULL, 0 },
	{ "[::1]", NULL, 0 },
	{ "[::1:1883", NULL, 0 },
	{ "[]:1883", NULL, 0 },
	{ "[::1]1883", NULL, 0 },
};

START_TEST(test_address)
{
	const bool good = addresses[_i].host;
	char host[32] = "untouched";
	uint16_t port = 42;

	ck_assert_int_eq(
		settings_split_address(addresses[_i].address, host, sizeof(host), &port), good ? 0 : -EINVAL);
	ck_assert_str_eq(host, good ? addresses[_i].host : "untouched");
	ck_assert_uint_eq(port, good ? addresses[_i].port : 42);
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
	tcase_add_test(tests, test_section);
	tcase_add_test(tests, test_section_variable_of_a_name_with_a_dash);
	tcase_add_loop_test(tests, test_section_refusals, 0, LENGTH(section_refusals));
	tcase_add_test(tests, test_section_without_a_table);
	tcase_add_loop_test(tests, test_password, 0, LENGTH(passwords));
	tcase_add_test(tests, test_password_elsewhere);
	tcase_add_test(tests, test_credential_of_systemd);
	tcase_add_loop_test(tests, test_address, 0, LENGTH(addresses));
	return unit_main(suite);
}
