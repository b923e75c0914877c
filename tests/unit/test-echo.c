// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* The echo through the bridge: devbus_echo(), and how reliable events are held back while the bridge may be full (protocol 6.5). */
#include "durable-kit.h"

enum { WINDOW = BRIDGE_WINDOW_EVENTS, ASK_EVERY = WINDOW / 4 };

static int outcomes;
static int64_t outcome_ms;
static uint32_t next_timeout_ms; /* asked for again from inside the handler; 0: not */

static void on_echo(struct devbus *bus, int64_t took_ms, void *userdata)
{
	require(bus == kit.bus && strcmp(userdata, "mine") == 0);
	outcomes++;
	outcome_ms = took_ms;
	if (next_timeout_ms)
		require(devbus_echo(bus, next_timeout_ms, on_echo, userdata) == 0);
	next_timeout_ms = 0;
}

static int ask_echo(uint32_t timeout_ms)
{
	return devbus_echo(kit.bus, timeout_ms, on_echo, (void *)"mine");
}

#define assert_outcome(count, ms)                                                                            \
	do {                                                                                                 \
		ck_assert_int_eq(outcomes, count);                                                           \
		ck_assert_int_eq(outcome_ms, ms);                                                            \
	} while (0)

START_TEST(test_comes_back)
{
	struct fake_record *token;

	kit_start();
	ck_assert_int_eq(ask_echo(5000), 0);
	ck_assert_int_eq(ask_echo(5000), -EBUSY);
	token = token_of(":p1");
	ck_assert(token->qos == 1 && !token->retained);
	fake_link_acknowledge(token, 0);
	ck_assert_int_eq(outcomes, 0);
	kit_turn(120);
	echo(token);
	assert_outcome(1, 120);
	echo(token);
	kit_turn(60000);
	assert_outcome(1, 120);
	ck_assert_int_eq(ask_echo(5000), 0);
	token_of(":p2");
}
END_TEST

START_TEST(test_does_not_come_back)
{
	struct fake_record *late;

	kit_start();
	ck_assert_int_eq(ask_echo(5000), 0);
	late = token_of(":p1");
	kit_turn(4999);
	ck_assert_int_eq(outcomes, 0);
	kit_turn(1);
	assert_outcome(1, -ETIMEDOUT);
	echo(late);
	ck_assert_int_eq(ask_echo(5000), 0);
	echo(late); /* it is not the answer to this one */
	assert_outcome(1, -ETIMEDOUT);
	kit_turn(7);
	echo(token_of(":p2"));
	assert_outcome(2, 7);
}
END_TEST

/* Asked while the broker is away, or it goes away meanwhile: within its time it is asked again at the next connect. */
START_TEST(test_over_a_loss)
{
	struct fake_record *old;

	kit_open(0);
	ck_assert_int_eq(ask_echo(3600000), 0);
	no_token();
	kit_dispatch();
	fake_link_finish();
	old = token_of(":p1");
	reconnect();
	acknowledge_all();
	echo(old);
	ck_assert_int_eq(outcomes, 0);
	echo(token_of(":p1"));
	assert_outcome(1, 60000);
	reconnect();
	no_token();
	ck_assert_int_eq(ask_echo(1000), 0);
	fake_link_lose("gone");
	kit_turn(1000);
	assert_outcome(2, -ETIMEDOUT);
	kit_turn(60000);
	fake_link_finish();
	assert_outcome(2, -ETIMEDOUT);
}
END_TEST

START_TEST(test_again_from_the_handler)
{
	kit_start();
	next_timeout_ms = 1000;
	ck_assert_int_eq(ask_echo(5000), 0);
	echo(token_of(":p1"));
	assert_outcome(1, 0);
	next_timeout_ms = 2000;
	kit_turn(1000);
	assert_outcome(2, -ETIMEDOUT);
	token_of(":p2");
	echo(token_of(":p3"));
	assert_outcome(3, 0);
}
END_TEST

START_TEST(test_wrong_arguments)
{
	kit_start();
	ck_assert_int_eq(ask_echo(0), -EINVAL);
	ck_assert_int_eq(ask_echo(3600001), -EINVAL);
	ck_assert_int_eq(devbus_echo(kit.bus, 1, NULL, NULL), -EINVAL);
	no_token();
	ck_assert_int_eq(ask_echo(3600000), 0);
	kit_close(); /* without a call back */
	kit_open(DEVBUS_CALLER);
	ck_assert_int_eq(ask_echo(1), -EPERM);
	ck_assert_int_eq(devbus_batch_begin(kit.bus), -EPERM);
	ck_assert_int_eq(devbus_batch_commit(kit.bus), -EPERM);
	ck_assert_int_eq(outcomes, 0);
}
END_TEST

/* ---- reliable events */

static int acknowledged_and_sent(void)
{
	int sent = take_sent();

	kit_bridge_works();
	acknowledge_all();
	return sent + take_sent();
}

START_TEST(test_held_back)
{
	struct fake_record *token;

	kit_start();
	publish_many(DEVBUS_CLOUD_RELIABLE, WINDOW + 250);
	ck_assert_int_eq(acknowledged_and_sent(), WINDOW);
	ck_assert_uint_eq(outbox_count(kit.bus->outbox), 250);
	echo(token_of(":r100"));
	ck_assert_int_eq(acknowledged_and_sent(), ASK_EVERY);
	token_of(":r200");
	echo(token_of(":r300")); /* the one before it need not come back */
	ck_assert_int_eq(acknowledged_and_sent(), 150);
	while ((token = kit_published(TOKEN_TOPIC)))
		echo(token);
	ck_assert_uint_eq(outbox_count(kit.bus->outbox), 0);
	ck_assert_uint_eq(kit.bus->stats.messages_dropped, 0);
	publish_many(DEVBUS_CLOUD_RELIABLE, 300);
	ck_assert_int_eq(acknowledged_and_sent(), 300);
}
END_TEST

/* What an earlier connection gave the bridge may still be in its queue. */
START_TEST(test_first_window)
{
	kit_open(0);
	kit_dispatch();
	fake_link_finish();
	for (int i = 0; i < 2; i++) {
		publish_many(DEVBUS_CLOUD_RELIABLE, WINDOW);
		fake_link_acknowledge_all();
		ck_assert_int_eq(take_sent(), BRIDGE_WINDOW_FIRST);
		if (i == 1)
			break;
		fake_link_lose("gone");
		fake_link_take_all();
		kit_turn(60000);
		fake_link_finish();
	}
	echo(kit_published(TOKEN_TOPIC));
	fake_link_acknowledge_all();
	ck_assert_int_ge(take_sent(), WINDOW - BRIDGE_WINDOW_FIRST);
}
END_TEST

START_TEST(test_lost_token)
{
	static const int64_t pauses_s[] = { 30, 60, 120, 240, 480, 960, 1920, 3600, 3600 };
	struct fake_record *token;

	kit_start();
	publish_many(DEVBUS_CLOUD_RELIABLE, WINDOW + 10);
	acknowledged_and_sent();
	while (kit_published(TOKEN_TOPIC))
		;
	for (size_t i = 0; i < sizeof pauses_s / sizeof *pauses_s; i++) {
		kit_turn(1000 * pauses_s[i] - 1);
		no_token();
		kit_turn(1);
		token = token_of(":r400");
		acknowledge_all();
	}
	ck_assert_int_eq(take_sent(), 0);
	echo(token);
	ck_assert_int_eq(acknowledged_and_sent(), 10);
	kit_turn(2 * 3600 * 1000);
	no_token();
}
END_TEST

START_TEST(test_window_begins_anew)
{
	struct fake_record *old;

	kit_start();
	publish_many(DEVBUS_CLOUD_RELIABLE, WINDOW + 50);
	ck_assert_int_eq(acknowledged_and_sent(), WINDOW);
	old = token_of(":r100");
	reconnect();
	ck_assert_int_eq(acknowledged_and_sent(), 50);
	publish_many(DEVBUS_CLOUD_RELIABLE, WINDOW);
	ck_assert_int_eq(acknowledged_and_sent(), WINDOW - 50);
	echo(old);
	ck_assert_int_eq(acknowledged_and_sent(), 0);
	echo(token_of(":r500"));
	ck_assert_int_eq(acknowledged_and_sent(), 50);
}
END_TEST

static const enum devbus_publication others[] = { DEVBUS_EVENT, DEVBUS_STATE };

/* What stays on this device does not wait for the bridge. */
START_TEST(test_local_ones_go_on)
{
	kit_start();
	publish_many(DEVBUS_CLOUD_RELIABLE, WINDOW + 5);
	acknowledged_and_sent();
	publish_many(others[_i], 1);
	ck_assert_ptr_nonnull(kit_published(_i ? "service/unit/state/x" : "service/unit/event/x"));
	ck_assert_int_eq(take_sent(), 0);
}
END_TEST

/* The order is that in which they were published; all come through in the end. */
START_TEST(test_with_durable_ones)
{
	struct fake_record *token;
	int sent;

	kit_start();
	for (int i = 0; i < WINDOW + 100; i++) {
		publish_many(DEVBUS_CLOUD_RELIABLE, 1);
		publish_durable(1);
	}
	sent = acknowledged_and_sent();
	ck_assert_int_le(sent, 2 * WINDOW);
	for (; (token = kit_published(TOKEN_TOPIC)); sent += acknowledged_and_sent())
		echo(token);
	ck_assert_int_eq(sent, 2 * (WINDOW + 100));
	assert_waiting(0);
	ck_assert_uint_eq(outbox_count(kit.bus->outbox), 0);
}
END_TEST

static const char *const others_confirm[] = { "ack", "time" };

/* Without an echo nobody would tell how far they are. */
START_TEST(test_no_window_without_an_echo)
{
	kit_setting("confirm", others_confirm[_i]);
	kit_start();
	publish_many(DEVBUS_CLOUD_RELIABLE, WINDOW + 300);
	ck_assert_int_eq(acknowledged_and_sent(), WINDOW + 300);
	no_token();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("echo");
	TCase *all = tcase_create("echo");

	tcase_add_checked_fixture(all, serve_set_up, kit_tear_down);
	tcase_set_timeout(all, 60);
	tcase_add_test(all, test_comes_back);
	tcase_add_test(all, test_does_not_come_back);
	tcase_add_test(all, test_over_a_loss);
	tcase_add_test(all, test_again_from_the_handler);
	tcase_add_test(all, test_wrong_arguments);
	tcase_add_test(all, test_held_back);
	tcase_add_test(all, test_first_window);
	tcase_add_test(all, test_lost_token);
	tcase_add_test(all, test_window_begins_anew);
	tcase_add_loop_test(all, test_local_ones_go_on, 0, LENGTH(others));
	tcase_add_test(all, test_with_durable_ones);
	tcase_add_loop_test(all, test_no_window_without_an_echo, 0, LENGTH(others_confirm));
	suite_add_tcase(suite, all);
	return unit_main(suite);
}
