// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* Which services must be asked after the broker's return, and which may be said to be lost, without a broker. */
#include "../../services/bridge/roster.h"
#include "unit.h"

#include <stdio.h>
#include <string.h>

static struct roster roster;

static void set_up(void)
{
	roster_begin(&roster, "bridge", 0);
}

static void tear_down(void)
{
	roster_clear(&roster);
}

/* ---- what comes in */

enum how { RETAINED, QUEUED, LIVE }; /* queued: it waited in our session, and comes without the flag */

static bool hear(const char *name, const char *state, int incarnation, enum how how)
{
	char text[200];
	struct devbus_json *status = NULL;
	struct roster_message message = {
		.name = name, .retained = how == RETAINED, .connected = how == LIVE
	};
	bool settled;

	if (state) {
		snprintf(text, sizeof text,
			"{\"state\":\"%s\",\"time\":\"then\",\"pid\":7,\"boot_id\":\"b1\",\"incarnation\":%d}",
			state, incarnation);
		ck_assert_int_eq(devbus_json_parse(text, strlen(text), &status, NULL), 0);
	}
	message.status = status;
	settled = roster_heard(&roster, &message, 1000);
	devbus_json_free(status);
	return settled;
}

static void connect_again(void)
{
	static int incarnation;

	ck_assert(hear("bridge", "online", ++incarnation, LIVE));
	ck_assert(!hear("bridge", "degraded", incarnation, LIVE));
}

static void check_suspect(const char *name)
{
	const char *asked = roster_ask(&roster);

	if (name)
		ck_assert_str_eq(asked, name);
	else
		ck_assert_ptr_null(asked);
	ck_assert_int_eq(roster_has_suspects(&roster), name != NULL);
}

/* ---- suspicion */

START_TEST(test_retained_status_proves_nothing)
{
	static const struct {
		const char *state;
		bool suspect;
	} states[] = { { "starting", true }, { "online", true }, { "degraded", true }, { "offline", false },
		{ "lost", false }, { "a word of tomorrow", false } };

	hear("sensor", states[_i].state, 4, RETAINED);
	connect_again();
	check_suspect(states[_i].suspect ? "sensor" : NULL);
	ck_assert(roster_knows(&roster, "sensor"));
}
END_TEST

START_TEST(test_status_that_comes_now_is_a_proof)
{
	hear("sensor", "online", 4, RETAINED);
	connect_again();
	hear("sensor", "degraded", 4, LIVE);
	check_suspect(NULL);
}
END_TEST

START_TEST(test_new_incarnation_is_a_proof)
{
	hear("sensor", "online", 4, RETAINED);
	connect_again();
	hear("sensor", "online", 4, LIVE);
	hear("sensor", "online", 5, RETAINED); /* it was faster than we after the next restart */
	connect_again();
	check_suspect(NULL);
}
END_TEST

START_TEST(test_proof_ends_with_the_epoch)
{
	connect_again();
	hear("sensor", "online", 4, LIVE);
	check_suspect(NULL);
	hear("sensor", "online", 4, RETAINED);
	connect_again();
	check_suspect("sensor");
}
END_TEST

START_TEST(test_proof_ends_with_the_epoch_when_the_broker_forgot_all)
{
	connect_again();
	hear("sensor", "online", 4, LIVE);
	connect_again();
	check_suspect("sensor");
}
END_TEST

START_TEST(test_status_from_our_queue_proves_nothing)
{
	hear("sensor", "online", 4, QUEUED);
	hear("sensor", "online", 4, RETAINED);
	connect_again();
	check_suspect("sensor");
}
END_TEST

START_TEST(test_status_of_an_earlier_boot_proves_nothing)
{
	connect_again();
	snprintf(roster.boot_id, sizeof roster.boot_id, "b2");
	hear("sensor", "online", 5, LIVE);
	check_suspect("sensor");
}
END_TEST

START_TEST(test_will_of_an_earlier_connection_is_ignored)
{
	connect_again();
	hear("sensor", "online", 5, LIVE);
	hear("sensor", "lost", 4, RETAINED);
	connect_again();
	check_suspect("sensor");
}
END_TEST

START_TEST(test_own_birth_counts_only_when_it_is_one)
{
	connect_again();
	ck_assert(!hear("bridge", "online", 99, RETAINED));
	ck_assert(!hear("bridge", "lost", 99, LIVE));
	ck_assert(!hear("bridge", NULL, 0, LIVE));
	ck_assert(hear("bridge", "degraded", 100, LIVE));
}
END_TEST

START_TEST(test_roster_settles_without_a_birth)
{
	ck_assert(!roster_settle_late(&roster, false, 50000)); /* the broker is not there yet */
	ck_assert(!roster_settle_late(&roster, true, 50000));
	ck_assert(!roster_settle_late(&roster, true, 49999 + ROSTER_SETTLE_MAX_MS));
	ck_assert(roster_settle_late(&roster, true, 50000 + ROSTER_SETTLE_MAX_MS));
	ck_assert(roster.settled);
	ck_assert(!roster_settle_late(&roster, true, 90000 + ROSTER_SETTLE_MAX_MS));
}
END_TEST

/* ---- asking, and the verdict */

static void check_lost(const char *name, const char *expected)
{
	struct devbus_json *status = roster_lost(&roster, name, "now");
	char *text = status ? devbus_json_print(status) : NULL;

	if (expected)
		ck_assert_str_eq(text, expected);
	else
		ck_assert_ptr_null(status);
	free(text);
	devbus_json_free(status);
}

START_TEST(test_lost_says_who_it_was)
{
	hear("sensor", "degraded", 4, RETAINED);
	connect_again();
	check_suspect("sensor");
	ck_assert_ptr_null(roster_ask(&roster)); /* once */
	check_lost("sensor",
		"{\"state\":\"lost\",\"time\":\"now\",\"pid\":7,\"boot_id\":\"b1\",\"incarnation\":4,"
		"\"reason\":\"no sign of life since the broker's return\"}");
	check_suspect(NULL);
	check_lost("sensor", NULL);
	ck_assert(roster_knows(&roster, "sensor"));
	hear("sensor", "online", 4, LIVE); /* it was alive all the same, and corrects us */
	check_suspect(NULL);
}
END_TEST

START_TEST(test_lost_has_the_highest_incarnation)
{
	struct devbus_json *status;
	double incarnation = 0;

	connect_again();
	hear("sensor", "online", 9, LIVE);
	hear("sensor", "online", 4, RETAINED); /* the broker has come back with an older one */
	connect_again();
	check_suspect("sensor");
	status = roster_lost(&roster, "sensor", "now");
	devbus_json_number(devbus_json_get(status, "incarnation"), &incarnation);
	ck_assert(incarnation == 9);
	devbus_json_free(status);
}
END_TEST

START_TEST(test_answer_or_birth_saves_it)
{
	hear("sensor", "online", 4, RETAINED);
	hear("config", "online", 2, RETAINED);
	connect_again();
	ck_assert_str_eq(roster_ask(&roster), "sensor");
	ck_assert_str_eq(roster_ask(&roster), "config");
	roster_answered(&roster, "sensor");
	hear("config", "online", 3, LIVE);
	check_lost("sensor", NULL);
	check_lost("config", NULL);
	check_suspect(NULL);
}
END_TEST

START_TEST(test_nobody_is_lost_while_we_connect)
{
	hear("sensor", "online", 4, RETAINED);
	connect_again();
	check_suspect("sensor");
	hear("sensor", "online", 4, RETAINED); /* the next epoch begins */
	check_lost("sensor", NULL);
	connect_again();
	check_suspect("sensor");
}
END_TEST

START_TEST(test_asked_again_when_the_broker_did_not_answer)
{
	hear("sensor", "online", 4, RETAINED);
	connect_again();
	check_suspect("sensor");
	roster_ask_again(&roster, "sensor");
	check_suspect("sensor");
	roster_ask_again(&roster, "nobody");
	roster_answered(&roster, "nobody");
	check_lost("nobody", NULL);
}
END_TEST

/* ---- names */

START_TEST(test_names)
{
	ck_assert(roster_knows(&roster, "bridge"));
	ck_assert(!roster_knows(&roster, "sensor"));
	hear("sensor", "offline", 4, RETAINED);
	hear("rubbish", "", 1, RETAINED);
	ck_assert(roster_knows(&roster, "sensor"));
	ck_assert(!roster_knows(&roster, "rubbish"));
	hear("sensor", NULL, 0, LIVE);
	ck_assert(!roster_knows(&roster, "sensor"));
	hear("never", NULL, 0, LIVE);
}
END_TEST

START_TEST(test_full_roster_knows_everybody)
{
	char name[16];

	for (int i = 0; i < ROSTER_MAX + 5; i++) {
		snprintf(name, sizeof name, "s%d", i);
		hear(name, "online", 1, LIVE);
		ck_assert(roster_knows(&roster, name));
	}
	ck_assert_uint_eq(roster.count, ROSTER_MAX);
	ck_assert(roster_knows(&roster, "nobody"));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("roster");
	TCase *tcase = tcase_create("roster");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_loop_test(tcase, test_retained_status_proves_nothing, 0, 6);
	tcase_add_test(tcase, test_status_that_comes_now_is_a_proof);
	tcase_add_test(tcase, test_new_incarnation_is_a_proof);
	tcase_add_test(tcase, test_proof_ends_with_the_epoch);
	tcase_add_test(tcase, test_proof_ends_with_the_epoch_when_the_broker_forgot_all);
	tcase_add_test(tcase, test_status_from_our_queue_proves_nothing);
	tcase_add_test(tcase, test_status_of_an_earlier_boot_proves_nothing);
	tcase_add_test(tcase, test_will_of_an_earlier_connection_is_ignored);
	tcase_add_test(tcase, test_own_birth_counts_only_when_it_is_one);
	tcase_add_test(tcase, test_roster_settles_without_a_birth);
	tcase_add_test(tcase, test_lost_says_who_it_was);
	tcase_add_test(tcase, test_lost_has_the_highest_incarnation);
	tcase_add_test(tcase, test_answer_or_birth_saves_it);
	tcase_add_test(tcase, test_nobody_is_lost_while_we_connect);
	tcase_add_test(tcase, test_asked_again_when_the_broker_did_not_answer);
	tcase_add_test(tcase, test_names);
	tcase_add_test(tcase, test_full_roster_knows_everybody);
	suite_add_tcase(suite, tcase);
	return unit_main(suite);
}
