// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * Opening. A file may have been cut or have rotted anywhere, and no service may end by that or send nonsense: so all of it is
 * checked, and what is damaged is replaced by a new file with the rows that can still be read (store-salvage.c) and a new
 * stream, which tells the cloud that there may be a loss. A new file is made under another name and gets its own when it is whole:
 * one that is empty or in parts is always a damaged one.
 *
 * The steps of a replacement, each of which power may cut: the new file is made as ".new"; it becomes ".salvaged", and from now on it
 * counts; the damaged one is put aside; the new one gets its name.
 */
#include "store-internal.h"
#include "store-log.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* How long a write waits for someone who looks into the file with sqlite3(1), in ms. It blocks the service. */
#define LOCK_WAIT_MS 1000

/*
 * page_size and auto_vacuum count only for a new file: room is given back because a queue that has been full for a week empties
 * again. The log is written back every 128 pages and cut to 256 KiB, which bounds it; 64 pages of cache bound the memory.
 * secure_delete would write zeros over what is forgotten: twice the flash wear for nothing.
 */
static const char settings_sql[] =
	"PRAGMA page_size = " STORE_DIGITS(STORE_PAGE_BYTES) ";"
							     "PRAGMA auto_vacuum = INCREMENTAL;"
							     "PRAGMA journal_mode = WAL;"
							     "PRAGMA synchronous = FULL;"
							     "PRAGMA wal_autocheckpoint = 128;"
							     "PRAGMA journal_size_limit = 262144;"
							     "PRAGMA cache_size = 64;"
							     "PRAGMA temp_store = MEMORY;"
							     "PRAGMA secure_delete = OFF;"
							     "PRAGMA trusted_schema = OFF;"
							     "PRAGMA cell_size_check = ON;";

/* What SQLite knows of: its trees, and that the indexes have what the tables have. */
static int check_structure(sqlite3 *database)
{
	sqlite3_stmt *statement;
	const char *answer;
	int code = sqlite3_prepare_v2(database, "PRAGMA integrity_check(1)", -1, &statement, NULL);

	if (code != SQLITE_OK)
		return code;
	code = sqlite3_step(statement);
	answer = code == SQLITE_ROW ? (const char *)sqlite3_column_text(statement, 0) : NULL;
	if (code == SQLITE_ROW)
		code = answer && strcmp(answer, "ok") == 0 ? SQLITE_OK : SQLITE_CORRUPT;
	sqlite3_finalize(statement);
	return code;
}

/* What is in the rows. */
static int check_rows(struct store *store)
{
	sqlite3_stmt *statement = store_statement(store, STORE_COUNT_DAMAGED);
	int code = sqlite3_step(statement);

	if (code == SQLITE_ROW)
		code = sqlite3_column_int64(statement, 0) == 0 ? SQLITE_OK : SQLITE_CORRUPT;
	sqlite3_reset(statement);
	return code;
}

static bool is_identity(sqlite3_stmt *row)
{
	const char *stream = (const char *)sqlite3_column_text(row, 0);

	return stream && strlen(stream) == 16 && sqlite3_column_int(row, 3) == STORE_SCHEMA &&
	       sqlite3_column_int(row, 4);
}

static int read_identity(struct store *store)
{
	sqlite3_stmt *statement = store_statement(store, STORE_READ_IDENTITY);
	int code = sqlite3_step(statement);

	if (code == SQLITE_DONE || (code == SQLITE_ROW && !is_identity(statement)))
		code = SQLITE_CORRUPT;
	if (code == SQLITE_ROW) {
		memcpy(store->stream, sqlite3_column_text(statement, 0), sizeof(store->stream));
		store->incarnation = (uint64_t)sqlite3_column_int64(statement, 1);
		store->seq = (uint64_t)sqlite3_column_int64(statement, 2);
		code = SQLITE_OK;
	}
	sqlite3_reset(statement);
	return code;
}

static int open_database(struct store *store, const char *path, int *ret_schema)
{
	const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX |
			  SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_EXRESCODE;
	int code = sqlite3_open_v2(path, &store->database, flags, NULL);

	/* The version first: a file that is not ours to write must not be changed by the settings. */
	if (code != SQLITE_OK || (code = sqlite3_busy_timeout(store->database, LOCK_WAIT_MS)) != SQLITE_OK ||
		(code = store_add_checksum(store->database)) != SQLITE_OK ||
		(code = store_read_version(store->database, ret_schema)) != SQLITE_OK ||
		(code = sqlite3_exec(store->database, settings_sql, NULL, NULL, NULL)) != SQLITE_OK ||
		(code = check_structure(store->database)) != SQLITE_OK ||
		(code = store_migrate(store->database, *ret_schema)) != SQLITE_OK ||
		(code = store_prepare(store)) != SQLITE_OK || (code = check_rows(store)) != SQLITE_OK ||
		(code = read_identity(store)) != SQLITE_OK)
		return code;
	return store_read_outbox_size(store);
}

/*
 * Whether @code, from opening, means that the file's content is wrong. SQLITE_ERROR: a table or column of its schema version is
 * missing.
 */
static bool is_damage(sqlite3 *database, int code)
{
	int primary = code & 0xff;

	if (database && store_disk_failed(database))
		return false;
	return primary == SQLITE_NOTADB || primary == SQLITE_CORRUPT || primary == SQLITE_ERROR ||
	       code == SQLITE_IOERR_SHORT_READ;
}

/* 0, 1 (damaged) or a negative errno. */
static int try_open(const char *path, struct store **ret_store, int *ret_schema)
{
	struct store *store = calloc(1, sizeof(*store));
	int code, r;

	if (!store)
		return -ENOMEM;
	code = open_database(store, path, ret_schema);
	if (code == SQLITE_READONLY && store_file_says_read_only(path))
		code = SQLITE_CORRUPT;
	r = is_damage(store->database, code) ? 1 : store_errno(store->database, code);
	if (r == 0) {
		*ret_store = store;
		return 0;
	}
	/* Not ours, or damaged: closing must not write the log back into it. */
	if (store->database)
		sqlite3_db_config(store->database, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	store_close(store);
	return r;
}

/* ---- a new file */

/* Makes @path, whole and on disk; with what can be read of the file @damaged, unless that is NULL. */
static int make_whole(const char *path, const char *damaged)
{
	struct store *store = NULL;
	int schema = 0;
	int r = store_file_remove(path);

	if (r == 0)
		r = store_file_prepare(path);
	if (r == 0)
		r = try_open(path, &store, &schema);
	if (r == 0 && damaged)
		r = store_salvage(damaged, store);
	if (r == 0) /* or closing would leave a log behind, without a word */
		r = store_errno(store->database, sqlite3_wal_checkpoint_v2(store->database, NULL,
							 SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL));
	store_close(store);
	if (r != 0)
		(void)store_file_remove(path);
	return r > 0 ? -EIO : r;
}

static int begin(const char *path)
{
	char under_way[PATH_MAX];
	int r = store_file_name(path, STORE_FILE_UNDER_WAY, under_way);

	if (r == 0)
		r = make_whole(under_way, NULL);
	return r < 0 ? r : store_file_rename(under_way, path);
}

/* Puts the whole file, if there is one, in the place of @path. Returns N of what was put aside; 0: there is none. */
static int finish_replacing(const char *path)
{
	char whole[PATH_MAX];
	int r = store_file_name(path, STORE_FILE_WHOLE, whole), aside;

	if (r == 0)
		r = store_file_look(whole);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	aside = store_file_put_aside(path);
	r = aside < 0 ? aside : store_file_rename(whole, path);
	return r < 0 ? r : aside;
}

static int replace(const char *path)
{
	char under_way[PATH_MAX], whole[PATH_MAX];
	int r = store_file_name(path, STORE_FILE_UNDER_WAY, under_way);

	if (r == 0)
		r = store_file_name(path, STORE_FILE_WHOLE, whole);
	if (r == 0)
		r = make_whole(under_way, path);
	if (r == 0)
		r = store_file_rename(under_way, whole);
	return r < 0 ? r : finish_replacing(path);
}

/* ---- */

/* 0, 1 (damaged) or a negative errno. */
static int look_at_log(const char *path)
{
	struct store_log log;
	int r = store_log_read(path, &log);

	if (r == 0)
		r = store_log_lost_commits(path, &log);
	store_log_free(&log);
	return r;
}

/* The same. */
static int open_if_whole(const char *path, struct store **ret_store, int *ret_schema)
{
	int r = store_file_look(path);

	if (r == -ENOENT)
		r = begin(path);
	if (r == -ENODATA)
		return 1;
	if (r == 0)
		r = look_at_log(path);
	return r == 0 ? try_open(path, ret_store, ret_schema) : r;
}

/* What is begun in the place of a damaged file is looked at only once. */
static int open_or_replace(const char *path, struct store **ret_store, struct store_report *report)
{
	int r = finish_replacing(path);

	if (r < 0)
		return r;
	report->damaged = r;
	r = open_if_whole(path, ret_store, &report->schema);
	if (r <= 0)
		return r;
	r = replace(path);
	if (r < 0)
		return r;
	report->damaged = r;
	r = open_if_whole(path, ret_store, &report->schema);
	return r > 0 ? -EIO : r;
}

int store_open(const char *path, struct store **ret_store, struct store_report *ret_report)
{
	bool in_memory = strcmp(path, ":memory:") == 0;
	struct store_report report = { 0 };
	struct store *store = NULL;
	int r = in_memory ? try_open(path, &store, &report.schema) : open_or_replace(path, &store, &report);

	if (r == 0 && !in_memory)
		r = store_file_sync_folder(path);
	if (r == 0 && report.damaged) {
		report.events = store->outbox.count;
		r = store_count(store, STORE_COMMAND_COUNT, &report.commands);
	}
	if (r == 0)
		*ret_store = store;
	else
		store_close(store);
	if (ret_report && (r == 0 || r == -EPROTONOSUPPORT))
		*ret_report = report;
	return r > 0 ? -EIO : r;
}
