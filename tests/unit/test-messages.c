// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* Messages that come in: parsed once, handed to each handler that wants them, once. */
#include "subscribe-kit.h"
#include <errno.h>

static int on_config(struct devbus *bus, const void *values, void *userdata)
{
	(void)bus, (void)userdata;
	if (((const struct value *)values)->number > 0)
		note("C", "service/config/state/unit", "");
	return 0;
}

/* ---- delivering */

static const struct {
	const char *payload, *text;
	int number; /* -1: it does not fit */
} payloads[] = {
	{ "{\"number\":3,\"text\":\"abc\"}", "abc", 3 },
	{ "{\"number\":0,\"unknown\":[1]}", "none", 0 },
	{ "{\"number\":10}", "", -1 },
	{ "{\"number\":\"3\"}", "", -1 },
	{ "{\"text\":\"abc\"}", "", -1 },
	{ "{\"number\":3,\"number\":3}", "", -1 },
	{ "{\"number\":3}x", "", -1 },
	{ "[3]", "", -1 },
	{ "3", "", -1 },
	{ "\xff", "", -1 },
};

START_TEST(test_with_a_table)
{
	bool fits = payloads[_i].number >= 0;

	kit_start();
	ck_assert_int_eq(
		devbus_subscribe(kit.bus, "t", fields, sizeof(struct value), on_message, (void *)"t"), 0);
	kit_settle();
	fake_link_deliver(&(struct link_message) { .topic = "t",
		.payload = payloads[_i].payload,
		.payload_size = strlen(payloads[_i].payload),
		.retained = true,
		.qos = 1 });
	ck_assert_str_eq(take_heard(), fits ? "t:t " : "");
	ck_assert_uint_eq(kit.bus->stats.messages_malformed, !fits);
	if (fits) {
		ck_assert_int_eq(last.number, payloads[_i].number);
		ck_assert_str_eq(last.text, payloads[_i].text);
		ck_assert(last_retained && last_qos == 1);
	}
	fake_link_deliver_text("t", "");
	ck_assert_str_eq(take_heard(), "t:t(empty) ");
}
END_TEST

START_TEST(test_larger_than_the_limit)
{
	char text[1100] = "{\"a\":\"";

	kit_setting("payload_limit_bytes", "1024");
	kit_start();
	subscribe("t", "t");
	kit_settle();
	memset(text + 6, 'x', 1024 - 8);
	strcpy(text + 6 + 1024 - 8, "\"}");
	fake_link_deliver_text("t", text);
	ck_assert_str_eq(take_heard(), "t:t ");
	strcpy(text + 6 + 1024 - 8, "x\"}");
	fake_link_deliver_text("t", text);
	ck_assert_str_eq(take_heard(), "");
	ck_assert_uint_eq(kit.bus->stats.messages_malformed, 1);
}
END_TEST

/* The broker sends a message once for each filter; each handler gets it once, whatever the order of subscribing. */
START_TEST(test_overlapping_filters)
{
	static const char *const orders[][3] = {
		{ "service/+/status", STATUS, "service/#" },
		{ STATUS, "service/#", "service/+/status" },
		{ "service/#", "service/+/status", STATUS },
	};

	kit_start(); /* the library has subscribed to STATUS as well */
	for (int i = 0; i < 3; i++)
		subscribe(orders[_i][i], orders[_i][i]);
	kit_settle();
	fake_link_deliver_text(STATUS, "{\"state\":\"lost\"}");
	for (int i = 0; i < 3; i++) {
		char once[100];

		snprintf(once, sizeof once, "%s:" STATUS " ", orders[_i][i]);
		char *found = strstr(heard, once);
		ck_assert_msg(found != NULL, "%s is not in %s", once, heard);
		ck_assert_ptr_null(strstr(found + 1, once));
	}
	ck_assert_uint_eq(fake_link_count(FAKE_PUBLISH, STATUS), 1); /* the library's own handler heard it */
}
END_TEST

/* Two handlers of one filter: the broker keeps the number of the later one only, and a wildcard before them has no part in it. */
START_TEST(test_one_filter_twice)
{
	static const char filter[] = "service/config/state/unit";

	kit_start();
	subscribe("service/+/state/+", "w");
	ck_assert_int_eq(devbus_config(kit.bus, fields, sizeof(struct value), on_config, NULL), 0);
	subscribe(filter, "u");
	kit_settle();
	fake_link_deliver_text(filter, "{\"values\":{\"number\":1}}");
	ck_assert_uint_eq(strlen(heard), 3 * strlen("w:service/config/state/unit "));
	ck_assert_ptr_nonnull(strstr(heard, "w:"));
	ck_assert_ptr_nonnull(strstr(heard, "u:"));
	ck_assert_ptr_nonnull(strstr(heard, "C:"));
	take_heard();
	ck_assert_int_eq(devbus_unsubscribe(kit.bus, filter), 0);
	kit_settle();
	ck_assert_uint_eq(fake_link_count(FAKE_UNSUBSCRIBE, NULL), 0); /* the other one still wants it */
	fake_link_deliver_text(filter, "{\"values\":{\"number\":2}}");
	ck_assert_ptr_nonnull(strstr(heard, "C:"));
	ck_assert_ptr_null(strstr(heard, "u:"));
}
END_TEST

/* A broker that knows no numbers, or has those of an older version: then the topic decides. */
START_TEST(test_foreign_number)
{
	static const uint32_t numbers[] = { 0, 1, 77, 268435455 };

	kit_start();
	subscribe("a/+", "a");
	kit_settle();
	fake_link->link.events->message(kit.bus,
		&(struct link_message) {
			.topic = "a/1", .payload = "{}", .payload_size = 2, .subscription_id = numbers[_i] });
	ck_assert_str_eq(take_heard(), "a:a/1 ");
}
END_TEST

/* ---- from inside a handler */

static void unsubscribe_itself(struct devbus *bus, const char *letter)
{
	(void)letter;
	ck_assert_int_eq(devbus_unsubscribe(bus, "a/+"), 0);
}

static void replace_itself(struct devbus *bus, const char *letter)
{
	ck_assert_int_eq(devbus_subscribe(bus, "a/+", NULL, 0, on_message, (void *)letter), 0);
}

static void subscribe_many(struct devbus *bus, const char *letter)
{
	char filter[32];

	for (int i = 0; i < 40; i++) {
		snprintf(filter, sizeof filter, "many/%d", i);
		ck_assert_int_eq(devbus_subscribe(bus, filter, NULL, 0, on_message, (void *)letter), 0);
	}
}

static void there_and_back(struct devbus *bus, const char *letter)
{
	ck_assert_int_eq(devbus_subscribe(bus, "gone", NULL, 0, on_message, (void *)letter), 0);
	ck_assert_int_eq(devbus_unsubscribe(bus, "gone"), 0);
	ck_assert_int_eq(devbus_subscribe(bus, "stays", NULL, 0, on_message, (void *)letter), 0);
}

static const struct {
	void (*meddle)(struct devbus *bus, const char *letter);
	const char *first, *second;
} meddlers[] = {
	{ unsubscribe_itself, "a:a/1 ", "" },
	{ replace_itself, "a:a/1 ", "a:a/1 " },
	{ subscribe_many, "a:a/1 ", "a:a/1 " },
	{ there_and_back, "a:a/1 ", "a:a/1 " },
};

/* With the filter's own number, and by topic. */
START_TEST(test_handlers_change_subscriptions)
{
	struct link_message message = { .topic = "a/1", .payload = "{}", .payload_size = 2 };

	kit_start();
	subscribe("x", "x"); /* a gap in the numbers */
	subscribe("a/+", "a");
	kit_settle();
	ck_assert_int_eq(devbus_unsubscribe(kit.bus, "x"), 0);
	kit_settle();
	meddle = meddlers[_i % 4].meddle;
	message.subscription_id = _i < 4 ? 3 : 0;
	fake_link->link.events->message(kit.bus, &message);
	ck_assert_str_eq(take_heard(), meddlers[_i % 4].first);
	meddle = NULL;
	kit_settle();
	fake_link->link.events->message(kit.bus, &message);
	ck_assert_str_eq(take_heard(), meddlers[_i % 4].second);
	ck_assert(!granted("gone"));
	if (meddlers[_i % 4].meddle == there_and_back)
		ck_assert_uint_eq(fake_link_count(FAKE_SUBSCRIBE, "stays"), 1);
}
END_TEST

/* ---- callers */

static void on_raw(struct devbus *bus, const char *topic, const void *payload, size_t size, bool retained,
	void *userdata)
{
	(void)bus;
	snprintf(heard, sizeof heard, "%s=%s/%zu/%d", topic, (const char *)payload, size, retained);
	ck_assert_str_eq(userdata, "raw");
}

START_TEST(test_raw)
{
	kit_open(DEVBUS_CALLER);
	ck_assert_int_eq(devbus_subscribe_raw(kit.bus, "#", on_raw, (void *)"raw"), 0);
	kit_connect();
	fake_link_deliver_text("any/thing", "no JSON");
	ck_assert_str_eq(take_heard(), "any/thing=no JSON/7/0");
	ck_assert_int_eq(devbus_subscribe_raw(kit.bus, "a/#/b", on_raw, NULL), -EINVAL);
	fake_link->refused = "x";
	ck_assert_int_eq(devbus_subscribe_raw(kit.bus, "x", on_raw, (void *)"raw"), 0);
	kit_settle();
	ck_assert_int_eq(devbus_unsubscribe(kit.bus, "#"), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("messages");
	TCase *all = tcase_create("messages");

	tcase_add_checked_fixture(all, set_up, kit_tear_down);
	tcase_add_loop_test(all, test_with_a_table, 0, LENGTH(payloads));
	tcase_add_test(all, test_larger_than_the_limit);
	tcase_add_loop_test(all, test_overlapping_filters, 0, 3);
	tcase_add_test(all, test_one_filter_twice);
	tcase_add_loop_test(all, test_foreign_number, 0, 4);
	tcase_add_loop_test(all, test_handlers_change_subscriptions, 0, 8);
	tcase_add_test(all, test_raw);
	suite_add_tcase(suite, all);
	return unit_main(suite);
}
