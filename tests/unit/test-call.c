// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* Calls to others: exactly one outcome, whatever happens in between (protocol 5). */
#include "call-kit.h"
#include <errno.h>

/* ---- answers */

static const struct {
	const char *payload, *code, *result;
} answers[] = {
	{ "{\"result\":{\"value\":3}}", "", "{\"value\":3}" },
	{ "{\"result\":{}}", "", "{}" },
	{ "{\"error\":{\"code\":\"busy\",\"message\":\"later\"}}", "busy", "" },
	{ "{\"error\":{\"code\":\"My Word\",\"message\":\"m\"}}", "internal", "" },
	{ "{\"error\":{\"code\":\"own-word\"}}", "own-word", "" },
	{ "{}", "malformed", "" },
	{ "", "malformed", "" },
	{ "[1]", "malformed", "" },
	{ "nonsense", "malformed", "" },
	{ "{\"result\":3}", "malformed", "" },
	{ "{\"error\":\"x\"}", "malformed", "" },
	{ "{\"result\":{},\"error\":{\"code\":\"busy\"}}", "malformed", "" },
};

START_TEST(test_answers)
{
	const struct fake_record *request;

	start_and_call();
	request = kit_published(TOPIC);
	ck_assert_str_eq(request->payload, "{}");
	ck_assert_int_eq(request->qos, 0);
	ck_assert_int_eq(strncmp(request->response_topic, "service/unit/reply/", 19), 0);
	answer(request, answers[_i].payload);
	ck_assert_int_eq(outcomes, 1);
	ck_assert_str_eq(code, answers[_i].code);
	ck_assert_str_eq(result, answers[_i].result);
	ck_assert_int_eq(message[0] != '\0', answers[_i].code[0] != '\0' && _i != 4);
	answer(request, "{\"result\":{}}"); /* a second answer is nobody's */
	ck_assert_uint_eq(kit.bus->stats.messages_unmatched, 1);
	assert_silence();
}
END_TEST

static const struct {
	size_t size;
	int changed; /* this byte; -1: none */
} strangers[] = { { 0, -1 }, { 15, -1 }, { 16, 0 }, { 16, 8 }, { 17, -1 } };

START_TEST(test_answers_to_somebody_else)
{
	const struct fake_record *request;
	char correlation[17] = "";

	start_and_call();
	request = kit_published(TOPIC);
	ck_assert_uint_eq(request->correlation_size, 16);
	memcpy(correlation, request->correlation, 16);
	if (strangers[_i].changed >= 0)
		correlation[strangers[_i].changed] ^= 1;
	fake_link_deliver(&(struct link_message) { .topic = request->response_topic,
		.payload = "{\"result\":{}}",
		.payload_size = 13,
		.correlation = strangers[_i].size ? correlation : NULL,
		.correlation_size = strangers[_i].size });
	ck_assert_int_eq(outcomes, 0);
	answer(request, "{\"result\":{}}");
	ck_assert_str_eq(code, "");
	assert_silence();
}
END_TEST

/* Whoever was asked once knows what was sent to it, and may write to the topic of the answers; that must not do for the next question. */
START_TEST(test_answers_by_who_was_asked_before)
{
	const struct fake_record *first;
	uint64_t words[2];

	start_and_call();
	first = kit_published(TOPIC);
	memcpy(words, first->correlation, sizeof words);
	answer(first, "{\"result\":{}}");
	outcomes = 0;
	call();
	kit_settle();
	for (int i = 0; i < 9; i++) {
		uint64_t guess[2] = { words[0] + (uint64_t)(i / 3), words[1] + (uint64_t)(i % 3) };

		fake_link_deliver(&(struct link_message) { .topic = first->response_topic,
			.payload = "{\"result\":{}}",
			.payload_size = 13,
			.correlation = guess,
			.correlation_size = sizeof guess });
	}
	ck_assert_int_eq(outcomes, 0);
	ck_assert_uint_eq(kit.bus->stats.messages_unmatched, 9);
	answer(kit_published(TOPIC), "{\"result\":{}}");
	assert_silence();
}
END_TEST

/* ---- interleavings: any order of these letters, for one call that was sent */

struct interleaving {
	const char *steps; /* a: answer, c: cancel, d: deadline passes, l: connection lost, r: it is back */
	int outcomes;
	const char *code; /* of the last */
};

static const struct interleaving interleavings[] = {
	{ "a", 1, "" },
	{ "aa", 1, "" },
	{ "ad", 1, "" },
	{ "ac", 1, "" },
	{ "al", 1, "" },
	{ "d", 1, "timeout" },
	{ "da", 1, "timeout" },
	{ "dc", 1, "timeout" },
	{ "dd", 1, "timeout" },
	{ "c", 0, "" },
	{ "ca", 0, "" },
	{ "cd", 0, "" },
	{ "cc", 0, "" },
	{ "clra", 0, "" },
	{ "ld", 1, "timeout" },
	{ "lrd", 1, "timeout" },
	{ "lra", 1, "" }, /* not sent twice, but the answer may still come */
	{ "lrda", 1, "timeout" },
	{ "lcrd", 0, "" },
};

static void step(char letter, const struct fake_record *request)
{
	switch (letter) {
	case 'a':
		answer(request, "{\"result\":{}}");
		break;
	case 'c':
		devbus_cancel(kit.bus, last_id);
		break;
	case 'd':
		kit_turn(1000);
		break;
	case 'l':
		fake_link_lose("gone");
		break;
	default:
		kit_turn(500); /* at most: the back-off begins with 100 ms */
		kit_settle();
		break;
	}
}

START_TEST(test_exactly_one_outcome)
{
	const struct interleaving *interleaving = &interleavings[_i];
	const struct fake_record *request;

	start_and_call();
	request = kit_published(TOPIC);
	for (const char *letter = interleaving->steps; *letter; letter++)
		step(*letter, request);
	ck_assert_int_eq(outcomes, interleaving->outcomes);
	kit_turn(3600000);
	ck_assert_int_eq(outcomes, interleaving->outcomes);
	ck_assert_str_eq(code, interleaving->code);
	ck_assert_uint_eq(fake_link_count(FAKE_PUBLISH, TOPIC), 0);
	ck_assert_int_eq(devbus_cancel(kit.bus, last_id), -ENOENT);
}
END_TEST

START_TEST(test_deadline_to_the_millisecond)
{
	start_and_call();
	kit_turn(999);
	ck_assert_int_eq(outcomes, 0);
	kit_turn(1);
	ck_assert_int_eq(outcomes, 1);
	ck_assert_ptr_nonnull(strstr(message, "nobody answered"));
	ck_assert_uint_eq(kit.bus->stats.calls_timed_out, 1);
}
END_TEST

START_TEST(test_default_deadline)
{
	struct devbus_call unhurried = read_call;

	unhurried.timeout_ms = 0;
	kit_start();
	ck_assert_int_eq(devbus_call(kit.bus, &unhurried, NULL), 0);
	kit_turn(4999);
	ck_assert_int_eq(outcomes, 0);
	kit_turn(1);
	ck_assert_int_eq(outcomes, 1);
}
END_TEST

/* ---- the connection */

START_TEST(test_made_while_away)
{
	kit_open(0);
	call();
	kit_turn(500);
	kit_settle();
	answer(kit_published(TOPIC), "{\"result\":{}}");
	ck_assert_str_eq(code, "");
	assert_silence();
}
END_TEST

START_TEST(test_away_for_too_long)
{
	kit_open(0);
	call();
	kit_turn(1000);
	ck_assert_int_eq(outcomes, 1);
	ck_assert_str_eq(code, "timeout");
	ck_assert_ptr_nonnull(strstr(message, "was not sent"));
	kit_settle();
	ck_assert_ptr_null(kit_published(TOPIC));
}
END_TEST

static void call_while_busy(void)
{
	kit_start();
	fake_link->busy = true; /* with a helper that waits for the broker */
	call();
	kit_dispatch();
	ck_assert_ptr_null(kit_published(TOPIC));
}

START_TEST(test_lost_before_it_was_sent)
{
	call_while_busy();
	fake_link_lose("gone");
	kit_turn(1000);
	ck_assert_int_eq(outcomes, 1);
	ck_assert_str_eq(code, "timeout");
	ck_assert_ptr_nonnull(strstr(message, "was not sent"));
}
END_TEST

START_TEST(test_sent_by_the_next_connection)
{
	call_while_busy();
	fake_link_lose("gone");
	kit_turn(900);
	kit_settle();
	ck_assert(devbus_connected(kit.bus));
	answer(kit_published(TOPIC), "{\"result\":{}}");
	ck_assert_str_eq(code, "");
	ck_assert_ptr_null(kit_published(TOPIC));
	assert_silence();
}
END_TEST

/* Nobody waits for it any more: it must not be carried out either. */
START_TEST(test_not_sent_when_it_is_over)
{
	call_while_busy();
	if (_i == 0)
		kit_turn(1000);
	else
		ck_assert_int_eq(devbus_cancel(kit.bus, last_id), 0);
	ck_assert_str_eq(code, _i == 0 ? "timeout" : "");
	ck_assert(_i == 1 || strstr(message, "was not sent"));
	kit_settle();
	ck_assert_ptr_null(kit_published(TOPIC));
}
END_TEST

START_TEST(test_sent_in_the_order_in_which_they_were_made)
{
	struct devbus_call numbered = read_call;
	char service[16];

	kit_open(0);
	numbered.service = service;
	for (int i = 0; i < 5; i++) {
		snprintf(service, sizeof service, "s%d", i);
		ck_assert_int_eq(devbus_call(kit.bus, &numbered, NULL), 0);
	}
	kit_dispatch();
	kit_settle();
	kit_published("service/unit/status");
	for (int i = 0; i < 5; i++) {
		char topic[40];

		snprintf(topic, sizeof topic, "service/s%d/call/read", i);
		ck_assert_str_eq(fake_link_take(FAKE_PUBLISH, NULL)->name, topic);
	}
}
END_TEST

/* An answer can only be heard once the reply topic is subscribed: the call must not overtake that. */
START_TEST(test_not_before_the_reply_topic)
{
	static const struct devbus_field none[] = { { 0 } };

	if (_i ==
		0) { /* made while the link is busy with another subscription, and an acknowledgement comes first */
		kit_start();
		ck_assert_int_eq(devbus_publish(kit.bus, DEVBUS_EVENT, "x", none, NULL), 0);
		ck_assert_int_eq(devbus_subscribe(kit.bus, "x", NULL, 0, NULL, NULL), 0);
		call();
		fake_link->busy = false; /* the helper is back, its news are given out one by one */
		fake_link_acknowledge_all();
	} else { /* made while it connects */
		kit_open(0);
		kit_dispatch();
		call();
	}
	kit_settle();
	struct fake_record *request = kit_published(TOPIC);
	ck_assert_ptr_nonnull(request);
	struct fake_record *asked = fake_link_take(FAKE_SUBSCRIBE, request->response_topic);
	ck_assert_ptr_nonnull(asked);
	ck_assert_msg(asked < request, "the call was sent before its reply topic was subscribed");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("call");
	TCase *all = tcase_create("call");

	tcase_add_checked_fixture(all, set_up, kit_tear_down);
	tcase_add_loop_test(all, test_answers, 0, LENGTH(answers));
	tcase_add_loop_test(all, test_answers_to_somebody_else, 0, LENGTH(strangers));
	tcase_add_test(all, test_answers_by_who_was_asked_before);
	tcase_add_loop_test(all, test_exactly_one_outcome, 0, LENGTH(interleavings));
	tcase_add_test(all, test_deadline_to_the_millisecond);
	tcase_add_test(all, test_default_deadline);
	tcase_add_test(all, test_made_while_away);
	tcase_add_test(all, test_away_for_too_long);
	tcase_add_test(all, test_lost_before_it_was_sent);
	tcase_add_test(all, test_sent_by_the_next_connection);
	tcase_add_loop_test(all, test_not_sent_when_it_is_over, 0, 2);
	tcase_add_test(all, test_sent_in_the_order_in_which_they_were_made);
	tcase_add_loop_test(all, test_not_before_the_reply_topic, 0, 2);
	suite_add_tcase(suite, all);
	return unit_main(suite);
}
