// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* What a service needs beside the library's settings: its own section, the password, the address in two parts. */
#include "settings-folder.h"
#include "settings.h"
#include "unit.h"

#include <errno.h>

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

static const struct {
	mode_t mode;
	int result;
} secret_files[] = { { 0600, 0 }, { 0640, 0 }, { 0604, -EINVAL }, { 0602, -EINVAL }, { 0644, -EINVAL } };

/* As with the password: what others may read is none. */
START_TEST(test_secret)
{
	static const struct devbus_field fields[] = {
		DEVBUS_FIELD(struct fan, mode),
		DEVBUS_FIELD(struct fan, serial, .flags = DEVBUS_SECRET),
		{ 0 },
	};
	struct fan fan;
	struct devbus_error error = { 0 };
	const char *name = "devbus.d/fan.conf";
	int r;

	write_file(name, "[fan]\nmode = slow\nserial = hidden\n");
	ck_assert_int_eq(chmod(in_folder(name), secret_files[_i].mode), 0);
	r = settings_read_section(folder, "fan", fields, &fan, &error);
	ck_assert_int_eq(r, secret_files[_i].result);
	ck_assert(r == 0 || strstr(error.message, "devbus.d/fan.conf:3: serial is a secret"));
	ck_assert_ptr_null(strstr(error.message, "hidden"));
	write_file(name, "[fan]\nmode = slow\n"); /* the mode of a file without a secret does not matter */
	setenv("DEVBUS_FAN_SERIAL", "hidden", 1);
	ck_assert_int_eq(settings_read_section(folder, "fan", fields, &fan, &error), 0);
	ck_assert_str_eq(fan.serial, "hidden");
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
	Suite *suite = suite_create("settings-service");
	TCase *tests = tcase_create("settings-service");

	suite_add_tcase(suite, tests);
	tcase_add_checked_fixture(tests, make_folder, remove_folder);
	tcase_add_test(tests, test_section);
	tcase_add_test(tests, test_section_variable_of_a_name_with_a_dash);
	tcase_add_loop_test(tests, test_section_refusals, 0, LENGTH(section_refusals));
	tcase_add_loop_test(tests, test_secret, 0, LENGTH(secret_files));
	tcase_add_test(tests, test_section_without_a_table);
	tcase_add_loop_test(tests, test_password, 0, LENGTH(passwords));
	tcase_add_test(tests, test_password_elsewhere);
	tcase_add_test(tests, test_credential_of_systemd);
	tcase_add_loop_test(tests, test_address, 0, LENGTH(addresses));
	return unit_main(suite);
}
