// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* The store over a real file: what it promises of records, and what is left of the file after damage. */
#include "store-folder.h"
#include "store.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int update(
	struct store *store, const char *id, const char *event, uint64_t seq, bool final, int64_t wall_ms)
{
	return store_command_update(
		store, &(struct store_command) {
			       .id = id, .event = event, .seq = seq, .final = final, .wall_ms = wall_ms });
}

/* ---- counters */

START_TEST(test_new_file)
{
	struct store *store = NULL;
	struct store_report report = { 0 };
	struct stat status;

	umask(0);
	ck_assert_int_eq(store_open(store_path(""), &store, &report), 0);
	ck_assert_int_eq(report.damaged, 0);
	ck_assert_uint_eq(strlen(store_stream(store)), 16);
	ck_assert_uint_eq(strspn(store_stream(store), "0123456789abcdef"), 16);
	ck_assert_uint_eq(store_next_seq(store), 1);
	for (int i = 0; i < 3; i++) {
		static const char *const suffixes[] = { "", "-wal", "-shm" };
		ck_assert_int_eq(stat(store_path(suffixes[i]), &status), 0);
		ck_assert_int_eq(status.st_mode & 0777, 0600);
	}
	store_close(store);
	ck_assert_int_eq(access(store_path("-wal"), F_OK), -1);
}
END_TEST

START_TEST(test_counters_survive)
{
	char stream[17] = "";
	uint64_t incarnation = 0, seq = 0;

	for (uint64_t i = 1; i <= 3; i++) {
		struct store *store = open_store();
		if (i > 1)
			ck_assert_str_eq(store_stream(store), stream);
		strcpy(stream, store_stream(store));
		ck_assert_int_eq(store_next_incarnation(store, &incarnation), 0);
		ck_assert_uint_eq(incarnation, 2 * i - 1);
		ck_assert_int_eq(store_next_incarnation(store, &incarnation), 0);
		ck_assert_uint_eq(incarnation, 2 * i);
		ck_assert_uint_eq(store_next_seq(store), i);
		ck_assert_int_eq(store_take_seq(store, &seq), 0);
		ck_assert_uint_eq(seq, i);
		store_close(store);
	}
}
END_TEST

START_TEST(test_streams_differ)
{
	struct store *first = NULL, *second = NULL;

	ck_assert_int_eq(store_open(":memory:", &first, NULL), 0);
	ck_assert_int_eq(store_open(":memory:", &second, NULL), 0);
	ck_assert_str_ne(store_stream(first), store_stream(second));
	store_close(first);
	store_close(second);
	store_close(NULL);
}
END_TEST

/* ---- records */

static void check_record(const struct store_command *record, void *userdata)
{
	const struct store_command *wanted = userdata;

	ck_assert_str_eq(record->id, wanted->id);
	ck_assert_str_eq(record->method, wanted->method);
	ck_assert_int_eq(!record->args, !wanted->args);
	if (wanted->args)
		ck_assert_str_eq(record->args, wanted->args);
	ck_assert_str_eq(record->event, wanted->event);
	ck_assert_uint_eq(record->seq, wanted->seq);
	ck_assert_int_eq(record->final, wanted->final);
	ck_assert_int_eq(record->wall_ms, wanted->wall_ms);
}

#define RECORD(id_, method_, args_, event_, seq_, final_, wall_ms_)                                          \
	{                                                                                                    \
		.id = id_, .method = method_, .args = args_, .event = event_, .seq = seq_, .final = final_,  \
		.wall_ms = wall_ms_                                                                          \
	}

static const struct store_command records[] = {
	RECORD("a", "update", "{\"x\":1}", "{\"state\":\"accepted\"}", 1, false, 1769860800000),
	RECORD("b", "start", NULL, "{}", 2, true, -1),
	RECORD("A", "start", "", "", 9007199254740992, false, INT64_MAX),
};

START_TEST(test_add_and_find)
{
	struct store_command record = records[_i];
	struct store *store = open_store();

	ck_assert_int_eq(store_command_find(store, record.id, check_record, &record), -ENOENT);
	ck_assert_int_eq(store_command_add(store, &record), 0);
	ck_assert_int_eq(store_command_find(store, record.id, check_record, &record), 0);
	ck_assert_uint_eq(store_next_seq(store), record.seq + 1);
	store_close(store);

	store = open_store();
	ck_assert_int_eq(store_command_find(store, record.id, check_record, &record), 0);
	ck_assert_uint_eq(store_next_seq(store), record.seq + 1);
	store_close(store);
}
END_TEST

START_TEST(test_add_known_id)
{
	struct store_command first = records[0], second = records[1];
	struct store *store = open_store();

	second.id = first.id;
	ck_assert_int_eq(store_command_add(store, &first), 0);
	ck_assert_int_eq(store_command_add(store, &second), -EEXIST);
	ck_assert_int_eq(store_command_find(store, first.id, check_record, &first), 0);
	ck_assert_uint_eq(store_next_seq(store), first.seq + 1);
	store_close(store);
}
END_TEST

START_TEST(test_update)
{
	struct store_command record = records[0];
	struct store *store = open_store();

	ck_assert_int_eq(update(store, "a", "{}", 5, true, 6), -ENOENT);
	ck_assert_uint_eq(store_next_seq(store), 1);
	ck_assert_int_eq(store_command_add(store, &record), 0);
	ck_assert_int_eq(update(store, "a", "{\"state\":\"failed\"}", 5, true, 6), 0);
	record.event = "{\"state\":\"failed\"}";
	record.seq = 5;
	record.final = true;
	record.wall_ms = 6;
	ck_assert_int_eq(store_command_find(store, "a", check_record, &record), 0);
	ck_assert_uint_eq(store_next_seq(store), 6);
	/* An older number does not turn the sequence back. */
	ck_assert_int_eq(update(store, "a", "{}", 2, true, 6), 0);
	ck_assert_uint_eq(store_next_seq(store), 6);
	store_close(store);
	store = open_store();
	ck_assert_uint_eq(store_next_seq(store), 6);
	store_close(store);
}
END_TEST

static void take_seq_there(const struct store_command *record, void *userdata)
{
	uint64_t seq = 0;

	ck_assert_int_eq(store_take_seq(userdata, &seq), 0);
	ck_assert_uint_eq(seq, 2);
	ck_assert_str_eq(record->id, records[0].id);
	ck_assert_str_eq(record->args, records[0].args);
	ck_assert_str_eq(record->event, records[0].event);
}

START_TEST(test_take_seq_while_found)
{
	struct store *store = open_store();
	struct store_command record = records[0];

	ck_assert_int_eq(store_command_add(store, &record), 0);
	ck_assert_int_eq(store_command_find(store, "a", take_seq_there, store), 0);
	store_close(store);
	store = open_store();
	ck_assert_uint_eq(store_next_seq(store), 3);
	store_close(store);
}
END_TEST

/* ---- forgetting */

static void note_id(const struct store_command *record, void *userdata)
{
	strcat(userdata, record->id);
}

START_TEST(test_unfinished_in_order)
{
	struct store *store = open_store();
	char ids[16] = "";

	add_record(store, "z", false, 30);
	add_record(store, "y", true, 20);
	add_record(store, "x", false, 10);
	add_record(store, "w", false, 20);
	/* A later event does not make it younger. */
	ck_assert_int_eq(update(store, "z", "{}", store_next_seq(store), false, 99), 0);
	ck_assert_int_eq(update(store, "w", "{}", store_next_seq(store), true, 99), 0);
	ck_assert_int_eq(store_command_unfinished(store, note_id, ids), 0);
	ck_assert_str_eq(ids, "zx");
	store_close(store);
}
END_TEST

/* Records a..f, of which a and d are not finished; their times are 10, 20, ... */
static const struct {
	int64_t oldest_wall_ms;
	size_t most;
	const char *left;
} prunes[] = {
	{ INT64_MIN, SIZE_MAX / 2, "abcdef" },
	{ 20, 100, "abcdef" },
	{ 21, 100, "acdef" },
	{ 51, 100, "adf" },
	{ INT64_MAX, 100, "ad" },
	{ INT64_MIN, 6, "abcdef" },
	{ INT64_MIN, 5, "acdef" },
	{ INT64_MIN, 3, "adf" },
	{ INT64_MIN, 2, "ad" },
	{ INT64_MIN, 0, "ad" },
	{ 31, 3, "adf" },
};

START_TEST(test_prune)
{
	struct store *store = open_store();
	char left[8] = "";
	size_t count = 42;

	for (int i = 0; i < 6; i++)
		add_record(store, (const char[]) { (char)('a' + i), '\0' }, i != 0 && i != 3, 10 * (i + 1));
	ck_assert_int_eq(store_command_prune(store, prunes[_i].oldest_wall_ms, prunes[_i].most, &count), 0);
	for (char id[] = "a"; *id <= 'f'; ++*id)
		(void)store_command_find(store, id, note_id, left);
	ck_assert_str_eq(left, prunes[_i].left);
	ck_assert_uint_eq(count, strlen(left));
	store_close(store);
}
END_TEST

START_TEST(test_size_is_bounded)
{
	struct store *store = open_store();
	char *args = calloc(1, 128 * 1024), id[16];
	size_t count;

	memset(args, 'x', 128 * 1024 - 1);
	for (int i = 0; i < 40; i++) {
		snprintf(id, sizeof(id), "%d", i);
		ck_assert_int_eq(store_command_add(store, &(struct store_command) { .id = id,
								  .method = "m",
								  .args = args,
								  .event = "{}",
								  .seq = store_next_seq(store),
								  .final = true }),
			0);
		ck_assert_int_eq(store_command_prune(store, INT64_MIN, 4, &count), 0);
		ck_assert_uint_eq(count, i < 4 ? (size_t)i + 1 : 4);
	}
	ck_assert_uint_lt(store_size(""), 6 * 132 * 1024);
	ck_assert_uint_lt(store_size("-wal"), 1024 * 1024);
	ck_assert_int_eq(store_command_prune(store, INT64_MIN, 0, &count), 0);
	store_close(store);
	ck_assert_uint_lt(store_size(""), 132 * 1024);
	free(args);
}
END_TEST

/* Someone looks at the file with sqlite3(1). */
START_TEST(test_shared_with_others)
{
	struct store *store = open_store();
	sqlite3 *other;
	uint64_t seq = 42;

	ck_assert_int_eq(sqlite3_open(store_path(""), &other), SQLITE_OK);
	ck_assert_int_eq(sqlite3_exec(other, "BEGIN; SELECT * FROM command", NULL, NULL, NULL), SQLITE_OK);
	ck_assert_int_eq(store_take_seq(store, &seq), 0);
	ck_assert_int_eq(sqlite3_exec(other, "COMMIT; BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	seq = 42;
	ck_assert_int_eq(store_take_seq(store, &seq), -EBUSY);
	ck_assert_uint_eq(seq, 42);
	ck_assert_int_eq(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
	ck_assert_int_eq(store_take_seq(store, &seq), 0);
	ck_assert_uint_eq(seq, 2);
	sqlite3_close(other);
	store_close(store);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("store");
	TCase *tests = tcase_create("store");

	suite_add_tcase(suite, tests);
	tcase_set_timeout(tests, 60);
	tcase_add_checked_fixture(tests, make_store_folder, remove_store_folder);
	tcase_add_test(tests, test_new_file);
	tcase_add_test(tests, test_counters_survive);
	tcase_add_test(tests, test_streams_differ);
	tcase_add_loop_test(tests, test_add_and_find, 0, LENGTH(records));
	tcase_add_test(tests, test_add_known_id);
	tcase_add_test(tests, test_update);
	tcase_add_test(tests, test_take_seq_while_found);
	tcase_add_test(tests, test_unfinished_in_order);
	tcase_add_loop_test(tests, test_prune, 0, LENGTH(prunes));
	tcase_add_test(tests, test_size_is_bounded);
	tcase_add_test(tests, test_shared_with_others);
	return unit_main(suite);
}
