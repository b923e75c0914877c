// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* A store's file that is not as it was left: put aside with all its bytes when it is damaged, refused when it is newer. */
#include "store-folder.h"
#include "store.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>

static void damage_nothing(void)
{
}

static void damage_by_text(void)
{
	write_store(
		"this is not a database, though it is as long as the header of one would have to be, and longer."
		"......................................................................................",
		180);
}

static void damage_by_cut(void)
{
	ck_assert_int_eq(truncate(store_path(""), 3 * 1024), 0);
}

static void damage_by_cut_header(void)
{
	ck_assert_int_eq(truncate(store_path(""), 50), 0);
}

/* Nonsense over all pages but the first. */
static void damage_by_nonsense(void)
{
	const int fd = open(store_path(""), O_WRONLY);
	char page[1024];

	memset(page, 0xa5, sizeof(page));
	for (off_t at = 1024; at < (off_t)store_size(""); at += 1024)
		ck_assert_int_eq(pwrite(fd, page, sizeof(page), at), (int)sizeof(page));
	close(fd);
}

static void damage_by_missing_table(void)
{
	change_store("DROP TABLE command");
}

static void damage_by_missing_row(void)
{
	change_store("DELETE FROM identity");
}

static void damage_by_other_program(void)
{
	ck_assert_int_eq(unlink(store_path("")), 0);
	change_store("CREATE TABLE bookmarks(x); PRAGMA user_version = 1");
}

static void make_empty(void)
{
	ck_assert_int_eq(truncate(store_path(""), 0), 0);
}

/* SQLite takes it for an empty one. */
static void damage_to_one_byte(void)
{
	ck_assert_int_eq(truncate(store_path(""), 1), 0);
}

/* The header says that only a later SQLite may write it. */
static void damage_write_version(void)
{
	const int fd = open(store_path(""), O_WRONLY);

	ck_assert_int_eq(pwrite(fd, "ÿ", 1, 18), 1);
	close(fd);
}

static void remove_it(void)
{
	ck_assert_int_eq(unlink(store_path("")), 0);
}

static const struct {
	void (*damage)(void);
	bool put_aside, kept;
} damages[] = {
	{ damage_nothing, false, true },
	{ damage_by_text, true, false },
	{ damage_by_cut, true, false },
	{ damage_by_cut_header, true, false },
	{ damage_by_nonsense, true, false },
	{ damage_by_missing_table, true, false },
	{ damage_by_missing_row, true, true },
	{ damage_by_other_program, true, false },
	{ make_empty, true, false },
	{ damage_to_one_byte, true, false },
	{ damage_write_version, true, true },
	{ remove_it, false, false },
};

static void ignore_record(const struct store_command *record, void *userdata)
{
	(void)record, (void)userdata;
}

START_TEST(test_damage)
{
	struct store *store = open_store();
	struct store_report report = { 0 };
	size_t size;
	char *before, *after;

	add_record(store, "a", false, 0);
	store_close(store);
	damages[_i].damage();
	before = read_store("", &size);
	ck_assert_int_eq(store_open(store_path(""), &store, &report), 0);
	ck_assert_int_eq(report.damaged, damages[_i].put_aside);
	ck_assert_uint_eq(report.commands, damages[_i].put_aside && damages[_i].kept);
	ck_assert_int_eq(store_command_find(store, "a", ignore_record, NULL), damages[_i].kept ? 0 : -ENOENT);
	add_record(store, "b", false, 0);
	store_close(store);
	ck_assert_int_eq(access(store_path(".damaged-1"), F_OK) == 0, damages[_i].put_aside);
	if (damages[_i].put_aside) {
		after = read_store(".damaged-1", &size);
		ck_assert_mem_eq(before, after, size);
		free(after);
	}
	free(before);
}
END_TEST

START_TEST(test_damage_again_and_again)
{
	char name[32];
	struct store *store;
	struct store_report report = { 0 };

	for (int i = 1; i <= 99; i++) {
		write_store("nonsense", 8);
		ck_assert_int_eq(store_open(store_path(""), &store, &report), 0);
		ck_assert_int_ne(report.damaged, 0);
		store_close(store);
		snprintf(name, sizeof(name), ".damaged-%d", i);
		ck_assert_uint_eq(store_size(name), 8);
	}
	write_store("nonsense", 8);
	ck_assert_int_eq(store_open(store_path(""), &store, &report), -EIO);
	ck_assert_uint_eq(store_size(""), 8);
}
END_TEST

/* The log of a damaged file goes with it: in the new file it would be taken for the new one's. */
START_TEST(test_damage_with_a_log)
{
	struct store *store;
	struct store_report report = { 0 };

	write_store("nonsense", 8);
	write_store_file("-wal", "log", 3);
	ck_assert_int_eq(store_open(store_path(""), &store, &report), 0);
	ck_assert_int_ne(report.damaged, 0);
	ck_assert_uint_eq(store_size(".damaged-1-wal"), 3);
	store_close(store);
}
END_TEST

START_TEST(test_newer_schema)
{
	struct store *store = open_store(), *untouched = store;
	size_t size, size_after;
	char *before, *after;
	struct store_report report = { .damaged = 7 };

	store_close(store);
	change_store("PRAGMA user_version = 99; UPDATE identity SET schema = 99");
	before = read_store("", &size);
	ck_assert_int_eq(store_open(store_path(""), &store, &report), -EPROTONOSUPPORT);
	ck_assert_ptr_eq(store, untouched);
	ck_assert_int_eq(report.damaged, 0);
	ck_assert_int_eq(report.schema, 99);
	after = read_store("", &size_after);
	ck_assert_uint_eq(size, size_after);
	ck_assert_mem_eq(before, after, size);
	ck_assert_int_eq(access(store_path(".damaged-1"), F_OK), -1);
	free(before);
	free(after);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("store-damage");
	TCase *tests = tcase_create("store-damage");

	suite_add_tcase(suite, tests);
	tcase_set_timeout(tests, 60);
	tcase_add_checked_fixture(tests, make_store_folder, remove_store_folder);
	tcase_add_loop_test(tests, test_damage, 0, LENGTH(damages));
	tcase_add_test(tests, test_damage_again_and_again);
	tcase_add_test(tests, test_damage_with_a_log);
	tcase_add_test(tests, test_newer_schema);
	return unit_main(suite);
}
