// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* With confirm = ack: what the cloud's broker has, by its token, and nobody there acknowledges (protocol 6.5). */
#include "durable-kit.h"

static void start_with_ack(void)
{
	kit_setting("confirm", "ack");
	kit_setting("confirm_after_s", "10");
	serve_and_start();
}

static void acknowledge_as_cloud(int seq)
{
	char payload[100];

	snprintf(
		payload, sizeof payload, "{\"stream\":\"%s\",\"seq\":%d}", store_stream(kit.bus->store), seq);
	command("ack", payload);
}

/* A broker that was killed may have lost what it had taken: the echo proves that it had it, and nobody acknowledges. */
START_TEST(test_unacknowledged_is_sent_again)
{
	static const int64_t pauses_s[] = { 10, 20, 40, 80, 160, 320, 640, 640 };

	start_with_ack();
	publish_durable(3);
	acknowledge_all();
	assert_sent(1, 3);
	kit_turn(20 * 1000); /* its token is not back: the link may be down */
	ck_assert_int_eq(take_sent(), 0);
	echo(token_of(":3"));
	assert_waiting(3);
	for (size_t i = 0; i < LENGTH(pauses_s); i++) {
		kit_turn(1000 * pauses_s[i] - 1);
		ck_assert_int_eq(take_sent(), 0);
		kit_turn(1);
		acknowledge_all();
		assert_sent(1, 3);
		echo(token_of(":3"));
	}
	acknowledge_as_cloud(2);
	assert_waiting(1);
	kit_turn(10 * 1000 - 1); /* progress: soon again */
	ck_assert_int_eq(take_sent(), 0);
	kit_turn(1);
	acknowledge_all();
	assert_sent(3, 3);
	acknowledge_as_cloud(3);
	assert_waiting(0);
	echo(token_of(":3"));
	kit_turn(86400 * 1000);
	ck_assert_int_eq(take_sent(), 0);
}
END_TEST

/* What has no token back may still be on this side of the bridge: to send it again would only fill the bridge's queue. */
START_TEST(test_not_yet_at_the_cloud)
{
	start_with_ack();
	publish_durable(1);
	acknowledge_all();
	assert_sent(1, 1);
	echo(token_of(":1"));
	publish_durable(1);
	acknowledge_all();
	assert_sent(2, 2);
	acknowledge_as_cloud(1);
	kit_turn(20 * 1000); /* the link may be down since */
	ck_assert_int_eq(take_sent(), 0);
	echo(token_of(":2"));
	kit_turn(10 * 1000);
	acknowledge_all();
	assert_sent(2, 2);
}
END_TEST

/* It came through before the refused one in front of it: a gap to the cloud, which acknowledges what it has. */
START_TEST(test_behind_a_refused_one)
{
	enum { QUOTA_EXCEEDED = 0x97 };

	start_with_ack();
	publish_durable(2);
	fake_link_acknowledge(kit_published(EVENT_TOPIC), QUOTA_EXCEEDED);
	fake_link_acknowledge(kit_published(EVENT_TOPIC), 0);
	acknowledge_as_cloud(2);
	assert_waiting(2);
	kit_turn(1000);
	acknowledge_as_cloud(2); /* late */
	assert_waiting(2);
	acknowledge_all();
	assert_sent(1, 2);
	acknowledge_as_cloud(2);
	assert_waiting(0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("durable-ack");
	TCase *all = tcase_create("durable-ack");

	tcase_add_checked_fixture(all, serve_set_up, kit_tear_down);
	tcase_add_test(all, test_unacknowledged_is_sent_again);
	tcase_add_test(all, test_not_yet_at_the_cloud);
	tcase_add_test(all, test_behind_a_refused_one);
	suite_add_tcase(suite, all);
	return unit_main(suite);
}
