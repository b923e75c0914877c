// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* The queue, straight over a fake link: order, window, bounds and what a lost connection leaves. */
#include "fake-link.h"
#include "outbox.h"
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { LIMIT = 4000 };

static struct stats stats;
static struct outbox *outbox;
static struct link *link_used;
static int last_reason;

static void nothing(void *userdata)
{
	(void)userdata;
}

static void nothing_lost(void *userdata, const char *reason)
{
	(void)userdata, (void)reason;
}

static void on_published(void *userdata, uint32_t token, int reason)
{
	(void)userdata;
	outbox_acknowledge(outbox, token, reason);
}

static const struct link_events events = {
	.connected = nothing, .lost = nothing_lost, .published = on_published, .writable = nothing
};

static void set_up(void)
{
	stats = (struct stats) { 0 };
	ck_assert_int_eq(fake_link_new(NULL, &events, NULL, &link_used), 0);
	fake_link->connected = true;
	ck_assert_int_eq(outbox_new(LIMIT, &stats, &outbox), 0);
	last_reason = -1;
	setenv("DEVBUS_LOG", "error", 1);
}

static void tear_down(void)
{
	outbox_free(outbox);
	link_used->functions->free(link_used);
}

static void note_reason(int reason, void *userdata)
{
	ck_assert_ptr_eq(userdata, &stats);
	last_reason = reason;
}

static int add_sized(enum outbox_class class, const char *topic, int qos, size_t size)
{
	static const char payload[2 * LIMIT];

	return outbox_add(outbox,
		&(struct outbox_message) {
			.class = class,
			.message = { .topic = topic, .payload = payload, .payload_size = size, .qos = qos },
		});
}

static void add(enum outbox_class class, const char *topic, int qos)
{
	ck_assert_int_eq(add_sized(class, topic, qos, 4), 0);
}

static void add_retained(const char *topic, const char *payload)
{
	ck_assert_int_eq(outbox_add(outbox,
				 &(struct outbox_message) {
					 .class = OUTBOX_CONTROL,
					 .message = { .topic = topic,
						 .payload = payload,
						 .payload_size = strlen(payload),
						 .qos = 1,
						 .retained = true },
				 }),
		0);
}

/* The topics that were published since the last look, in order, as one text. */
static const char *sent(void)
{
	static char topics[2000];

	topics[0] = '\0';
	outbox_send(outbox, link_used);
	for (struct fake_record *record; (record = fake_link_take(FAKE_PUBLISH, NULL));)
		strcat(topics, record->name);
	return topics;
}

START_TEST(test_empty)
{
	ck_assert_uint_eq(outbox_count(outbox), 0);
	ck_assert_uint_eq(outbox_bytes(outbox), 0);
	ck_assert_str_eq(sent(), "");
	outbox_lost(outbox);
	outbox_acknowledge(outbox, 1, 0);
	outbox_free(NULL);
}
END_TEST

START_TEST(test_all_of_a_message_is_copied)
{
	char topic[] = "t", payload[] = "abc", response[] = "r", correlation[] = { 1, 0, 2 };

	ck_assert_int_eq(outbox_add(outbox,
				 &(struct outbox_message) {
					 .class = OUTBOX_CONTROL,
					 .message = { .topic = topic,
						 .payload = payload,
						 .payload_size = 3,
						 .response_topic = response,
						 .correlation = correlation,
						 .correlation_size = 3 },
				 }),
		0);
	memset(topic, 'x', 1);
	memset(payload, 'x', 3);
	memset(response, 'x', 1);
	memset(correlation, 'x', 3);
	outbox_send(outbox, link_used);
	const struct fake_record *record = fake_link_take(FAKE_PUBLISH, "t");
	ck_assert_str_eq(record->payload, "abc");
	ck_assert_str_eq(record->response_topic, "r");
	ck_assert_uint_eq(record->correlation_size, 3);
	ck_assert_int_eq(memcmp(record->correlation, "\1\0\2", 3), 0);
	ck_assert_uint_eq(outbox_count(outbox), 0);
	ck_assert_uint_eq(stats.messages_published, 1);
}
END_TEST

START_TEST(test_control_goes_first_and_order_is_kept)
{
	add(OUTBOX_EVENT, "a", 1);
	add(OUTBOX_TELEMETRY, "b", 0);
	add(OUTBOX_COMMAND, "c", 1);
	add(OUTBOX_CONTROL, "X", 1);
	add(OUTBOX_EVENT, "d", 1);
	add(OUTBOX_CONTROL, "Y", 0);
	ck_assert_str_eq(sent(), "XYabcd");
	ck_assert_uint_eq(outbox_count(outbox), 4); /* QoS 1, unacknowledged */
	fake_link_acknowledge_all();
	ck_assert_uint_eq(outbox_count(outbox), 0);
	ck_assert_uint_eq(outbox_bytes(outbox), 0);
}
END_TEST

START_TEST(test_window)
{
	for (int i = 0; i < LINK_WINDOW + 3; i++)
		add(OUTBOX_EVENT, "e", 1);
	ck_assert_uint_eq(strlen(sent()), LINK_WINDOW);
	ck_assert_str_eq(sent(), "");
	for (int i = LINK_WINDOW - 1; i > LINK_WINDOW / 2; i--)
		fake_link_acknowledge(&fake_link->records[i], 0);
	ck_assert_str_eq(sent(), ""); /* until it is half empty */
	fake_link_acknowledge(&fake_link->records[0], 0);
	ck_assert_str_eq(sent(), "eee");
	fake_link_acknowledge_all();
	add(OUTBOX_EVENT, "f", 1);
	ck_assert_str_eq(sent(), "f");
}
END_TEST

/* What is sent again after a loss finds it empty. */
START_TEST(test_window_after_a_loss)
{
	for (int i = 0; i < LINK_WINDOW + 1; i++)
		add(OUTBOX_EVENT, "e", 1);
	ck_assert_uint_eq(strlen(sent()), LINK_WINDOW);
	outbox_lost(outbox);
	ck_assert_uint_eq(strlen(sent()), LINK_WINDOW);
}
END_TEST

static const int holds[] = { -EAGAIN, -ENOTCONN };

START_TEST(test_link_that_takes_nothing)
{
	add(OUTBOX_EVENT, "a", 1);
	add(OUTBOX_CONTROL, "X", 0);
	fake_link->publish_result = holds[_i];
	ck_assert_str_eq(sent(), "");
	ck_assert_uint_eq(outbox_count(outbox), 2);
	fake_link->publish_result = 0;
	ck_assert_str_eq(sent(), "Xa");
}
END_TEST

/* One that cannot be sent at all must not stop what is behind it, and is a loss like any other. */
START_TEST(test_message_that_the_link_refuses)
{
	add(OUTBOX_EVENT, "a", 1);
	fake_link->publish_result = -EINVAL;
	ck_assert_str_eq(sent(), "");
	fake_link->publish_result = 0;
	add(OUTBOX_EVENT, "b", 1);
	ck_assert_str_eq(sent(), "b");
	ck_assert_uint_eq(outbox_count(outbox), 1);
	ck_assert_uint_eq(stats.messages_dropped, 1);
	ck_assert_uint_eq(outbox_take_dropped(outbox, false), 1);
}
END_TEST

START_TEST(test_refused_by_the_broker)
{
	ck_assert_int_eq(outbox_add(outbox,
				 &(struct outbox_message) {
					 .class = OUTBOX_EVENT,
					 .acknowledged = note_reason,
					 .userdata = &stats,
					 .message = { .topic = "t", .payload = "", .qos = 1 },
				 }),
		0);
	ck_assert_str_eq(sent(), "t");
	ck_assert_int_eq(last_reason, -1);
	fake_link_acknowledge(&fake_link->records[0], 0x87);
	ck_assert_int_eq(last_reason, 0x87);
	ck_assert_uint_eq(stats.messages_refused, 1);
	ck_assert_uint_eq(outbox_count(outbox), 0);
}
END_TEST

START_TEST(test_retained_takes_the_place_of_the_one_that_waits)
{
	add_retained("s", "old");
	add_retained("other", "x");
	add_retained("s", "new");
	ck_assert_str_eq(sent(), "others");
	ck_assert_str_eq(fake_link->records[1].payload, "new");
	add_retained("s", "newer"); /* the one in flight is past recall */
	ck_assert_str_eq(sent(), "s");
	ck_assert_uint_eq(stats.messages_dropped, 0);
}
END_TEST

START_TEST(test_lost_connection)
{
	add(OUTBOX_EVENT, "a", 1);
	add(OUTBOX_COMMAND, "b", 1);
	add(OUTBOX_CONTROL, "X", 1);
	ck_assert_str_eq(sent(), "Xab");
	fake_link->publish_result = -EAGAIN;
	add(OUTBOX_EVENT, "c", 1);
	add(OUTBOX_TELEMETRY, "t", 0);
	add(OUTBOX_CONTROL, "Y", 0);
	ck_assert_str_eq(sent(), "");
	outbox_lost(outbox);
	ck_assert_uint_eq(outbox_count(outbox), 3);
	ck_assert_uint_eq(outbox_take_dropped(outbox, false), 1); /* telemetry */
	fake_link->publish_result = 0;
	add(OUTBOX_CONTROL, "Z", 1);
	ck_assert_str_eq(sent(), "Zabc");
	outbox_lost(outbox);
	outbox_lost(outbox);
	ck_assert_str_eq(sent(), "abc");
	fake_link_acknowledge(&fake_link->records[fake_link->count - 2], 0);
	outbox_lost(outbox);
	add(OUTBOX_EVENT, "d", 1);
	ck_assert_str_eq(sent(), "acd");
}
END_TEST

/* ---- bounds */

static const struct {
	enum outbox_class waiting, added;
	int result;
	const char *sent;
} priorities[] = {
	{ OUTBOX_TELEMETRY, OUTBOX_TELEMETRY, 0, "2n" },
	{ OUTBOX_TELEMETRY, OUTBOX_EVENT, 0, "2n" },
	{ OUTBOX_TELEMETRY, OUTBOX_CONTROL, 0, "n2" },
	{ OUTBOX_EVENT, OUTBOX_TELEMETRY, -ENOBUFS, "12" },
	{ OUTBOX_EVENT, OUTBOX_EVENT, 0, "2n" },
	{ OUTBOX_COMMAND, OUTBOX_EVENT, -ENOBUFS, "12" },
	{ OUTBOX_COMMAND, OUTBOX_COMMAND, 0, "2n" },
	{ OUTBOX_CONTROL, OUTBOX_COMMAND, -ENOBUFS, "12" },
	{ OUTBOX_CONTROL, OUTBOX_CONTROL, 0, "2n" },
};

START_TEST(test_full_queue)
{
	ck_assert_int_eq(add_sized(priorities[_i].waiting, "1", 1, LIMIT / 2 - 300), 0);
	ck_assert_int_eq(add_sized(priorities[_i].waiting, "2", 1, LIMIT / 2 - 300), 0);
	ck_assert_int_eq(add_sized(priorities[_i].added, "n", 1, LIMIT / 2 - 300), priorities[_i].result);
	ck_assert_uint_le(outbox_bytes(outbox), LIMIT);
	ck_assert_uint_eq(stats.messages_dropped, 1);
	ck_assert_str_eq(sent(), priorities[_i].sent);
}
END_TEST

START_TEST(test_least_important_goes_first)
{
	ck_assert_int_eq(add_sized(OUTBOX_COMMAND, "c", 1, 1000), 0);
	ck_assert_int_eq(add_sized(OUTBOX_EVENT, "e", 1, 1000), 0);
	ck_assert_int_eq(add_sized(OUTBOX_TELEMETRY, "t", 0, 1000), 0);
	ck_assert_int_eq(add_sized(OUTBOX_COMMAND, "C", 1, 1000), 0);
	ck_assert_int_eq(add_sized(OUTBOX_COMMAND, "D", 1, 1000), 0);
	ck_assert_str_eq(sent(), "cCD");
	ck_assert_uint_eq(outbox_take_dropped(outbox, false), 2);
	ck_assert_uint_eq(outbox_take_dropped(outbox, false), 0);
	ck_assert_uint_eq(stats.messages_dropped, 2);
}
END_TEST

/* What can never fit must not cost the others their place. */
START_TEST(test_larger_than_the_queue)
{
	add(OUTBOX_EVENT, "a", 1);
	add(OUTBOX_EVENT, "b", 1);
	ck_assert_int_eq(add_sized(OUTBOX_COMMAND, "n", 1, LIMIT + 1), -ENOBUFS);
	ck_assert_uint_eq(outbox_take_dropped(outbox, false), 1);
	ck_assert_str_eq(sent(), "ab");
}
END_TEST

START_TEST(test_in_flight_is_not_dropped)
{
	ck_assert_int_eq(add_sized(OUTBOX_TELEMETRY, "1", 1, LIMIT / 2 - 300), 0);
	ck_assert_int_eq(add_sized(OUTBOX_TELEMETRY, "2", 1, LIMIT / 2 - 300), 0);
	ck_assert_str_eq(sent(), "12");
	ck_assert_int_eq(add_sized(OUTBOX_CONTROL, "n", 1, LIMIT / 2 - 300), -ENOBUFS);
	ck_assert_uint_eq(outbox_take_dropped(outbox, false), 0); /* control is no event */
	fake_link_acknowledge_all();
	ck_assert_int_eq(add_sized(OUTBOX_CONTROL, "n", 1, LIMIT / 2 - 300), 0);
	ck_assert_str_eq(sent(), "n");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("outbox");
	TCase *all = tcase_create("outbox");

	tcase_add_checked_fixture(all, set_up, tear_down);
	tcase_add_test(all, test_empty);
	tcase_add_test(all, test_all_of_a_message_is_copied);
	tcase_add_test(all, test_control_goes_first_and_order_is_kept);
	tcase_add_test(all, test_window);
	tcase_add_test(all, test_window_after_a_loss);
	tcase_add_loop_test(all, test_link_that_takes_nothing, 0, LENGTH(holds));
	tcase_add_test(all, test_message_that_the_link_refuses);
	tcase_add_test(all, test_refused_by_the_broker);
	tcase_add_test(all, test_retained_takes_the_place_of_the_one_that_waits);
	tcase_add_test(all, test_lost_connection);
	tcase_add_loop_test(all, test_full_queue, 0, LENGTH(priorities));
	tcase_add_test(all, test_least_important_goes_first);
	tcase_add_test(all, test_larger_than_the_queue);
	tcase_add_test(all, test_in_flight_is_not_dropped);
	suite_add_tcase(suite, all);
	return unit_main(suite);
}
