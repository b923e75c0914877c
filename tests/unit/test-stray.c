// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* Commands for services that do not exist: which are answered, and with what. */
#include "../../services/bridge/stray.h"
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define X16 "xxxxxxxxxxxxxxxx"
#define X64 X16 X16 X16 X16

static const char not_found[] =
	"{\"id\":\"c.1:_-Z\",\"state\":\"rejected\",\"time\":\"T\",\"stream\":\"S\",\"seq\":1,\"error\":"
	"{\"code\":\"not-found\",\"message\":\"there is no service ghost on this "
	"device\"}}";

static const struct {
	const char *topic, *payload;
	const char *id; /* NULL: nobody is answered */
} commands[] = {
	{ "cloud/command/ghost/start", "{\"id\":\"a\"}", "a" },
	{ "cloud/command/ghost/start", "{\"id\":\"a\",\"args\":7,\"expires\":\"x\"}", "a" },
	{ "cloud/command/ghost/start", "{\"id\":\"" X64 "\"}", X64 },
	{ "cloud/command/" X64 "/" X64, "{\"id\":\"a\"}", "a" },
	{ "cloud/command/ghost/start", "{\"id\":\"" X64 "x\"}", "" },
	{ "cloud/command/ghost/start", "{\"id\":\"\"}", "" },
	{ "cloud/command/ghost/start", "{\"id\":\"a b\"}", "" },
	{ "cloud/command/ghost/start", "{\"id\":7}", "" },
	{ "cloud/command/ghost/start", "{}", "" },
	{ "cloud/command/ghost/start", "[\"id\"]", "" },
	{ "cloud/command/ghost/start", "{\"id\":\"a\"} x", "" },
	{ "cloud/command/ghost/start", "{\"id\":\"a\",\"id\":\"b\"}", "" },
	{ "cloud/command/ghost/start", "", "" },
	{ "cloud/command/ghost/start", "\xff\xfe", "" },
	{ "cloud/command/ghost/ack", "{\"stream\":\"s\",\"seq\":1}", NULL },
	{ "cloud/command/ghost/ack", "{\"id\":\"a\"}", NULL },
	{ "cloud/command/ghost/acks", "{\"id\":\"a\"}", "a" },
	{ "cloud/command/Ghost/start", "{\"id\":\"a\"}", NULL },
	{ "cloud/command/ghost/st art", "{\"id\":\"a\"}", NULL },
	{ "cloud/command/" X64 "x/start", "{\"id\":\"a\"}", NULL },
	{ "cloud/command//start", "{\"id\":\"a\"}", NULL },
	{ "cloud/command/ghost/", "{\"id\":\"a\"}", NULL },
	{ "cloud/command/ghost", "{\"id\":\"a\"}", NULL },
	{ "cloud/command/ghost/a/b", "{\"id\":\"a\"}", NULL },
	{ "cloud/event/ghost/start", "{\"id\":\"a\"}", NULL },
	{ "", "{\"id\":\"a\"}", NULL },
};

START_TEST(test_read)
{
	struct stray *stray = NULL;
	int r = stray_read(commands[_i].topic, commands[_i].payload, strlen(commands[_i].payload), &stray);

	if (!commands[_i].id) {
		ck_assert_int_eq(r, -EINVAL);
		ck_assert_ptr_null(stray);
		return;
	}
	ck_assert_int_eq(r, 0);
	ck_assert_str_eq(stray->id, commands[_i].id);
	free(stray);
}
END_TEST

static void check_answer(const char *payload, const char *expected)
{
	struct stray *stray;
	struct devbus_json *event;
	char *text;

	ck_assert_int_eq(stray_read("cloud/command/ghost/start", payload, strlen(payload), &stray), 0);
	event = stray_answer(stray, "T", "S");
	text = devbus_json_print(event);
	ck_assert_str_eq(text, expected);
	free(text);
	devbus_json_free(event);
	free(stray);
}

START_TEST(test_answer)
{
	check_answer("{\"id\":\"c.1:_-Z\"}", not_found);
	check_answer("{",
		"{\"id\":null,\"state\":\"rejected\",\"time\":\"T\",\"stream\":\"S\",\"seq\":1,\"error\":{\"code\":\"malformed\","
		"\"message\":\"a command is a JSON object with an id of 1 to 64 of A-Z a-z 0-9 . _ : "
		"-\"}}");
}
END_TEST

static struct stray *numbered(int number)
{
	struct stray *stray = calloc(1, sizeof *stray);

	snprintf(stray->id, sizeof stray->id, "%d", number);
	return stray;
}

START_TEST(test_queue_is_in_order_and_bounded)
{
	struct stray_queue queue = { 0 };
	struct stray *stray;

	ck_assert_ptr_null(stray_take(&queue));
	for (int i = 0; i < STRAY_HELD_MAX; i++)
		ck_assert_ptr_null(stray_hold(&queue, numbered(i)));
	stray = stray_hold(&queue, numbered(STRAY_HELD_MAX));
	ck_assert_str_eq(stray->id, "0");
	free(stray);
	for (int i = 1; i <= STRAY_HELD_MAX / 2; i++) {
		stray = stray_take(&queue);
		ck_assert_int_eq(atoi(stray->id), i);
		free(stray);
	}
	ck_assert_uint_eq(queue.count, STRAY_HELD_MAX / 2);
	stray_clear(&queue);
	ck_assert_uint_eq(queue.count, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("stray");
	TCase *tcase = tcase_create("stray");

	tcase_add_loop_test(tcase, test_read, 0, LENGTH(commands));
	tcase_add_test(tcase, test_answer);
	tcase_add_test(tcase, test_queue_is_in_order_and_bounded);
	suite_add_tcase(suite, tcase);
	return unit_main(suite);
}
