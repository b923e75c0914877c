// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* Commands as they come in (protocol 4.1, 4.5): what is taken, and whether the id is still known when it is not. */
#include "envelope.h"
#include "unit.h"

#include <errno.h>
#include <string.h>

#define ID_64 "0123456789abcdef0123456789abcdef0123456789ABCDEF0123456789._:-xy"

static const struct {
	const char *text;
	int r;
	const char *id;
	bool args, expires;
} commands[] = {
	{ "{\"id\":\"a\"}", 0, "a", false, false },
	{ "{\"id\":\"" ID_64 "\"}", 0, ID_64, false, false },
	{ "{\"id\":\"a\",\"args\":{}}", 0, "a", true, false },
	{ "{\"id\":\"a\",\"args\":{\"x\":1},\"expires\":\"2026-01-31T12:00:00Z\"}", 0, "a", true, true },
	{ "{\"id\":\"a\",\"other\":[]}", 0, "a", false, false },
	{ "{}", -EINVAL, "", false, false },
	{ "[]", -EINVAL, "", false, false },
	{ "\"a\"", -EINVAL, "", false, false },
	{ "{\"id\":null}", -EINVAL, "", false, false },
	{ "{\"id\":7}", -EINVAL, "", false, false },
	{ "{\"id\":\"\"}", -EINVAL, "", false, false },
	{ "{\"id\":\"" ID_64 "x\"}", -EINVAL, "", false, false },
	{ "{\"id\":\"a b\"}", -EINVAL, "", false, false },
	{ "{\"id\":\"a/b\"}", -EINVAL, "", false, false },
	{ "{\"id\":\"\xc3\xa4\"}", -EINVAL, "", false, false },
	{ "{\"id\":\"a\",\"args\":[]}", -EINVAL, "a", false, false },
	{ "{\"id\":\"a\",\"args\":null}", -EINVAL, "a", false, false },
	{ "{\"id\":\"a\",\"args\":{},\"expires\":\"soon\"}", -EINVAL, "a", false, false },
	{ "{\"id\":\"a\",\"expires\":1769860800}", -EINVAL, "a", false, false },
	{ "{\"id\":\"a\",\"expires\":null}", -EINVAL, "a", false, false },
};

START_TEST(test_command)
{
	struct devbus_json *object = NULL;
	struct envelope_command command = { .id = "before" };
	struct devbus_error error = { "untouched", "untouched" };
	const char *text = commands[_i].text;
	const int r = commands[_i].r;

	ck_assert_int_eq(devbus_json_parse(text, strlen(text), &object, NULL), 0);
	ck_assert_int_eq(envelope_command_read(object, &command, &error), r);
	ck_assert_str_eq(command.id, commands[_i].id);
	ck_assert_ptr_eq(command.args, commands[_i].args ? devbus_json_get(object, "args") : NULL);
	ck_assert_int_eq(command.expires, commands[_i].expires);
	ck_assert_int_eq(command.expires_wall_ms, commands[_i].expires ? 1769860800000 : 0);
	ck_assert_str_eq(error.code, r == 0 ? "untouched" : DEVBUS_E_MALFORMED);
	ck_assert_int_eq(envelope_command_read(object, &command, NULL), r);
	devbus_json_free(object);
}
END_TEST

START_TEST(test_no_command)
{
	struct envelope_command command;

	ck_assert_int_eq(envelope_command_read(NULL, &command, NULL), -EINVAL);
	ck_assert_str_eq(command.id, "");
	ck_assert(!envelope_id_valid(NULL));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("envelope-command");
	TCase *tests = tcase_create("envelope-command");

	suite_add_tcase(suite, tests);
	tcase_add_loop_test(tests, test_command, 0, LENGTH(commands));
	tcase_add_test(tests, test_no_command);
	return unit_main(suite);
}
