// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* A store in a folder of its own, and looking at its file past the store. For the tests of the store. */
#ifndef DEVBUS_TEST_STORE_FOLDER_H
#define DEVBUS_TEST_STORE_FOLDER_H

#include "store.h"

#include <check.h>
#include <dirent.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char store_folder[] = "/tmp/devbus-test-store-XXXXXX";

/* The file and what belongs to it, such as "-wal"; good until the next call. */
static inline const char *store_path(const char *suffix)
{
	static char path[128];
	snprintf(path, sizeof(path), "%s/store.db%s", store_folder, suffix);
	return path;
}

static inline void make_store_folder(void)
{
	ck_assert_ptr_nonnull(mkdtemp(store_folder));
}

static inline void remove_store_files(void)
{
	DIR *entries = opendir(store_folder);
	const struct dirent *entry;
	while ((entry = readdir(entries)))
		unlinkat(dirfd(entries), entry->d_name, 0);
	closedir(entries);
}

static inline void remove_store_folder(void)
{
	remove_store_files();
	ck_assert_int_eq(rmdir(store_folder), 0);
}

/* The store, which must open, in the file as it was. */
static inline struct store *open_store(void)
{
	struct store *store = NULL;
	struct store_report report = { 0 };
	ck_assert_int_eq(store_open(store_path(""), &store, &report), 0);
	ck_assert_int_eq(report.damaged, 0);
	return store;
}

/* A record that is told apart by its id alone. */
static inline void add_record(struct store *store, const char *id, bool final, int64_t wall_ms)
{
	const struct store_command record = { .id = id,
		.method = "m",
		.event = "{}",
		.seq = store_next_seq(store),
		.final = final,
		.wall_ms = wall_ms };

	ck_assert_int_eq(store_command_add(store, &record), 0);
}

static inline size_t store_size(const char *suffix)
{
	struct stat status;
	ck_assert_int_eq(stat(store_path(suffix), &status), 0);
	return (size_t)status.st_size;
}

/* All bytes of the file; the caller frees them. */
static inline char *read_store(const char *suffix, size_t *ret_size)
{
	FILE *file = fopen(store_path(suffix), "r");
	*ret_size = file ? store_size(suffix) : 0;
	char *bytes = malloc(*ret_size + 1);
	if (!file)
		return bytes;
	ck_assert_uint_eq(fread(bytes, 1, *ret_size, file), *ret_size);
	fclose(file);
	return bytes;
}

static inline void write_store_file(const char *suffix, const char *bytes, size_t size)
{
	FILE *file = fopen(store_path(suffix), "w");
	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fwrite(bytes, 1, size, file), size);
	ck_assert_int_eq(fclose(file), 0);
}

static inline void write_store(const char *bytes, size_t size)
{
	write_store_file("", bytes, size);
}

/* Runs SQL on the file, which nobody has open. */
static inline void change_store(const char *sql)
{
	sqlite3 *database;
	ck_assert_int_eq(sqlite3_open(store_path(""), &database), SQLITE_OK);
	ck_assert_int_eq(sqlite3_exec(database, sql, NULL, NULL, NULL), SQLITE_OK);
	ck_assert_int_eq(sqlite3_close(database), SQLITE_OK);
}

#endif
