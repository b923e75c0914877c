// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * Files of all schemas that were ever written, with data in them. The steps are written out here once more, because what a device
 * has on its flash does not change with store-sql.c: a step changed there shows here.
 */
#include "store-folder.h"
#include "store.h"
#include "unit.h"

#include <errno.h>

#define STREAM "0123456789abcdef"

static const char first[] =
	"PRAGMA page_size = 1024; PRAGMA auto_vacuum = INCREMENTAL;"
	"CREATE TABLE identity(only INTEGER PRIMARY KEY CHECK(only = 1), stream TEXT NOT NULL,"
	" incarnation INTEGER NOT NULL, seq INTEGER NOT NULL);"
	"INSERT INTO identity VALUES(1, '" STREAM "', 7, 5);"
	"CREATE TABLE command(number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, seq INTEGER NOT NULL,"
	" final INTEGER NOT NULL, wall_ms INTEGER NOT NULL, method TEXT NOT NULL, event TEXT NOT NULL, args TEXT);"
	"CREATE INDEX command_finished ON command(seq, wall_ms, final) WHERE final;"
	"INSERT INTO command VALUES(1, 'a', 1, 0, 1000, 'm', '{\"n\":1}', '{}');"
	"INSERT INTO command VALUES(2, 'b', 2, 1, 2000, 'm', '{\"n\":2}', NULL);";

static const char second[] = "CREATE TABLE event(seq INTEGER PRIMARY KEY, class INTEGER NOT NULL,"
			     " wall_ms INTEGER NOT NULL, bytes INTEGER NOT NULL, topic TEXT NOT NULL,"
			     " payload TEXT NOT NULL);"
			     "INSERT INTO event VALUES(4, 1, 3000, 69, 't', '{\"n\":4}');"
			     "INSERT INTO event VALUES(5, 2, 3000, 69, 't', '{\"n\":5}');";

static const char third[] = "ALTER TABLE command ADD COLUMN resumed INTEGER NOT NULL DEFAULT 0;"
			    "UPDATE command SET resumed = 2 WHERE id = 'a';";

static const struct {
	const char *steps[4];
	size_t events;
	unsigned resumed;
} schemas[] = {
	{ { first }, 0, 1 },
	{ { first, second }, 2, 1 },
	{ { first, second, third }, 2, 3 },
};

static void make_schema(int version)
{
	char mark[100];

	for (int i = 0; i < version; i++)
		change_store(schemas[version - 1].steps[i]);
	sprintf(mark, "PRAGMA application_id = 0x64766273; PRAGMA user_version = %d;", version);
	change_store(mark);
}

static void check_command(const struct store_command *record, void *userdata)
{
	const char *id = userdata;
	bool is_a = strcmp(id, "a") == 0;

	ck_assert_str_eq(record->id, id);
	ck_assert_str_eq(record->event, is_a ? "{\"n\":1}" : "{\"n\":2}");
	ck_assert_int_eq(record->final, !is_a);
	ck_assert_int_eq(record->wall_ms, is_a ? 1000 : 2000);
	ck_assert_int_eq(record->args != NULL, is_a);
}

static void count_event(const struct store_event *event, void *userdata)
{
	size_t *count = userdata;
	char payload[16];

	sprintf(payload, "{\"n\":%d}", (int)event->seq);
	ck_assert_str_eq(event->payload, payload);
	++*count;
}

static void check_all(struct store *store, int schema)
{
	size_t count = 0;

	ck_assert_str_eq(store_stream(store), STREAM);
	ck_assert_int_eq(store_command_find(store, "a", check_command, (void *)"a"), 0);
	ck_assert_int_eq(store_command_find(store, "b", check_command, (void *)"b"), 0);
	ck_assert_int_eq(store_events_read(store, 0, 10, count_event, &count), 0);
	ck_assert_uint_eq(count, schemas[schema].events);
	ck_assert_uint_eq(store_outbox_size(store).count, count);
}

START_TEST(test_older_schema)
{
	struct store_report report = { .schema = 99 };
	struct store *store;
	unsigned resumed = 0;
	uint64_t incarnation;

	make_schema(_i + 1);
	ck_assert_int_eq(store_open(store_path(""), &store, &report), 0);
	ck_assert_int_eq(report.schema, _i + 1);
	ck_assert_int_eq(report.damaged, 0);
	check_all(store, _i);
	ck_assert_uint_eq(store_next_seq(store), 6);
	ck_assert_int_eq(store_command_resumed(store, "a", &resumed), 0);
	ck_assert_uint_eq(resumed, schemas[_i].resumed);
	ck_assert_int_eq(store_next_incarnation(store, &incarnation), 0);
	ck_assert_uint_eq(incarnation, 8);
	store_close(store);
	store = open_store();
	check_all(store, _i);
	store_close(store);
}
END_TEST

/* Its pages are checked before anything is changed; its rows have no checksums yet, so that none can be told from nonsense. */
START_TEST(test_older_schema_damaged)
{
	struct store_report report = { 0 };
	struct store *store;

	make_schema(_i + 1);
	ck_assert_int_eq(truncate(store_path(""), (off_t)store_size("") - 1024), 0);
	ck_assert_int_eq(store_open(store_path(""), &store, &report), 0);
	ck_assert_int_eq(report.damaged, 1);
	ck_assert_str_ne(store_stream(store), STREAM);
	store_close(store);
}
END_TEST

/* A new file says its version twice; all that has it once only is older than that. */
static const struct {
	const char *change;
	int r;
	bool damaged;
} versions[] = {
	{ "PRAGMA user_version = 5; UPDATE identity SET schema = 5", -EPROTONOSUPPORT, false },
	{ "PRAGMA user_version = 2147483647; UPDATE identity SET schema = 2147483647", -EPROTONOSUPPORT,
		false },
	{ "PRAGMA user_version = 5", 0, true },
	{ "PRAGMA user_version = -1", 0, true },
	{ "PRAGMA user_version = 3", 0, true },
	{ "PRAGMA user_version = 0", 0, true },
	{ "UPDATE identity SET schema = 5", 0, true },
};

START_TEST(test_versions)
{
	struct store *store = open_store();
	struct store_report report = { 0 };
	size_t size, size_after;
	char *before, *after;

	add_record(store, "a", true, 0);
	store_close(store);
	change_store(versions[_i].change);
	before = read_store("", &size);
	ck_assert_int_eq(store_open(store_path(""), &store, &report), versions[_i].r);
	ck_assert_int_eq(report.damaged, versions[_i].damaged);
	if (versions[_i].damaged) {
		ck_assert_uint_eq(report.commands, 1);
		store_close(store);
	} else {
		ck_assert_int_gt(report.schema, STORE_SCHEMA);
		after = read_store("", &size_after);
		ck_assert_uint_eq(size, size_after);
		ck_assert_mem_eq(before, after, size);
		free(after);
	}
	free(before);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("store-schema");
	TCase *tests = tcase_create("store-schema");

	suite_add_tcase(suite, tests);
	tcase_set_timeout(tests, 60);
	tcase_add_checked_fixture(tests, make_store_folder, remove_store_folder);
	tcase_add_loop_test(tests, test_older_schema, 0, LENGTH(schemas));
	tcase_add_loop_test(tests, test_older_schema_damaged, 0, LENGTH(schemas));
	tcase_add_loop_test(tests, test_versions, 0, LENGTH(versions));
	return unit_main(suite);
}
