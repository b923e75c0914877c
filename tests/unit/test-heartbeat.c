// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* What the two witnesses of the link are believed, told as stories: event by event, with what follows from it. */
#include "../../services/bridge/heartbeat.h"
#include "unit.h"

#include <string.h>

static const struct bridge_settings settings = { .heartbeat_s = 10, .echo_timeout_s = 8 };

#define NOW 0 /* pause: the next echo is asked for at once */
#define BEAT 10000
#define ANY UINT32_MAX /* nothing is expected of the pause */

struct step {
	enum heartbeat_what what;
	int64_t took_ms;
	enum heartbeat_link link;
	bool tell;
	uint32_t pause_ms;
	const char *reason; /* how it begins; NULL: nothing is wrong */
};

static const struct story {
	const char *title;
	struct step steps[8];
} stories[] = {
	{ "a start with the link up",
		{ { HEARTBEAT_CONNECTED, 0, HEARTBEAT_UNKNOWN, false, NOW, "no answer from the cloud yet" },
			{ HEARTBEAT_BRIDGE_CONNECTED, 0, HEARTBEAT_UNKNOWN, false, NOW,
				"no answer from the cloud yet" },
			{ HEARTBEAT_ANSWERED, 3, HEARTBEAT_UP, true, BEAT, NULL },
			{ HEARTBEAT_ANSWERED, 4, HEARTBEAT_UP, false, BEAT, NULL } } },
	{ "a start with the link down",
		{ { HEARTBEAT_BRIDGE_DISCONNECTED, 0, HEARTBEAT_DOWN, true, HEARTBEAT_RARE_MS,
			  "the bridge is disconnected since T0" },
			{ HEARTBEAT_BRIDGE_DISCONNECTED, 0, HEARTBEAT_DOWN, false, HEARTBEAT_RARE_MS,
				"the bridge is disconnected since T0" },
			{ HEARTBEAT_UNANSWERED, 0, HEARTBEAT_DOWN, true, HEARTBEAT_RARE_MS,
				"the bridge is disconnected since T0" } } },
	{ "a start without any notification",
		{ { HEARTBEAT_UNANSWERED, 0, HEARTBEAT_DOWN, true, NOW,
			  "no answer from the cloud since start" },
			{ HEARTBEAT_ANSWERED, 5, HEARTBEAT_UP, true, BEAT, NULL } } },
	{ "0 is believed at once, 1 only makes us look",
		{ { HEARTBEAT_ANSWERED, 3, HEARTBEAT_UP, true, BEAT, NULL },
			{ HEARTBEAT_BRIDGE_DISCONNECTED, 0, HEARTBEAT_DOWN, true, HEARTBEAT_RARE_MS,
				"the bridge is disconnected since T1" },
			{ HEARTBEAT_BRIDGE_CONNECTED, 0, HEARTBEAT_DOWN, false, NOW,
				"the bridge is stalled" },
			{ HEARTBEAT_ANSWERED, 3, HEARTBEAT_UP, true, BEAT, NULL } } },
	{ "a link that dies in silence: 1 stays, and is not believed",
		{ { HEARTBEAT_BRIDGE_CONNECTED, 0, HEARTBEAT_UNKNOWN, false, NOW,
			  "no answer from the cloud yet" },
			{ HEARTBEAT_ANSWERED, 3, HEARTBEAT_UP, true, BEAT, NULL },
			{ HEARTBEAT_ANSWERED, 3, HEARTBEAT_UP, false, BEAT, NULL },
			{ HEARTBEAT_UNANSWERED, 0, HEARTBEAT_DOWN, true, NOW,
				"the bridge is stalled: it is connected, but no answer from the cloud since "
				"T2" },
			{ HEARTBEAT_UNANSWERED, 0, HEARTBEAT_DOWN, true, NOW,
				"the bridge is stalled: it is connected, but no answer from the cloud since "
				"T2" },
			{ HEARTBEAT_BRIDGE_DISCONNECTED, 0, HEARTBEAT_DOWN, true, HEARTBEAT_RARE_MS,
				"the bridge is disconnected since T2" },
			{ HEARTBEAT_CONNECTED, 0, HEARTBEAT_DOWN, false, NOW,
				"the bridge is disconnected since T2" } } },
	{ "the echo that waited for the link brings the news, and the next one the time",
		{ { HEARTBEAT_ANSWERED, 3, HEARTBEAT_UP, true, BEAT, NULL },
			{ HEARTBEAT_UNANSWERED, 0, HEARTBEAT_DOWN, true, NOW,
				"no answer from the cloud since T0" },
			{ HEARTBEAT_ANSWERED, 8001, HEARTBEAT_UP, true, NOW, NULL },
			{ HEARTBEAT_ANSWERED, 8000, HEARTBEAT_UP, false, BEAT, NULL },
			{ HEARTBEAT_ANSWERED, 3, HEARTBEAT_UP, true, BEAT, NULL } } },
	{ "an echo refutes a 0",
		{ { HEARTBEAT_BRIDGE_DISCONNECTED, 0, HEARTBEAT_DOWN, true, ANY, "the bridge is dis" },
			{ HEARTBEAT_ANSWERED, 3, HEARTBEAT_UP, true, BEAT, NULL },
			{ HEARTBEAT_UNANSWERED, 0, HEARTBEAT_DOWN, true, NOW,
				"no answer from the cloud since T1" } } },
};

static void check_step(struct heartbeat *heartbeat, const struct step *step, int number)
{
	char time[] = { 'T', (char)('0' + number), '\0' }, reason[HEARTBEAT_REASON_SIZE];
	struct heartbeat_event event = { .what = step->what, .took_ms = step->took_ms, .time = time };
	struct heartbeat_advice advice = heartbeat_take(heartbeat, &settings, &event);

	ck_assert_int_eq(heartbeat->link, step->link);
	ck_assert_int_eq(advice.tell, step->tell);
	if (step->pause_ms != ANY)
		ck_assert_uint_eq(advice.pause_ms, step->pause_ms);
	ck_assert_int_eq(heartbeat_reason(heartbeat, reason), step->reason != NULL);
	if (step->reason)
		ck_assert_msg(strncmp(reason, step->reason, strlen(step->reason)) == 0, "step %d: %s", number,
			reason);
}

static bool is_empty(const struct step *step)
{
	static const struct step empty = { 0 };

	return memcmp(step, &empty, sizeof empty) == 0;
}

START_TEST(test_story)
{
	const struct story *story = &stories[_i];
	struct heartbeat heartbeat;

	heartbeat_begin(&heartbeat, "start");
	for (int i = 0; i < LENGTH(story->steps) && !is_empty(&story->steps[i]); i++)
		check_step(&heartbeat, &story->steps[i], i);
}
END_TEST

START_TEST(test_timeout_grows_to_a_limit)
{
	static const uint32_t expected_ms[] = { 8000, 16000, 32000, 60000, 60000 };
	struct heartbeat heartbeat = { 0 };

	for (; heartbeat.unanswered < (unsigned)LENGTH(expected_ms); heartbeat.unanswered++)
		ck_assert_uint_eq(
			heartbeat_timeout_ms(&heartbeat, &settings), expected_ms[heartbeat.unanswered]);
	heartbeat.unanswered = 4000000000U;
	ck_assert_uint_eq(heartbeat_timeout_ms(&heartbeat, &settings), 60000);
}
END_TEST

START_TEST(test_timeout_that_is_long_stays)
{
	const struct bridge_settings slow = { .heartbeat_s = 3600, .echo_timeout_s = 1200 };
	struct heartbeat heartbeat = { 0 };

	ck_assert_uint_eq(heartbeat_timeout_ms(&heartbeat, &slow), 1200000);
	heartbeat.unanswered = 7;
	ck_assert_uint_eq(heartbeat_timeout_ms(&heartbeat, &slow), 1200000);
}
END_TEST

static struct heartbeat_advice take(struct heartbeat *heartbeat, enum heartbeat_what what, int64_t took_ms)
{
	return heartbeat_take(heartbeat, &settings,
		&(struct heartbeat_event) { .what = what, .took_ms = took_ms, .time = "T" });
}

START_TEST(test_round_trip_is_told_when_it_is_another)
{
	static const struct {
		int64_t took_ms;
		bool tell;
	} answers[] = { { 5, true }, { 30, false }, { 31, true }, { 20, false }, { 5, true }, { 100, true },
		{ 219, false }, { 221, true } };
	struct heartbeat heartbeat;

	heartbeat_begin(&heartbeat, "start");
	for (int i = 0; i < LENGTH(answers); i++)
		ck_assert_msg(
			take(&heartbeat, HEARTBEAT_ANSWERED, answers[i].took_ms).tell == answers[i].tell,
			"answer %d", i);
}
END_TEST

static void check_state(const struct heartbeat *heartbeat, const char *expected)
{
	struct devbus_json *state = heartbeat_state(heartbeat);
	char *text = state ? devbus_json_print(state) : NULL;

	if (expected)
		ck_assert_str_eq(text, expected);
	else
		ck_assert_ptr_null(state);
	free(text);
	devbus_json_free(state);
}

START_TEST(test_state)
{
	struct heartbeat heartbeat;

	heartbeat_begin(&heartbeat, "start");
	check_state(&heartbeat, NULL);
	take(&heartbeat, HEARTBEAT_ANSWERED, 7);
	check_state(&heartbeat, "{\"up\":true,\"since\":\"T\",\"rtt_ms\":7}");
	take(&heartbeat, HEARTBEAT_BRIDGE_DISCONNECTED, 0);
	check_state(&heartbeat, "{\"up\":false,\"since\":\"T\"}");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("heartbeat");
	TCase *tcase = tcase_create("heartbeat");

	tcase_add_loop_test(tcase, test_story, 0, LENGTH(stories));
	tcase_add_test(tcase, test_timeout_grows_to_a_limit);
	tcase_add_test(tcase, test_timeout_that_is_long_stays);
	tcase_add_test(tcase, test_round_trip_is_told_when_it_is_another);
	tcase_add_test(tcase, test_state);
	suite_add_tcase(suite, tcase);
	return unit_main(suite);
}
