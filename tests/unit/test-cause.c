// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* Which of the two witnesses is believed about a closed way, and what Mosquitto's lines mean. The looks are made in tests/integration. */
#include "../../services/bridge/cause.h"
#include "unit.h"

#include <stdio.h>
#include <string.h>

static const struct cause_look closed = { .result = CAUSE_CLOSED, .text = "h:1: nothing listens" };
static const struct cause_look open_way = { .result = CAUSE_OPEN, .text = "h:1" };
static const struct cause_look asked = { .result = CAUSE_OPEN, .asked_for_certificate = true, .text = "h:1" };
static const struct cause_look nothing = { .result = CAUSE_NOT_LOOKED };

static const struct {
	const char *line, *says; /* NULL: nothing that is known */
} lines[] = {
	{ "1795271767: Connection Refused: unacceptable protocol version", "bridge_protocol_version" },
	{ "1795271767: Connection Refused: identifier rejected", "client id" },
	{ "1795271767: Connection Refused: broker unavailable", "try later" },
	{ "1795271767: Connection Refused: bad user name or password.", "remote_password" },
	{ "1795271767: Connection Refused: not authorised", "not authorised" },
	{ "1795271767: Connection Refused: unknown reason", "remote_password" },
	{ "1795271775: OpenSSL Error[0]: error:0A000418:SSL routines::tlsv1 alert unknown ca", "authority" },
	{ "1795271775: OpenSSL Error[0]: error:0A00045C:SSL routines::tlsv13 alert certificate required",
		"none was shown" },
	{ "1795271775: OpenSSL Error[0]: error:0A000086:SSL routines::certificate verify failed", NULL },
	{ "1795271775: OpenSSL Error[0]: error:", NULL },
	{ "1795271775: OpenSSL Error[0]: ", NULL },
	{ "1795271767: Error creating bridge: Broken pipe.", NULL },
	{ "Connection Refused: ", NULL },
	{ "error:0A000418", NULL },
	{ "", NULL },
};

START_TEST(test_lines)
{
	struct cause cause;
	char text[CAUSE_TEXT_SIZE];
	const char *line = lines[_i].line;
	char *copy = malloc(strlen(line) + 1); /* not ended by a NUL, as a payload is not */

	memcpy(copy, line, strlen(line));
	cause_forget(&cause);
	ck_assert(cause_logged(&cause, copy, strlen(line)) == (lines[_i].says != NULL));
	ck_assert(cause_tell(&cause, false, text) == (lines[_i].says != NULL));
	if (lines[_i].says)
		ck_assert_msg(strstr(text, lines[_i].says) != NULL, "%s", text);
	ck_assert(!cause_logged(&cause, copy, strlen(line)));
	free(copy);
}
END_TEST

START_TEST(test_line_that_is_too_long)
{
	struct cause cause;
	char line[1000];

	snprintf(line, sizeof line, "Connection Refused: not authorised%900d", 0);
	cause_forget(&cause);
	ck_assert(!cause_logged(&cause, line, strlen(line)));
	ck_assert(cause_logged(&cause, line, 511));
}
END_TEST

/* Looks in their order, what was logged meanwhile, and what is told then. */
static const struct {
	const struct cause_look *looks[3];
	bool logged, connected;
	const char *says; /* NULL: nothing yet */
} stories[] = {
	{ { &closed }, false, false, "h:1: nothing listens" },
	{ { &closed }, true, false, "h:1: nothing listens" },
	{ { &open_way }, false, false, NULL },
	{ { &open_way }, true, false, "h:1: the cloud refuses this device" },
	{ { &open_way, &open_way }, false, false,
		"h:1: it is reached, but lets the bridge not in, and does not" },
	{ { &open_way, &open_way }, false, true, "h:1: it is reached, but hangs" },
	{ { &asked, &asked }, false, false,
		"h:1: it is reached, but lets the bridge not in: it asks for a cert" },
	{ { &closed, &open_way }, true, false, "h:1: the cloud refuses this device" },
	{ { &open_way, &closed }, true, false, "h:1: nothing listens" },
	{ { &nothing, &nothing }, false, false, NULL },
	{ { &nothing, &nothing }, true, false, "the cloud refuses this device" },
};

START_TEST(test_stories)
{
	struct cause cause;
	char text[CAUSE_TEXT_SIZE];

	cause_forget(&cause);
	ck_assert(!cause_tell(&cause, false, text));
	if (stories[_i].logged)
		cause_logged(&cause, "Connection Refused: not authorised", 34);
	for (int i = 0; i < LENGTH(stories[_i].looks) && stories[_i].looks[i]; i++)
		cause_looked(&cause, stories[_i].looks[i]);
	ck_assert(cause_tell(&cause, stories[_i].connected, text) == (stories[_i].says != NULL));
	if (stories[_i].says)
		ck_assert_msg(strncmp(text, stories[_i].says, strlen(stories[_i].says)) == 0, "%s", text);
	cause_forget(&cause);
	ck_assert(!cause_tell(&cause, stories[_i].connected, text));
}
END_TEST

START_TEST(test_looks_get_rare)
{
	struct cause cause;
	uint32_t last_ms = 0;

	cause_forget(&cause);
	for (int i = 0; i < 100; i++) {
		cause_looked(&cause, &closed);
		ck_assert_uint_ge(cause_pause_ms(&cause), last_ms);
		last_ms = cause_pause_ms(&cause);
		if (i < 2)
			ck_assert_uint_eq(last_ms, (i + 1) * CAUSE_PAUSE_MIN_MS);
	}
	ck_assert_uint_eq(last_ms, CAUSE_PAUSE_MAX_MS);
}
END_TEST

START_TEST(test_without_a_file)
{
	struct cause_look look = closed;

	cause_look("/nowhere/cloud.conf", &look);
	ck_assert_int_eq(look.result, CAUSE_NOT_LOOKED);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cause");
	TCase *tcase = tcase_create("cause");

	tcase_add_loop_test(tcase, test_lines, 0, LENGTH(lines));
	tcase_add_test(tcase, test_line_that_is_too_long);
	tcase_add_loop_test(tcase, test_stories, 0, LENGTH(stories));
	tcase_add_test(tcase, test_looks_get_rare);
	tcase_add_test(tcase, test_without_a_file);
	suite_add_tcase(suite, tcase);
	return unit_main(suite);
}
