// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* Subscriptions, which survive everything but being taken back. */
#include "subscribe-kit.h"
#include <errno.h>

/* ---- asking */

START_TEST(test_asked_for_now_and_after_each_reconnect)
{
	kit_open(0);
	subscribe("a/+", "a");
	kit_connect();
	subscribe("b/#", "b");
	kit_settle();
	struct fake_record *record = fake_link_take(FAKE_SUBSCRIBE, "b/#");
	ck_assert_int_eq(record->filter.qos, 1);
	ck_assert_uint_eq(fake_link_count(FAKE_SUBSCRIBE, NULL), 0);
	for (int i = 0; i < 2; i++) {
		reconnect();
		ck_assert_uint_eq(fake_link_count(FAKE_SUBSCRIBE, "a/+"), 1);
		ck_assert_uint_eq(fake_link_count(FAKE_SUBSCRIBE, "b/#"), 1);
		ck_assert_uint_eq(fake_link_count(FAKE_SUBSCRIBE, STATUS), 1);
	}
	fake_link_deliver_text("a/1", "{}");
	fake_link_deliver_text("b/1/2", "{}");
	ck_assert_str_eq(take_heard(), "a:a/1 b:b/1/2 ");
}
END_TEST

/* Made while the link is at something else: it comes next. */
START_TEST(test_asked_for_when_the_link_is_free)
{
	kit_start();
	subscribe("a", "a");
	subscribe("b", "b");
	ck_assert_uint_eq(fake_link_count(FAKE_SUBSCRIBE, NULL), 1);
	fake_link_finish();
	ck_assert_uint_eq(fake_link_count(FAKE_SUBSCRIBE, NULL), 2);
	fake_link_finish();
	ck_assert_uint_eq(fake_link_count(FAKE_SUBSCRIBE, NULL), 2);
	fake_link_lose("gone");
	kit_turn(60000);
	subscribe("c", "c"); /* while it connects */
	kit_settle();
	ck_assert_uint_eq(fake_link_count(FAKE_SUBSCRIBE, "c"), 1);
	fake_link_deliver_text("c", "{}");
	ck_assert_str_eq(take_heard(), "c:c ");
}
END_TEST

START_TEST(test_refusals)
{
	static const char *const filters[] = { "", "a/#/b", "a+", "$share/g/a", NULL };

	kit_start();
	subscribe("a", "a");
	for (int i = 0; i < LENGTH(filters); i++)
		ck_assert_int_eq(devbus_subscribe(kit.bus, filters[i], NULL, 0, on_message, NULL), -EINVAL);
	ck_assert_int_eq(devbus_unsubscribe(kit.bus, "b"), -ENOENT);
	ck_assert_int_eq(devbus_unsubscribe(kit.bus, STATUS), -ENOENT); /* the library's own */
}
END_TEST

/* Refused by the broker: said by the status until it is granted or no longer wanted. */
START_TEST(test_refused_filter)
{
	struct fake_record *record;

	kit_start();
	fake_link->refused = "secret";
	subscribe("secret", "s");
	kit_settle();
	record = kit_published(STATUS);
	kit_assert_member(record, "state", "degraded");
	ck_assert_ptr_nonnull(strstr(kit_member(record, "reason"), "secret"));
	reconnect();
	kit_assert_member(kit_published(STATUS), "state", "degraded");
	if (_i == 0) {
		fake_link->refused = NULL;
		reconnect();
	} else {
		ck_assert_int_eq(devbus_unsubscribe(kit.bus, "secret"), 0);
		kit_settle();
	}
	kit_assert_member(kit_published(STATUS), "state", "online");
	ck_assert_uint_eq(kit.bus->stats.subscriptions_refused, 2);
}
END_TEST

START_TEST(test_unsubscribe)
{
	kit_start();
	subscribe("a", "a");
	kit_settle();
	ck_assert_int_eq(devbus_unsubscribe(kit.bus, "a"), 0);
	ck_assert_uint_eq(fake_link_count(FAKE_UNSUBSCRIBE, "a"), 1);
	kit_settle();
	fake_link->link.events->message(
		kit.bus, &(struct link_message) { .topic = "a", .payload = "{}", .payload_size = 2 });
	ck_assert_str_eq(take_heard(), "");
	ck_assert_uint_eq(kit.bus->stats.messages_unmatched, 1);
	reconnect();
	ck_assert_uint_eq(fake_link_count(FAKE_SUBSCRIBE, "a"), 0);
}
END_TEST

START_TEST(test_same_filter_again_replaces)
{
	kit_start();
	subscribe("a", "1");
	kit_settle();
	subscribe("a", "2");
	kit_settle();
	fake_link_deliver_text("a", "{}");
	ck_assert_str_eq(take_heard(), "2:a ");
	ck_assert_int_eq(devbus_unsubscribe(kit.bus, "a"), 0);
	ck_assert_int_eq(devbus_unsubscribe(kit.bus, "a"), -ENOENT);
}
END_TEST

/* While the link is at something else, or away: the broker's session must not keep it for ever. */
START_TEST(test_unsubscribe_is_made_good)
{
	kit_start();
	subscribe("a", "a");
	if (_i == 1)
		kit_settle();
	if (_i == 2) {
		kit_settle();
		fake_link_lose("gone");
	}
	if (_i == 1)
		subscribe("b", "b");
	ck_assert_int_eq(devbus_unsubscribe(kit.bus, "a"), 0);
	subscribe("c", "c"); /* must not be taken for the one that went */
	if (_i == 2)
		kit_turn(60000);
	kit_settle();
	ck_assert(!granted("a"));
	ck_assert(granted("c"));
	fake_link_deliver_text("c", "{}");
	ck_assert_str_eq(take_heard(), "c:c ");
	subscribe("a", "A");
	kit_settle();
	ck_assert(granted("a"));
}
END_TEST

/* Messages that come meanwhile have the old number. */
START_TEST(test_replaced_without_a_gap)
{
	kit_start();
	subscribe("a", "1");
	kit_settle();
	subscribe("a", "2");
	fake_link_deliver_text("a", "{}");
	ck_assert_str_eq(take_heard(), "2:a ");
	kit_settle();
	ck_assert_uint_eq(fake_link_count(FAKE_UNSUBSCRIBE, NULL), 0);
	fake_link_deliver_text("a", "{}");
	ck_assert_str_eq(take_heard(), "2:a ");
}
END_TEST

static void block(struct devbus *bus, const char *topic, const void *payload, size_t size, bool retained,
	void *userdata)
{
	(void)bus, (void)topic, (void)payload, (void)size, (void)retained, (void)userdata;
	fake_clock_turn(&kit.time, 6000); /* past half of the keep-alive */
}

START_TEST(test_slow_raw_handler_is_counted)
{
	kit_start();
	ck_assert_int_eq(devbus_subscribe_raw(kit.bus, "a", block, NULL), 0);
	kit_settle();
	fake_link_deliver_text("a", "x");
	ck_assert_uint_eq(kit.bus->stats.handlers_slow, 1);
	ck_assert_uint_eq(kit.bus->stats.handler_slowest_ms, 6000);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("subscribe");
	TCase *all = tcase_create("subscribe");

	tcase_add_checked_fixture(all, set_up, kit_tear_down);
	tcase_add_test(all, test_asked_for_now_and_after_each_reconnect);
	tcase_add_test(all, test_asked_for_when_the_link_is_free);
	tcase_add_test(all, test_refusals);
	tcase_add_loop_test(all, test_refused_filter, 0, 2);
	tcase_add_test(all, test_unsubscribe);
	tcase_add_test(all, test_same_filter_again_replaces);
	tcase_add_loop_test(all, test_unsubscribe_is_made_good, 0, 3);
	tcase_add_test(all, test_replaced_without_a_gap);
	tcase_add_test(all, test_slow_raw_handler_is_counted);
	suite_add_tcase(suite, all);
	return unit_main(suite);
}
