// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* Durable events that the broker refuses: for ever, which is a loss, or for now, which must not be one (MQTT 5.0 3.4.2.1). */
#include "durable-kit.h"

enum { WINDOW = BRIDGE_WINDOW_EVENTS, INVALID = 0x90, NOT_AUTHORIZED = 0x87, QUOTA_EXCEEDED = 0x97 };

/* ---- for ever */

START_TEST(test_refused_event)
{
	struct fake_record *sent[3];

	kit_start();
	publish_durable(3);
	for (int i = 0; i < 3; i++)
		sent[i] = kit_published(EVENT_TOPIC);
	fake_link_acknowledge(sent[0], 0);
	fake_link_acknowledge(sent[1], INVALID);
	assert_waiting(2);
	ck_assert_uint_eq(kit.bus->stats.events_dropped, 1);
	ck_assert_uint_eq(kit.bus->stats.messages_refused, 1);
	reconnect();
	fake_link_acknowledge(kit_published(EVENT_TOPIC), 0);
	assert_sent(3, 3); /* not 2 again */
	acknowledge_all();
	publish_durable(2);
	kit_assert_member(kit_published(EVENT_TOPIC), "dropped", "1");
	kit_assert_member(kit_published(EVENT_TOPIC), "dropped", "(absent)");
	token_of(":3");
	acknowledge_all();
	echo(token_of(":5"));
	assert_waiting(0);
	ck_assert_uint_eq(kit.bus->stats.events_confirmed, 4);
}
END_TEST

static void refuse_all(void)
{
	kit_bridge_works();
	for (size_t i = 0; i < fake_link->count; i++)
		if (fake_link->records[i].kind == FAKE_PUBLISH && !fake_link->records[i].acknowledged)
			fake_link_acknowledge(&fake_link->records[i],
				strcmp(fake_link->records[i].name, EVENT_TOPIC) == 0 ? INVALID : 0);
}

static const char *const modes[] = { "echo", "ack", "time" };

/* Nobody beyond the bridge confirms what never got there: it must not fill the window for ever. */
START_TEST(test_refused_events_do_not_stall)
{
	kit_setting("confirm", modes[_i]);
	kit_start();
	publish_durable(WINDOW + 100);
	refuse_all();
	ck_assert_int_eq(take_sent(), WINDOW + 100);
	assert_waiting(0);
	ck_assert_uint_eq(kit.bus->stats.events_dropped, WINDOW + 100);
	publish_durable(1);
	assert_sent(WINDOW + 101, WINDOW + 101);
}
END_TEST

/* Given up for want of room while it was on its way, and then refused: one loss, told once. */
START_TEST(test_dropped_and_refused)
{
	struct fake_record *first;

	kit_setting("outbox_limit_bytes", "65536");
	kit_start();
	ck_assert_int_eq(publish_one(DEVBUS_CLOUD_DURABLE, 40000), 0);
	first = kit_published(EVENT_TOPIC);
	ck_assert_int_eq(publish_one(DEVBUS_CLOUD_DURABLE, 40000), 0);
	ck_assert_uint_eq(kit.bus->stats.events_dropped, 1);
	fake_link_acknowledge(first, INVALID);
	ck_assert_uint_eq(kit.bus->stats.events_dropped, 1);
	assert_waiting(1);
}
END_TEST

/* ---- for now */

static const int for_now[] = { 0x80, 0x83, NOT_AUTHORIZED, 0x91, QUOTA_EXCEEDED };

START_TEST(test_refused_for_now)
{
	struct fake_record *sent[3];

	kit_start();
	publish_durable(3);
	for (int i = 0; i < 3; i++)
		sent[i] = kit_published(EVENT_TOPIC);
	fake_link_acknowledge(sent[0], 0);
	fake_link_acknowledge(sent[1], for_now[_i]);
	fake_link_acknowledge(sent[2], 0);
	kit_dispatch();
	echo(token_of(":1")); /* and no further: the second one is not with the broker */
	no_token();
	assert_waiting(2);
	ck_assert_uint_eq(kit.bus->stats.events_dropped, 0);
	ck_assert_uint_eq(kit.bus->stats.messages_refused, 1);
	publish_durable(1);
	assert_sent(2, 1); /* what is new waits behind it */
	kit_turn(1000);
	assert_sent(2, 2);
	acknowledge_all();
	assert_sent(3, 4);
	echo(token_of(":2"));
	echo(token_of(":4"));
	assert_waiting(0);
	ck_assert_uint_eq(kit.bus->stats.events_confirmed, 4);
}
END_TEST

/* The next one that was sent is number @number, and it is refused. */
static void refuse_next(const char *number)
{
	struct fake_record *record = kit_published(EVENT_TOPIC);

	kit_assert_member(record, "seq", number);
	fake_link_acknowledge(record, QUOTA_EXCEEDED);
	ck_assert_ptr_null(kit_published(EVENT_TOPIC));
}

START_TEST(test_asked_ever_more_rarely)
{
	kit_start();
	publish_durable(1);
	refuse_next("1");
	publish_durable(WINDOW + 50);
	for (int64_t wait_ms = 1000; wait_ms < 300 * 1000; wait_ms *= 2) {
		kit_turn(wait_ms - 1);
		assert_sent(2, 1);
		kit_turn(1);
		refuse_next("1");
	}
	for (int i = 0; i < 3; i++) {
		kit_turn(300 * 1000);
		refuse_next("1");
	}
	kit_turn(300 * 1000);
	acknowledge_all();
	assert_sent(1, WINDOW);
	publish_durable(1);
	for (struct fake_record *token; (token = kit_published(TOKEN_TOPIC)); acknowledge_all())
		echo(token);
	assert_sent(WINDOW + 1, WINDOW + 52);
	publish_durable(1);
	refuse_next("453"); /* all was well in between: soon again */
	kit_turn(1000);
	assert_sent(453, 453);
}
END_TEST

START_TEST(test_refused_and_reconnected)
{
	kit_start();
	publish_durable(3);
	fake_link_acknowledge(kit_published(EVENT_TOPIC), NOT_AUTHORIZED);
	reconnect();
	acknowledge_all();
	assert_sent(1, 3);
	echo(token_of(":3"));
	assert_waiting(0);
	kit_turn(300 * 1000);
	assert_sent(4, 3);
}
END_TEST

/* The oldest goes first when there is no room, also when it is the one that holds up the others. */
START_TEST(test_refused_until_there_is_no_room)
{
	kit_setting("outbox_limit_bytes", "65536");
	kit_start();
	ck_assert_int_eq(publish_one(DEVBUS_CLOUD_DURABLE, 30000), 0);
	refuse_next("1");
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(publish_one(DEVBUS_CLOUD_DURABLE, 30000), 0);
	ck_assert_uint_eq(kit.bus->stats.events_dropped, 2);
	kit_turn(1000);
	acknowledge_all();
	assert_sent(3, 3);
	publish_durable(3);
	acknowledge_all();
	assert_sent(4, 6);
	echo(token_of(":3"));
	echo(token_of(":6"));
	assert_waiting(0);
}
END_TEST

START_TEST(test_refused_is_shown)
{
	kit_start();
	publish_durable(1);
	refuse_next("1");
	ck_assert_str_eq(state_now(), "degraded");
	kit_turn(1000);
	ck_assert_str_eq(state_now(), "online");
}
END_TEST

START_TEST(test_refused_until_it_is_too_old)
{
	kit_start();
	publish_durable(1);
	refuse_next("1");
	kit_turn(721 * (int64_t)3600 * 1000);
	refuse_next("1");
	ck_assert_uint_eq(kit.bus->stats.events_dropped, 1);
	ck_assert_str_eq(state_now(), "degraded");
	kit_turn(2000);
	ck_assert_str_eq(state_now(), "online");
}
END_TEST

/* What the link cannot even send is with nobody. */
START_TEST(test_link_refuses)
{
	kit_start();
	fake_link->publish_result = -EINVAL;
	publish_durable(3);
	fake_link->publish_result = 0;
	assert_waiting(3);
	ck_assert_uint_eq(kit.bus->stats.events_dropped, 0);
	kit_turn(1000);
	acknowledge_all();
	assert_sent(1, 3);
	for (struct fake_record *token; (token = kit_published(TOKEN_TOPIC));)
		echo(token);
	assert_waiting(0);
	publish_durable(1);
	kit_assert_member(kit_published(EVENT_TOPIC), "dropped", "(absent)");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("durable-refused");
	TCase *all = tcase_create("durable-refused");

	tcase_add_checked_fixture(all, serve_set_up, kit_tear_down);
	tcase_set_timeout(all, 60);
	tcase_add_test(all, test_refused_event);
	tcase_add_loop_test(all, test_refused_events_do_not_stall, 0, LENGTH(modes));
	tcase_add_test(all, test_dropped_and_refused);
	tcase_add_loop_test(all, test_refused_for_now, 0, LENGTH(for_now));
	tcase_add_test(all, test_asked_ever_more_rarely);
	tcase_add_test(all, test_refused_and_reconnected);
	tcase_add_test(all, test_refused_until_there_is_no_room);
	tcase_add_test(all, test_refused_is_shown);
	tcase_add_test(all, test_refused_until_it_is_too_old);
	tcase_add_test(all, test_link_refuses);
	suite_add_tcase(suite, all);
	return unit_main(suite);
}
