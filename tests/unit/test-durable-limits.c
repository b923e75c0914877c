// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* Durable events when room is short, on disk and in memory; batches; and one row of numbers for all that is stored (protocol 6.2 to 6.4). */
#include "durable-kit.h"

static void set_up(void)
{
	serve_set_up();
	kit_setting("outbox_limit_bytes", "65536");
}

/* Takes what went out beneath cloud/event/unit/, which must be numbered from @first on without a gap; returns the number after the last. */
static int assert_consecutive(int first)
{
	for (size_t i = 0; i < fake_link->count; i++) {
		struct fake_record *record = &fake_link->records[i];

		if (record->taken || strncmp(record->name, "cloud/event/unit/", 17) != 0)
			continue;
		record->taken = true;
		ck_assert_int_eq(atoi(kit_member(record, "seq")), first);
		first++;
	}
	return first;
}

static struct store_size size(void)
{
	return store_outbox_size(kit.bus->store);
}

/* ---- bytes */

START_TEST(test_oldest_telemetry_goes_first)
{
	enum { COUNT = 150 };
	unsigned told = 0, sent = 0, last = 2;
	struct fake_record *record;

	serve_and_start();
	command("simple", "{\"id\":\"a\"}");
	fake_link_lose("gone");
	for (int i = 0; i < COUNT; i++) {
		ck_assert_int_eq(publish_one(DEVBUS_CLOUD_DURABLE, 1000), 0);
		ck_assert_uint_le(size().bytes, 65536);
	}
	ck_assert_uint_gt(kit.bus->stats.events_dropped, COUNT / 2);
	assert_waiting(2 + COUNT - kit.bus->stats.events_dropped);
	fake_link_take_all();
	kit_turn(60000);
	fake_link_finish();
	kit_bridge_works();
	acknowledge_all();
	event("simple", "accepted");
	event("simple", "succeeded");
	for (; (record = kit_published(EVENT_TOPIC)); sent++) {
		unsigned seq = (unsigned)atoi(kit_member(record, "seq"));

		ck_assert_uint_eq(
			seq, sent ? last + 1 : 3 + kit.bus->stats.events_dropped); /* the oldest are gone */
		last = seq;
		told += (unsigned)atoi(kit_member(record, "dropped"));
	}
	ck_assert_uint_eq(last, 2 + COUNT);
	ck_assert_uint_eq(sent, COUNT - kit.bus->stats.events_dropped);
	ck_assert_uint_le(told, kit.bus->stats.events_dropped);
}
END_TEST

/* What the events that are left tell adds up, though some that told of drops were dropped themselves. */
START_TEST(test_drops_are_told)
{
	unsigned told = 0;
	struct fake_record *record;

	kit_setting("confirm", "ack");
	kit_start();
	for (int i = 0; i < 150; i++) {
		struct mark mark = mark_here();

		ck_assert_int_eq(publish_one(DEVBUS_CLOUD_DURABLE, 1000), 0);
		kit_assert_member(
			record = kit_published(EVENT_TOPIC), "stream", store_stream(kit.bus->store));
		ck_assert_int_eq(atoi(kit_member(record, "seq")), i + 1);
		acknowledge_all();
		forget_sent_since(mark);
	}
	ck_assert_uint_gt(kit.bus->stats.events_dropped, 0);
	assert_waiting(150 - kit.bus->stats.events_dropped);
	reconnect();
	acknowledge_all();
	while ((record = kit_published(EVENT_TOPIC)))
		told += (unsigned)atoi(kit_member(record, "dropped"));
	told += (unsigned)outbox_take_dropped(kit.bus->outbox, true);
	ck_assert_uint_eq(told, kit.bus->stats.events_dropped);
}
END_TEST

enum teller { TOLD_BY_DURABLE, TOLD_BY_BATCH, TOLD_BY_RELIABLE, RELIABLE_NOT_TAKEN, TELLERS };

static void tell_by(enum teller teller)
{
	if (teller == TOLD_BY_BATCH)
		ck_assert_int_eq(devbus_batch_begin(kit.bus), 0);
	ck_assert_int_eq(
		publish_one(teller <= TOLD_BY_BATCH ? DEVBUS_CLOUD_DURABLE : DEVBUS_CLOUD_RELIABLE, 1), 0);
	if (teller == TOLD_BY_BATCH)
		ck_assert_int_eq(devbus_batch_commit(kit.bus), 0);
}

/* The sum of what the events tell that went out since. */
static unsigned told_by_events(void)
{
	unsigned told = 0;

	for (struct fake_record *record; (record = kit_published(EVENT_TOPIC));)
		told += (unsigned)atoi(kit_member(record, "dropped"));
	return told;
}

/* A loss is told once, whatever happens between it and its report (protocol 6.3). */
START_TEST(test_drops_outlive_the_process)
{
	uint64_t dropped;

	kit_setting("confirm", "ack");
	kit_start();
	while (kit.bus->stats.events_dropped == 0)
		ck_assert_int_eq(publish_one(DEVBUS_CLOUD_DURABLE, 20000), 0);
	dropped = kit.bus->stats.events_dropped;
	reopen();
	acknowledge_all();
	ck_assert_uint_eq(told_by_events(), 0);
	tell_by(_i);
	if (_i != RELIABLE_NOT_TAKEN)
		acknowledge_all();
	ck_assert_uint_eq(told_by_events(), dropped);
	reopen();
	acknowledge_all();
	fake_link_take_all();
	tell_by(TOLD_BY_RELIABLE);
	ck_assert_uint_eq(told_by_events(), _i == RELIABLE_NOT_TAKEN ? dropped : 0);
}
END_TEST

START_TEST(test_refusals_outlive_the_process)
{
	kit_start();
	publish_durable(1);
	fake_link_acknowledge(kit_published(EVENT_TOPIC), 0x90);
	reopen();
	publish_durable(1);
	ck_assert_uint_eq(told_by_events(), 1);
}
END_TEST

/* Their own kind, the oldest first, makes room for states of commands; an event does not push them out. */
START_TEST(test_command_states_go_last)
{
	char payload[32];
	size_t before;
	uint64_t dropped;

	kit_setting("confirm", "ack");
	serve_and_start();
	for (int i = 0; i < 250; i++) {
		struct mark mark = mark_here();

		snprintf(payload, sizeof payload, "{\"id\":\"c%d\"}", i);
		command("simple", payload);
		acknowledge_all();
		forget_sent_since(mark);
		ck_assert_uint_le(size().bytes, 65536);
	}
	ck_assert_uint_gt(kit.bus->stats.events_dropped, 0);
	assert_waiting(500 - kit.bus->stats.events_dropped);
	before = size().count;
	dropped = kit.bus->stats.events_dropped;
	ck_assert_int_eq(publish_one(DEVBUS_CLOUD_DURABLE, 40000), -ENOBUFS);
	ck_assert_uint_eq(size().count, before);
	ck_assert_uint_eq(kit.bus->stats.events_dropped, dropped + 1);
}
END_TEST

START_TEST(test_larger_than_the_limit)
{
	kit_start();
	publish_durable(3);
	ck_assert_int_eq(publish_one(DEVBUS_CLOUD_DURABLE, 70000), -ENOBUFS);
	assert_waiting(3);
	ck_assert_int_eq(devbus_batch_begin(kit.bus), 0);
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(publish_one(DEVBUS_CLOUD_DURABLE, 20000), 0);
	ck_assert_int_eq(devbus_batch_commit(kit.bus), -ENOBUFS);
	assert_waiting(3); /* what is there stays; what found no room is a loss, and is told */
	ck_assert_uint_eq(kit.bus->stats.events_dropped, 5);
	publish_durable(1);
	acknowledge_all();
	for (int i = 0; i < 3; i++)
		kit_assert_member(kit_published(EVENT_TOPIC), "dropped", "(absent)");
	kit_assert_member(kit_published(EVENT_TOPIC), "dropped", "5");
}
END_TEST

/* ---- age */

START_TEST(test_age)
{
	const int64_t hour_ms = 3600 * 1000;

	kit_setting("outbox_hours", "1");
	serve_and_start();
	kit.time.synced = false;
	publish_durable(1); /* nobody knows how old it is */
	kit.time.synced = true;
	command("simple", "{\"id\":\"a\"}");
	publish_durable(2);
	kit_turn(hour_ms);
	assert_waiting(5);
	if (_i == 0) {
		kit_turn(hour_ms);
	} else {
		kit.time.wall_ms += hour_ms;
		reopen();
	}
	assert_waiting(3);
	ck_assert_uint_eq(kit.bus->stats.events_dropped, 2);
	acknowledge_all();
	fake_link_take_all();
	publish_durable(1);
	kit_assert_member(kit_published(EVENT_TOPIC), "dropped", "2");
}
END_TEST

START_TEST(test_age_needs_a_clock)
{
	kit_setting("outbox_hours", "1");
	kit_start();
	publish_durable(2);
	kit.time.synced = false;
	kit_turn(10 * 3600 * 1000);
	assert_waiting(2);
	ck_assert_uint_eq(kit.bus->stats.events_dropped, 0);
}
END_TEST

/* ---- the disk */

START_TEST(test_full_disk)
{
	kit_start();
	publish_durable(1);
	acknowledge_all();
	fill_disk();
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(publish_one(DEVBUS_CLOUD_DURABLE, 100), -ENOSPC);
	assert_sent(1, 1);
	assert_waiting(1);
	ck_assert_str_eq(state_now(), "degraded");
	ck_assert_int_eq(publish_one(DEVBUS_CLOUD_RELIABLE, 1), 0); /* needs no disk */
	kit_assert_member(kit_published(EVENT_TOPIC), "seq", "(absent)");
	free_disk();
	publish_durable(1);
	ck_assert_str_eq(state_now(), "online");
	assert_sent(2, 2); /* no number was lost */
}
END_TEST

/* ---- batches */

START_TEST(test_batch)
{
	kit_start();
	ck_assert_int_eq(devbus_batch_commit(kit.bus), -EINVAL);
	ck_assert_int_eq(devbus_batch_begin(kit.bus), 0);
	ck_assert_int_eq(devbus_batch_commit(kit.bus), 0); /* of nothing */
	ck_assert_int_eq(devbus_batch_commit(kit.bus), -EINVAL);
	publish_durable(1);
	ck_assert_int_eq(devbus_batch_begin(kit.bus), 0);
	publish_durable(40);
	assert_sent(1, 1);
	ck_assert_uint_eq(size().count, 1);
	assert_waiting(41); /* devbus_flush() waits for them, too */
	ck_assert_int_eq(devbus_batch_commit(kit.bus), 0);
	acknowledge_all();
	assert_sent(2, 41);
	publish_durable(1);
	assert_sent(42, 42);
}
END_TEST

START_TEST(test_batch_on_a_full_disk)
{
	kit_start();
	ck_assert_int_eq(devbus_batch_begin(kit.bus), 0);
	publish_durable(3);
	fill_disk();
	ck_assert_int_eq(devbus_batch_commit(kit.bus), -ENOSPC);
	free_disk();
	ck_assert_str_eq(state_now(), "degraded");
	assert_waiting(0);
	publish_durable(1);
	acknowledge_all();
	assert_sent(1, 1);
	ck_assert_str_eq(state_now(), "online");
}
END_TEST

START_TEST(test_batch_of_one_that_died)
{
	kit_start();
	publish_durable(1);
	ck_assert_int_eq(devbus_batch_begin(kit.bus), 0);
	publish_durable(3);
	reopen();
	acknowledge_all();
	assert_sent(1, 1);
	publish_durable(1);
	assert_sent(2, 2);
}
END_TEST

START_TEST(test_batch_with_one_too_large)
{
	kit_setting("payload_limit_bytes", "1024");
	kit_start();
	ck_assert_int_eq(devbus_batch_begin(kit.bus), 0);
	publish_durable(2);
	ck_assert_int_eq(publish_one(DEVBUS_CLOUD_DURABLE, 1024), -EMSGSIZE);
	publish_durable(2);
	ck_assert_int_eq(devbus_batch_commit(kit.bus), 0);
	assert_sent(1, 4);
}
END_TEST

/* It is in memory until it is committed: so there is an end to it. */
START_TEST(test_batch_that_is_too_large)
{
	enum { SIZE = 50000 };
	size_t taken = 0;
	int r;

	kit_setting("outbox_limit_bytes", "16777216");
	kit_start();
	ck_assert_int_eq(devbus_batch_begin(kit.bus), 0);
	while ((r = publish_one(DEVBUS_CLOUD_DURABLE, SIZE)) == 0)
		ck_assert_uint_le(++taken, DURABLE_BATCH_BYTES_MAX / SIZE);
	ck_assert_int_eq(r, -E2BIG);
	ck_assert_uint_ge(taken, DURABLE_BATCH_BYTES_MAX / (SIZE + 300));
	ck_assert_int_eq(devbus_batch_commit(kit.bus), 0);
	assert_waiting(taken);
	ck_assert_int_eq(devbus_batch_begin(kit.bus), 0);
	publish_durable(1);
	ck_assert_int_eq(devbus_batch_commit(kit.bus), 0);
	assert_waiting(taken + 1);
	ck_assert_uint_eq(store_next_seq(kit.bus->store), taken + 2);
	ck_assert_uint_eq(kit.bus->stats.events_dropped, 0);
}
END_TEST

static const struct {
	const char *name, *payload;
	int events;
} inside[] = {
	{ "simple", "{\"id\":\"a\"}", 2 },
	{ "nothing", "{\"id\":\"a\"}", 1 },
	{ "simple", "{}", 1 }, /* rejected without a record */
	{ "simple", "x", 1 },
};

/* The command's states are told at once, with the numbers behind those of the batch. */
START_TEST(test_command_inside_a_batch)
{
	int next;

	serve_and_start();
	ck_assert_int_eq(devbus_batch_begin(kit.bus), 0);
	publish_durable(2);
	command(inside[_i].name, inside[_i].payload);
	acknowledge_all();
	next = assert_consecutive(1);
	ck_assert_int_eq(next, 3 + inside[_i].events);
	publish_durable(2);
	ck_assert_int_eq(assert_consecutive(next), next);
	ck_assert_int_eq(devbus_batch_commit(kit.bus), 0);
	ck_assert_int_eq(assert_consecutive(next), next + 2);
}
END_TEST

/* Its first half was lost when a command came, so the rest goes as well, and whoever opened it is told. */
START_TEST(test_batch_that_failed_in_the_middle)
{
	serve_and_start();
	ck_assert_int_eq(devbus_batch_begin(kit.bus), 0);
	publish_durable(2);
	fill_disk();
	command("simple", "{\"id\":\"a\"}");
	free_disk();
	event("simple", "rejected");
	publish_durable(1);
	command("simple", "{\"id\":\"b\"}");
	event("simple", "accepted");
	event("simple", "succeeded");
	publish_durable(1);
	ck_assert_int_lt(devbus_batch_commit(kit.bus), 0);
	acknowledge_all();
	ck_assert_ptr_null(kit_published(EVENT_TOPIC));
	assert_waiting(2);
	ck_assert_int_eq(devbus_batch_begin(kit.bus), 0); /* the next one is not blamed for it */
	publish_durable(1);
	ck_assert_int_eq(devbus_batch_commit(kit.bus), 0);
	assert_sent(3, 3);
}
END_TEST

/* What an event of the batch would have told of earlier losses is told by the next one that gets through. */
START_TEST(test_drops_outlive_a_batch_that_failed)
{
	kit_start();
	publish_durable(1);
	fake_link_acknowledge(kit_published(EVENT_TOPIC), 0x90);
	ck_assert_int_eq(devbus_batch_begin(kit.bus), 0);
	publish_durable(2);
	fill_disk();
	ck_assert_int_lt(devbus_batch_commit(kit.bus), 0);
	free_disk();
	publish_durable(1);
	kit_assert_member(kit_published(EVENT_TOPIC), "dropped", "1");
	publish_durable(1);
	kit_assert_member(kit_published(EVENT_TOPIC), "dropped", "(absent)");
}
END_TEST

/* ---- one row of numbers */

static void act_out(int what, int number)
{
	char payload[32];

	snprintf(payload, sizeof payload, "{\"id\":\"n%d\"}", number);
	switch (what) {
	case 0:
		publish_durable(2);
		break;
	case 1:
		command("simple", payload);
		break;
	case 2:
		command("nothing", payload);
		break;
	case 3:
		command("simple", "{}");
		break;
	case 4:
		devbus_progress(deferred[deferred_count - 1], number, NULL, NULL);
		break;
	case 5:
		ck_assert_int_eq(devbus_batch_begin(kit.bus), 0);
		publish_durable(3);
		act_out(4, number);
		publish_durable(1);
		ck_assert_int_eq(devbus_batch_commit(kit.bus), 0);
		break;
	default:
		ck_assert_int_eq(publish_one(DEVBUS_CLOUD_DURABLE, 1 << 20), -EMSGSIZE); /* takes no number */
		break;
	}
}

static void act_at_random(unsigned random, bool with_a_loss)
{
	kit_setting("outbox_limit_bytes", "16777216");
	serve_and_start();
	behaviour = DEFER;
	command("simple", "{\"id\":\"first\"}");
	for (int i = 0; i < 100; i++) {
		random = random * 1103515245 + 12345;
		act_out((int)(random >> 16) % 7, i);
		if (i == 60 && with_a_loss)
			fake_link_lose("gone");
		else if (random >> 30 == 0)
			acknowledge_all();
	}
}

START_TEST(test_order_of_all_that_is_stored)
{
	act_at_random(1 + (unsigned)_i, true);
	fake_link_take_all();
	kit_turn(60000);
	fake_link_finish();
	kit_bridge_works();
	acknowledge_all();
	ck_assert_uint_eq((uint64_t)assert_consecutive(1), store_next_seq(kit.bus->store));
}
END_TEST

START_TEST(test_order_while_connected)
{
	act_at_random(1 + (unsigned)_i, false);
	acknowledge_all();
	ck_assert_uint_eq((uint64_t)assert_consecutive(1), store_next_seq(kit.bus->store));
}
END_TEST

/* ---- memory */

/* What is on disk can wait there: nothing that is only in memory need go for it. */
START_TEST(test_stored_events_push_nothing_out)
{
	kit_setting("outbox_limit_bytes", "16777216");
	kit_setting("queue_limit_bytes", "65536");
	kit_start();
	fake_link->publish_result = -EAGAIN;
	for (int i = 0; i < 30; i++)
		ck_assert_int_eq(publish_one(DEVBUS_CLOUD_RELIABLE, 1500), 0);
	for (int i = 0; i < 60; i++)
		ck_assert_int_eq(publish_one(DEVBUS_CLOUD_DURABLE, 1500), 0);
	ck_assert_uint_eq(kit.bus->stats.messages_dropped, 0);
	ck_assert_int_eq(publish_one(DEVBUS_CLOUD_RELIABLE, 1500), 0);
	ck_assert_uint_eq(kit.bus->stats.messages_dropped, 0);
	fake_link->publish_result = 0;
	fake_link->link.events->writable(fake_link->link.userdata);
	acknowledge_all();
	ck_assert_int_eq(take_sent(), 91);
}
END_TEST

START_TEST(test_queue_smaller_than_an_event)
{
	kit_setting("queue_limit_bytes", "1024");
	kit_start();
	ck_assert_int_eq(publish_one(DEVBUS_CLOUD_DURABLE, 3000), 0);
	ck_assert_int_eq(publish_one(DEVBUS_CLOUD_DURABLE, 10), 0);
	acknowledge_all();
	assert_sent(1, 2);
}
END_TEST

/* ---- how commands ended, while the disk took nothing */

START_TEST(test_final_states_are_kept)
{
	serve_and_start();
	behaviour = DEFER;
	command("simple", "{\"id\":\"a\"}");
	command("simple", "{\"id\":\"b\"}");
	command("set", "{\"id\":\"c\",\"args\":{\"level\":3}}");
	acknowledge_all();
	fake_link_take_all();
	fill_disk();
	act(deferred[0], REPLY);
	act(deferred[1], FAIL);
	act(deferred[2], REPLY);
	ck_assert_uint_eq(server_pending(kit.bus), 3);
	for (int i = 0; i < 5; i++)
		kit_turn(1000);
	no_event();
	free_disk();
	kit_turn(1000);
	acknowledge_all();
	ck_assert_uint_eq(server_pending(kit.bus), 0);
	kit_assert_member(event("set", "succeeded"), "result.now", "0.5");
	ck_assert_uint_eq(fake_link_count(FAKE_PUBLISH, "cloud/event/unit/simple"), 2);
	event("simple", "succeeded");
	event("simple", "failed");
	ck_assert_uint_eq(store_next_seq(kit.bus->store), 7);
	kit_turn(60000);
	no_event();
	command("simple", "{\"id\":\"b\"}");
	kit_assert_member(event("simple", "failed"), "error.code", "own-word");
	no_event();
	ck_assert_int_eq(handled, 3);
}
END_TEST

/* Not on disk, not told: after a restart the command is unfinished, and ends once. */
START_TEST(test_final_state_that_died)
{
	serve_and_start();
	behaviour = DEFER;
	command("simple", "{\"id\":\"a\"}");
	acknowledge_all();
	fill_disk();
	act(deferred[0], REPLY);
	kit_kill();
	free_disk();
	kit_open(0);
	serve();
	kit_dispatch();
	fake_link_finish();
	acknowledge_all();
	event("simple", "accepted");
	kit_assert_member(event("simple", "failed"), "error.code", "interrupted");
	no_event();
	command("simple", "{\"id\":\"a\"}");
	event("simple", "failed");
	ck_assert_int_eq(handled, 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("durable-limits");
	TCase *all = tcase_create("durable-limits");

	tcase_add_checked_fixture(all, set_up, kit_tear_down);
	tcase_set_timeout(all, 60);
	tcase_add_test(all, test_oldest_telemetry_goes_first);
	tcase_add_test(all, test_drops_are_told);
	tcase_add_loop_test(all, test_drops_outlive_the_process, 0, TELLERS);
	tcase_add_test(all, test_refusals_outlive_the_process);
	tcase_add_test(all, test_command_states_go_last);
	tcase_add_test(all, test_larger_than_the_limit);
	tcase_add_loop_test(all, test_age, 0, 2);
	tcase_add_test(all, test_age_needs_a_clock);
	tcase_add_test(all, test_full_disk);
	tcase_add_test(all, test_batch);
	tcase_add_test(all, test_batch_on_a_full_disk);
	tcase_add_test(all, test_batch_of_one_that_died);
	tcase_add_test(all, test_batch_with_one_too_large);
	tcase_add_test(all, test_batch_that_is_too_large);
	tcase_add_loop_test(all, test_command_inside_a_batch, 0, LENGTH(inside));
	tcase_add_test(all, test_batch_that_failed_in_the_middle);
	tcase_add_test(all, test_drops_outlive_a_batch_that_failed);
	tcase_add_loop_test(all, test_order_of_all_that_is_stored, 0, 10);
	tcase_add_loop_test(all, test_order_while_connected, 0, 10);
	tcase_add_test(all, test_stored_events_push_nothing_out);
	tcase_add_test(all, test_queue_smaller_than_an_event);
	tcase_add_test(all, test_final_states_are_kept);
	tcase_add_test(all, test_final_state_that_died);
	suite_add_tcase(suite, all);
	return unit_main(suite);
}
