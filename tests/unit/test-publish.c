// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* What goes out: topics, stamps, limits, and that nothing is given up in silence (protocol 1, 2 and 6). */
#include "bus-kit.h"
#include "json-text.h"
#include <errno.h>
#include <string.h>

struct value {
	int32_t number;
	double real;
};

static const struct devbus_field fields[] = {
	DEVBUS_FIELD(struct value, number),
	DEVBUS_FIELD(struct value, real),
	{ 0 },
};

static int publish(enum devbus_publication what, const char *item)
{
	return devbus_publish(kit.bus, what, item, fields, &(struct value) { .number = 5, .real = 0.5 });
}

static const struct {
	enum devbus_publication what;
	const char *topic;
	int qos;
	bool retained, stamped;
} kinds[] = {
	{ DEVBUS_STATE, "service/unit/state/x", 1, true, false },
	{ DEVBUS_EVENT, "service/unit/event/x", 1, false, true },
	{ DEVBUS_EVENT_VOLATILE, "service/unit/event/x", 0, false, true },
	{ DEVBUS_CLOUD_VOLATILE, "cloud/event/unit/x", 0, false, true },
	{ DEVBUS_CLOUD_RELIABLE, "cloud/event/unit/x", 1, false, true },
};

START_TEST(test_kinds)
{
	struct fake_record *record;

	kit_start();
	ck_assert_int_eq(publish(kinds[_i].what, "x"), 0);
	record = kit_published(kinds[_i].topic);
	kit_assert_member(record, "number", "5");
	kit_assert_member(record, "real", "0.5");
	ck_assert_int_eq(record->qos, kinds[_i].qos);
	ck_assert_int_eq(record->retained, kinds[_i].retained);
	kit_assert_member(record, "time", kinds[_i].stamped ? "2027-01-15T08:00:00.000Z" : "(absent)");
	kit_assert_member(record, "clock", "(absent)");
	kit.time.synced = false;
	kit.time.wall_ms = 0;
	ck_assert_int_eq(publish(kinds[_i].what, "x"), 0);
	record = kit_published(kinds[_i].topic);
	kit_assert_member(record, "time", kinds[_i].stamped ? "1970-01-01T00:00:00.000Z" : "(absent)");
	kit_assert_member(record, "clock", kinds[_i].stamped ? "unsynced" : "(absent)");
	ck_assert_uint_eq(fake_link_count(FAKE_PUBLISH, NULL), 0);
}
END_TEST

START_TEST(test_own_time_is_kept)
{
	kit_start();
	kit.time.synced = false;
	ck_assert_int_eq(devbus_publish_json(kit.bus, DEVBUS_EVENT, "x",
				 parse("{\"time\":\"2001-01-01T00:00:00.000Z\",\"clock\":\"gps\"}")),
		0);
	struct fake_record *record = kit_published("service/unit/event/x");
	kit_assert_member(record, "time", "2001-01-01T00:00:00.000Z");
	kit_assert_member(record, "clock", "gps");
}
END_TEST

START_TEST(test_refusals)
{
	static const char *const items[] = { "", "A", "a/b", "+", "#", "\xc3\xa4", NULL };
	struct value not_a_number = { .real = 0.0 / 1 };

	kit_start();
	for (int i = 0; i < LENGTH(items); i++)
		ck_assert_int_eq(publish(DEVBUS_EVENT, items[i]), -EINVAL);
	ck_assert_int_eq(publish((enum devbus_publication)99, "x"), -EINVAL);
	ck_assert_int_eq(devbus_publish_json(kit.bus, DEVBUS_EVENT, "x", NULL), -ENOMEM);
	ck_assert_int_eq(devbus_publish_json(kit.bus, DEVBUS_EVENT, "x", parse("[1]")), -EINVAL);
	not_a_number.real = strtod("nan", NULL);
	ck_assert_int_eq(devbus_publish(kit.bus, DEVBUS_EVENT, "x", fields, &not_a_number), -EINVAL);
	ck_assert_uint_eq(fake_link_count(FAKE_PUBLISH, NULL), 0);
}
END_TEST

static struct devbus_json *sized(size_t size)
{
	struct devbus_json *object = devbus_json_new_object();
	char *text = calloc(1, size + 1);

	memset(text, 'x', size);
	ck_assert_int_eq(devbus_json_set(object, "text", devbus_json_new_string(text)), 0);
	free(text);
	return object;
}

START_TEST(test_payload_limit)
{
	static const enum devbus_publication whats[] = { DEVBUS_STATE, DEVBUS_CLOUD_RELIABLE };

	kit_setting("payload_limit_bytes", "1024");
	kit_start();
	ck_assert_int_eq(devbus_publish_json(kit.bus, whats[_i], "x", sized(1100)), -EMSGSIZE);
	ck_assert_int_eq(devbus_publish_json(kit.bus, whats[_i], "x", sized(900)), 0);
	ck_assert_uint_eq(fake_link_count(FAKE_PUBLISH, NULL), 1);
	fake_link_take_all();
	fake_link_lose("gone");
	kit_turn(60000);
	kit_settle(); /* the state that was refused is not published again either */
	ck_assert_uint_eq(fake_link_count(FAKE_PUBLISH, "service/unit/state/x"), _i == 0);
}
END_TEST

START_TEST(test_offline)
{
	kit_open(0);
	ck_assert_int_eq(publish(DEVBUS_EVENT_VOLATILE, "v"), 0); /* for those who listen now: nobody */
	ck_assert_int_eq(publish(DEVBUS_EVENT, "b"), 0);
	ck_assert_int_eq(publish(DEVBUS_STATE, "s"), 0);
	ck_assert_int_eq(publish(DEVBUS_CLOUD_RELIABLE, "c"), 0);
	kit_dispatch();
	kit_settle();
	ck_assert_uint_eq(fake_link_count(FAKE_PUBLISH, "service/unit/event/v"), 0);
	ck_assert_str_eq(fake_link_take(FAKE_PUBLISH, NULL)->name, "service/unit/status");
	ck_assert_ptr_nonnull(kit_published("service/unit/state/s"));
	ck_assert_str_eq(fake_link_take(FAKE_PUBLISH, NULL)->name, "service/unit/event/b");
	ck_assert_str_eq(fake_link_take(FAKE_PUBLISH, NULL)->name, "cloud/event/unit/c");
	ck_assert_ptr_null(fake_link_take(FAKE_PUBLISH, NULL));
	ck_assert_uint_eq(kit.bus->stats.messages_dropped, 1);
}
END_TEST

/* ---- the member `dropped` (protocol 6.3) */

static double number_of(const struct fake_record *record, const char *path)
{
	const char *text = kit_member(record, path);

	return strcmp(text, "(absent)") == 0 ? 0 : strtod(text, NULL);
}

/* All that was ever dropped is told by those that arrive and the one after them, also when a teller is dropped itself. */
START_TEST(test_every_drop_is_told)
{
	double told = 0, arrived = 0;
	struct fake_record *record;

	kit_setting("queue_limit_bytes", "4096");
	kit_start();
	fake_link_lose("gone");
	for (int i = 0; i < 100; i++)
		ck_assert_int_eq(devbus_publish_json(kit.bus, DEVBUS_CLOUD_RELIABLE, "x", sized(300)), 0);
	kit_turn(60000);
	kit_settle();
	ck_assert_int_eq(devbus_publish_json(kit.bus, DEVBUS_CLOUD_RELIABLE, "x", sized(3)), 0);
	while ((record = kit_published("cloud/event/unit/x"))) {
		told += number_of(record, "dropped");
		arrived++;
	}
	ck_assert_double_gt(told, 80);
	ck_assert_double_eq(told + arrived, 101);
	ck_assert_uint_eq(kit.bus->stats.messages_dropped, (uint64_t)told);
	ck_assert_int_eq(devbus_publish_json(kit.bus, DEVBUS_CLOUD_RELIABLE, "x", sized(3)), 0);
	kit_assert_member(kit_published("cloud/event/unit/x"), "dropped", "(absent)");
}
END_TEST

/* One that fails must not take the number with it. */
START_TEST(test_drops_outlive_an_event_that_is_refused)
{
	kit_setting("payload_limit_bytes", "1024");
	kit_setting("queue_limit_bytes", "2048");
	kit_start();
	fake_link_lose("gone");
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(devbus_publish_json(kit.bus, DEVBUS_CLOUD_RELIABLE, "x", sized(900)), 0);
	ck_assert_int_eq(devbus_publish_json(kit.bus, DEVBUS_CLOUD_RELIABLE, "x", sized(1020)), -EMSGSIZE);
	ck_assert_int_eq(devbus_publish_json(kit.bus, DEVBUS_CLOUD_RELIABLE, "a/b", sized(3)), -EINVAL);
	kit_turn(60000);
	kit_settle();
	fake_link_take_all();
	ck_assert_int_eq(publish(DEVBUS_CLOUD_VOLATILE, "v"), 0); /* may be lost: so it tells nothing */
	kit_assert_member(kit_published("cloud/event/unit/v"), "dropped", "(absent)");
	ck_assert_int_eq(publish(DEVBUS_CLOUD_RELIABLE, "y"), 0);
	ck_assert_double_ge(number_of(kit_published("cloud/event/unit/y"), "dropped"), 1);
}
END_TEST

START_TEST(test_queue_full_of_what_is_more_important)
{
	kit_setting("queue_limit_bytes", "2048");
	kit_start();
	fake_link->publish_result = -EAGAIN;
	ck_assert_int_eq(devbus_publish_json(kit.bus, DEVBUS_CLOUD_RELIABLE, "x", sized(1500)), 0);
	ck_assert_int_eq(devbus_publish_json(kit.bus, DEVBUS_CLOUD_VOLATILE, "x", sized(1500)), -ENOBUFS);
	fake_link->publish_result = 0;
	kit_settle();
	ck_assert_uint_eq(fake_link_count(FAKE_PUBLISH, "cloud/event/unit/x"), 1);
	ck_assert_int_eq(publish(DEVBUS_CLOUD_RELIABLE, "y"), 0);
	kit_assert_member(kit_published("cloud/event/unit/y"), "dropped", "1");
}
END_TEST

/* ---- callers */

/* What may be handed over at once must not overtake what the link had no room for. */
START_TEST(test_order_of_what_has_to_wait)
{
	kit_start();
	fake_link->publish_result = -EAGAIN;
	ck_assert_int_eq(publish(DEVBUS_EVENT_VOLATILE, "first"), 0);
	fake_link->publish_result = 0;
	ck_assert_int_eq(publish(DEVBUS_EVENT_VOLATILE, "second"), 0);
	ck_assert_str_eq(fake_link_take(FAKE_PUBLISH, NULL)->name, "service/unit/event/first");
	ck_assert_str_eq(fake_link_take(FAKE_PUBLISH, NULL)->name, "service/unit/event/second");
	ck_assert_uint_eq(fake_link_count(FAKE_PUBLISH, NULL), 0);
}
END_TEST

START_TEST(test_callers_publish_anywhere)
{
	struct fake_record *record;

	kit_open(DEVBUS_CALLER);
	kit_connect();
	ck_assert_int_eq(
		devbus_publish_topic(kit.bus, "cloud/command/a/b", 1, true, parse("{\"id\":\"1\"}")), 0);
	record = kit_published("cloud/command/a/b");
	ck_assert_str_eq(record->payload, "{\"id\":\"1\"}");
	ck_assert(record->qos == 1 && record->retained);
	ck_assert_int_eq(devbus_publish_topic(kit.bus, "a/+", 1, false, parse("{}")), -EINVAL);
	ck_assert_int_eq(devbus_publish_topic(kit.bus, "a", 2, false, parse("{}")), -EINVAL);
	ck_assert_int_eq(devbus_publish_topic(kit.bus, "a", 1, true, NULL), -ENOMEM);
	ck_assert_int_eq(devbus_clear_topic(kit.bus, "a/#"), -EINVAL);
	ck_assert_int_eq(devbus_clear_topic(kit.bus, "a"), 0);
	ck_assert_uint_eq(kit_published("a")->payload_size, 0);
	ck_assert_int_eq(publish(DEVBUS_EVENT, "x"), -EPERM);
}
END_TEST

START_TEST(test_raw_payloads_are_left_alone)
{
	static const char bytes[] = "not\0JSON", large[1025];
	struct fake_record *record;

	kit_setting("payload_limit_bytes", "1024");
	kit_open(DEVBUS_CALLER);
	kit_connect();
	ck_assert_int_eq(devbus_publish_raw(kit.bus, "cloud/event/a/b", 1, bytes, sizeof bytes), 0);
	record = kit_published("cloud/event/a/b");
	ck_assert_uint_eq(record->payload_size, sizeof bytes);
	ck_assert_mem_eq(record->payload, bytes, sizeof bytes);
	ck_assert(record->qos == 1 && !record->retained);
	ck_assert_int_eq(devbus_publish_raw(kit.bus, "a", 0, NULL, 0), 0);
	ck_assert_uint_eq(kit_published("a")->payload_size, 0);
	ck_assert_int_eq(devbus_publish_raw(kit.bus, "a/+", 1, bytes, 1), -EINVAL);
	ck_assert_int_eq(devbus_publish_raw(kit.bus, "a", 2, bytes, 1), -EINVAL);
	ck_assert_int_eq(devbus_publish_raw(kit.bus, "a", 1, large, sizeof large), -EMSGSIZE);
}
END_TEST

static const struct {
	const char *topic;
	bool stamped;
} stamps[] = {
	{ "service/sensor/status", true },
	{ "service/sensor/event/alarm", true },
	{ "cloud/event/sensor/read", true },
	{ "service/sensor/state/x", false },
	{ "cloud/command/sensor/read", false },
	{ "elsewhere", false },
};

/* Who publishes for others can tell the time, but not whether the clock is right (protocol 2.2). */
START_TEST(test_stamps_of_any_topic)
{
	struct fake_record *record;
	const char *topic = stamps[_i].topic;

	kit.time.synced = false;
	kit_open(DEVBUS_CALLER);
	kit_connect();
	ck_assert_int_eq(devbus_publish_topic(kit.bus, topic, 1, false, parse("{\"time\":\"mine\"}")), 0);
	record = kit_published(topic);
	kit_assert_member(record, "time", "mine");
	kit_assert_member(record, "clock", stamps[_i].stamped ? "unsynced" : "(absent)");
	ck_assert_int_eq(devbus_publish_topic(kit.bus, topic, 1, false, parse("{}")), 0);
	record = kit_published(topic);
	kit_assert_member(record, "time", stamps[_i].stamped ? "2027-01-15T08:00:00.000Z" : "(absent)");
	ck_assert_int_eq(devbus_publish_topic(kit.bus, topic, 1, false, parse("[]")), 0);
	ck_assert_str_eq(kit_published(topic)->payload, "[]");
}
END_TEST

START_TEST(test_flush)
{
	kit_open(DEVBUS_CALLER);
	kit_connect();
	ck_assert_int_eq(devbus_flush(kit.bus, 0), 0);
	ck_assert_int_eq(devbus_publish_topic(kit.bus, "a", 1, false, parse("{}")), 0);
	kit.time.step_ms = 100;
	ck_assert_int_eq(devbus_flush(kit.bus, 250), -ETIMEDOUT);
	fake_link->automatic = true;
	ck_assert_int_eq(devbus_publish_topic(kit.bus, "b", 1, false, parse("{}")), 0);
	ck_assert_int_eq(devbus_flush(kit.bus, 10000), 0);
}
END_TEST

/* A state waits in no queue while there is no connection, but it waits. */
START_TEST(test_flush_of_a_state)
{
	kit_open(0);
	ck_assert_int_eq(devbus_publish_json(kit.bus, DEVBUS_STATE, "x", parse("{}")), 0);
	kit.time.step_ms = 100;
	ck_assert_int_eq(devbus_flush(kit.bus, 250), -ETIMEDOUT);
	kit.time.step_ms = 0;
	kit_connect();
	ck_assert_int_eq(devbus_flush(kit.bus, 0), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("publish");
	TCase *all = tcase_create("publish");

	tcase_add_checked_fixture(all, kit_set_up, kit_tear_down);
	tcase_add_loop_test(all, test_kinds, 0, LENGTH(kinds));
	tcase_add_test(all, test_own_time_is_kept);
	tcase_add_test(all, test_refusals);
	tcase_add_loop_test(all, test_payload_limit, 0, 2);
	tcase_add_test(all, test_offline);
	tcase_add_test(all, test_every_drop_is_told);
	tcase_add_test(all, test_drops_outlive_an_event_that_is_refused);
	tcase_add_test(all, test_queue_full_of_what_is_more_important);
	tcase_add_test(all, test_order_of_what_has_to_wait);
	tcase_add_test(all, test_callers_publish_anywhere);
	tcase_add_test(all, test_raw_payloads_are_left_alone);
	tcase_add_loop_test(all, test_stamps_of_any_topic, 0, LENGTH(stamps));
	tcase_add_test(all, test_flush);
	tcase_add_test(all, test_flush_of_a_state);
	suite_add_tcase(suite, all);
	return unit_main(suite);
}
