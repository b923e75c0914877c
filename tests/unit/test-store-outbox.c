// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* The outbox in the store: what it adds up to, what it forgets, and that it is all or nothing. */
#include "store-folder.h"
#include "unit.h"
#include <errno.h>
#include <stdint.h>

static struct store *store;

static void set_up(void)
{
	make_store_folder();
	store = open_store();
}

static void tear_down(void)
{
	store_close(store);
	remove_store_folder();
}

static struct store_event make(uint64_t seq, int class, int64_t wall_ms)
{
	return (struct store_event) {
		.seq = seq, .class = class, .wall_ms = wall_ms, .topic = "some/topic", .payload = "{\"n\":1}"
	};
}

enum { EACH = STORE_EVENT_OVERHEAD + 10 + 7 };

static void add(int class, int64_t wall_ms)
{
	struct store_event event = make(store_next_seq(store), class, wall_ms);

	ck_assert_uint_eq(store_event_bytes(&event), EACH);
	ck_assert_int_eq(store_events_add(store, &event, 1), 0);
}

static void list(const struct store_event *event, void *userdata)
{
	char *text = userdata;

	ck_assert_str_eq(event->topic, "some/topic");
	ck_assert_str_eq(event->payload, "{\"n\":1}");
	snprintf(text + strlen(text), 16, "%d ", (int)event->seq);
}

/* The numbers that are there, and that size and a new look at the file agree. */
static void assert_left(const char *numbers)
{
	for (int i = 0; i < 2; i++) {
		char text[200] = "";
		struct store_size size = store_outbox_size(store);

		ck_assert_int_eq(store_events_read(store, 0, 100, list, text), 0);
		ck_assert_str_eq(text, numbers);
		ck_assert_uint_eq(size.bytes, size.count * EACH);
		for (const char *space = numbers; (space = strchr(space, ' ')); space++)
			size.count--;
		ck_assert_uint_eq(size.count, 0);
		store_close(store);
		store = open_store();
	}
}

static void add_mixed(void)
{
	static const int classes[] = { 1, 2, 0, 1, 0, 2 };

	for (int i = 0; i < LENGTH(classes); i++)
		add(classes[i], 100 * i);
}

START_TEST(test_read)
{
	char text[100] = "";

	assert_left("");
	add_mixed();
	assert_left("1 2 3 4 5 6 ");
	ck_assert_int_eq(store_events_read(store, 2, 3, list, text), 0);
	ck_assert_str_eq(text, "3 4 5 ");
	ck_assert_int_eq(store_events_read(store, 6, 3, list, text), 0);
	ck_assert_str_eq(text, "3 4 5 ");
	ck_assert_uint_eq(store_next_seq(store), 7);
}
END_TEST

START_TEST(test_confirm)
{
	struct store_size gone = { 9, 9 };

	add_mixed();
	ck_assert_int_eq(store_events_confirm(store, 0, &gone), 0);
	ck_assert(gone.count == 0 && gone.bytes == 0);
	ck_assert_int_eq(store_events_confirm(store, 4, &gone), 0);
	ck_assert(gone.count == 4 && gone.bytes == 4 * EACH);
	assert_left("5 6 ");
	ck_assert_int_eq(store_events_confirm(store, 4, NULL), 0);
	ck_assert_int_eq(store_events_confirm(store, 1000, &gone), 0);
	ck_assert_uint_eq(gone.count, 2);
	assert_left("");
	ck_assert_uint_eq(store_next_seq(store), 7); /* numbers are never used again */
}
END_TEST

START_TEST(test_remove)
{
	struct store_size gone = { 9, 9 };

	add_mixed();
	ck_assert_int_eq(store_events_remove(store, 2, &gone, NULL), 0);
	ck_assert(gone.count == 1 && gone.bytes == EACH);
	ck_assert_int_eq(store_events_remove(store, 2, &gone, NULL), 0);
	ck_assert(gone.count == 0 && gone.bytes == 0);
	assert_left("1 3 4 5 6 ");
}
END_TEST

static const struct {
	int most_class;
	size_t count, dropped;
	const char *left;
} drops[] = {
	{ 0, 1, 1, "1 2 4 5 6 " },
	{ 0, 9, 2, "1 2 4 6 " },
	{ 1, 1, 1, "1 2 4 5 6 " },
	{ 1, 3, 3, "2 4 6 " },
	{ 1, 9, 4, "2 6 " },
	{ 2, 5, 5, "6 " },
	{ 2, 9, 6, "" },
	{ 2, 0, 0, "1 2 3 4 5 6 " },
};

START_TEST(test_drop)
{
	struct store_drop dropped = { 0 };

	add_mixed();
	ck_assert_int_eq(store_events_drop(store, drops[_i].most_class, drops[_i].count, &dropped), 0);
	ck_assert_uint_eq(dropped.count, drops[_i].dropped);
	assert_left(drops[_i].left);
}
END_TEST

START_TEST(test_drop_old)
{
	struct store_drop dropped = { 0 };

	add_mixed();
	add(1, INT64_MAX);
	ck_assert_int_eq(store_events_drop_old(store, 200, &dropped), 0);
	ck_assert_uint_eq(dropped.count, 2);
	assert_left("3 4 5 6 7 ");
	ck_assert_int_eq(store_events_drop_old(store, INT64_MAX, &dropped), 0);
	ck_assert_uint_eq(dropped.count, 4);
	assert_left("7 ");
}
END_TEST

START_TEST(test_all_or_none)
{
	struct store_event events[3] = { make(2, 1, 0), make(3, 1, 0), make(3, 1, 0) };

	add(1, 0);
	ck_assert_int_eq(store_events_add(store, events, 0), 0);
	ck_assert_int_lt(store_events_add(store, events, 3), 0); /* the last number twice */
	assert_left("1 ");
	ck_assert_uint_eq(store_next_seq(store), 2);
	ck_assert_int_eq(store_events_add(store, events, 2), 0);
	assert_left("1 2 3 ");
	ck_assert_uint_eq(store_next_seq(store), 4);
}
END_TEST

/* A command and its event: one transaction. */
START_TEST(test_command_with_its_event)
{
	struct store_command record = { .id = "a",
		.method = "m",
		.event = "{\"n\":1}",
		.seq = 1,
		.topic = "some/topic",
		.class = 2,
		.wall_ms = 5 };
	struct store_drop dropped = { 0 };

	ck_assert_int_eq(store_command_add(store, &record), 0);
	record.seq = 2;
	ck_assert_int_eq(store_command_add(store, &record), -EEXIST);
	assert_left("1 ");
	ck_assert_int_eq(store_command_update(store, &record), 0);
	record.seq = 3;
	record.id = "b";
	ck_assert_int_eq(store_command_update(store, &record), -ENOENT);
	assert_left("1 2 ");
	ck_assert_uint_eq(store_next_seq(store), 3);
	ck_assert_int_eq(store_events_drop_old(store, INT64_MAX, &dropped), 0);
	ck_assert_uint_eq(dropped.count, 0); /* told however late */
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("store-outbox");
	TCase *all = tcase_create("store-outbox");

	tcase_add_checked_fixture(all, set_up, tear_down);
	tcase_set_timeout(all, 60);
	tcase_add_test(all, test_read);
	tcase_add_test(all, test_confirm);
	tcase_add_test(all, test_remove);
	tcase_add_loop_test(all, test_drop, 0, LENGTH(drops));
	tcase_add_test(all, test_drop_old);
	tcase_add_test(all, test_all_or_none);
	tcase_add_test(all, test_command_with_its_event);
	suite_add_tcase(suite, all);
	return unit_main(suite);
}
