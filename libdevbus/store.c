// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * Opening, transactions and the two counters. Power may go at any instant and the disk may be full for a
 * week, so there is one way to write: a transaction that is on disk when it returns 0 and leaves nothing
 * behind otherwise. Nothing has to be repaired afterwards; the next write simply tries again.
 */
#include "store-internal.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* How long a write waits for someone who looks into the file with sqlite3(1), in ms. It blocks the service. */
#define LOCK_WAIT_MS 1000

/*
 * page_size and auto_vacuum count only for a new file: small pages because each commit writes all pages it touched, and
 * room given back because a queue that has been full for a week empties again. The log is written back every
 * 128 pages and cut to 256 KiB, which bounds it; 64 pages of cache bound the memory. secure_delete would write
 * zeros over what is forgotten: twice the flash wear for nothing.
 */
static const char settings_sql[] = "PRAGMA page_size = 1024;"
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

sqlite3_stmt *store_statement(struct store *store, enum store_sql sql)
{
	sqlite3_stmt *statement = store->statements[sql];

	sqlite3_reset(statement);
	sqlite3_clear_bindings(statement);
	return statement;
}

int store_step(sqlite3_stmt *statement)
{
	int code = sqlite3_step(statement);

	/* After a failure the reset gives the extended code of the same failure. */
	sqlite3_reset(statement);
	return code == SQLITE_DONE ? SQLITE_OK : code;
}

static int run(struct store *store, enum store_sql sql)
{
	return store_step(store_statement(store, sql));
}

int store_transaction(struct store *store, store_work *work, const void *arguments)
{
	int code = run(store, STORE_BEGIN);
	int r;

	if (code == SQLITE_OK)
		code = work(store, arguments);
	if (code == SQLITE_OK)
		code = run(store, STORE_COMMIT);
	r = store_errno(store->database, code);
	/* Some failures have rolled back by themselves. */
	if (code != SQLITE_OK && !sqlite3_get_autocommit(store->database))
		run(store, STORE_ROLLBACK);
	return r;
}

/* ---- open */

static int check(sqlite3 *database)
{
	sqlite3_stmt *statement;
	const char *answer;
	int code = sqlite3_prepare_v2(database, "PRAGMA quick_check(1)", -1, &statement, NULL);

	if (code != SQLITE_OK)
		return code;
	code = sqlite3_step(statement);
	answer = code == SQLITE_ROW ? (const char *)sqlite3_column_text(statement, 0) : NULL;
	if (code == SQLITE_ROW)
		code = answer && strcmp(answer, "ok") == 0 ? SQLITE_OK : SQLITE_CORRUPT;
	sqlite3_finalize(statement);
	return code;
}

static int read_identity(struct store *store)
{
	sqlite3_stmt *statement = store_statement(store, STORE_READ_IDENTITY);
	int code = sqlite3_step(statement);
	const char *stream = code == SQLITE_ROW ? (const char *)sqlite3_column_text(statement, 0) : NULL;

	if (code == SQLITE_DONE || (code == SQLITE_ROW && (!stream || strlen(stream) != 16)))
		code = SQLITE_CORRUPT;
	if (code == SQLITE_ROW) {
		memcpy(store->stream, stream, sizeof(store->stream));
		store->incarnation = (uint64_t)sqlite3_column_int64(statement, 1);
		store->seq = (uint64_t)sqlite3_column_int64(statement, 2);
		code = SQLITE_OK;
	}
	sqlite3_reset(statement);
	return code;
}

static int open_database(struct store *store, const char *path)
{
	const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX |
			  SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_EXRESCODE;
	int code = sqlite3_open_v2(path, &store->database, flags, NULL);
	int version = 0;

	/* The version first: a file that is not ours to write must not be changed by the settings. */
	if (code != SQLITE_OK || (code = sqlite3_busy_timeout(store->database, LOCK_WAIT_MS)) != SQLITE_OK ||
		(code = store_read_version(store->database, &version)) != SQLITE_OK ||
		(code = sqlite3_exec(store->database, settings_sql, NULL, NULL, NULL)) != SQLITE_OK ||
		(code = check(store->database)) != SQLITE_OK ||
		(code = store_migrate(store->database, version)) != SQLITE_OK ||
		(code = store_prepare(store)) != SQLITE_OK)
		return code;
	code = read_identity(store);
	return code == SQLITE_OK ? store_read_outbox_size(store) : code;
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
static int try_open(const char *path, struct store **ret_store)
{
	struct store *store = calloc(1, sizeof(*store));
	int code, r;

	if (!store)
		return -ENOMEM;
	code = open_database(store, path);
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

static int open_file(const char *path, struct store **ret_store)
{
	int r = store_file_prepare(path);

	return r < 0 ? r : try_open(path, ret_store);
}

/* A damaged file may be half of a pair, so that what is begun in its place is looked at only once. */
static int open_or_replace(const char *path, struct store **ret_store, bool *ret_put_aside)
{
	int r = open_file(path, ret_store);

	if (r <= 0)
		return r;
	r = store_file_put_aside(path);
	if (r == 0)
		r = open_file(path, ret_store);
	if (r == 0)
		*ret_put_aside = true;
	return r > 0 ? -EIO : r;
}

int store_open(const char *path, struct store **ret_store, bool *ret_put_aside)
{
	struct store *store = NULL;
	bool put_aside = false;
	int r;

	if (strcmp(path, ":memory:") == 0)
		r = try_open(path, &store);
	else
		r = open_or_replace(path, &store, &put_aside);
	if (r == 0 && strcmp(path, ":memory:") != 0)
		r = store_file_sync_folder(path);
	if (r != 0) {
		store_close(store);
		return r > 0 ? -EIO : r;
	}
	if (ret_put_aside)
		*ret_put_aside = put_aside;
	*ret_store = store;
	return 0;
}

void store_close(struct store *store)
{
	if (!store)
		return;
	for (int i = 0; i < STORE_SQL_COUNT; i++)
		sqlite3_finalize(store->statements[i]);
	sqlite3_close(store->database);
	free(store);
}

/* ---- identity */

const char *store_stream(const struct store *store)
{
	return store->stream;
}

static int write_incarnation(struct store *store, const void *arguments)
{
	const uint64_t *incarnation = arguments;
	sqlite3_stmt *statement = store_statement(store, STORE_WRITE_INCARNATION);

	sqlite3_bind_int64(statement, 1, (sqlite3_int64)*incarnation);
	return store_step(statement);
}

int store_next_incarnation(struct store *store, uint64_t *ret_incarnation)
{
	uint64_t next = store->incarnation + 1;
	int r = store_transaction(store, write_incarnation, &next);

	if (r < 0)
		return r;
	store->incarnation = *ret_incarnation = next;
	return 0;
}

uint64_t store_next_seq(const struct store *store)
{
	return store->seq + 1;
}

int store_write_seq(struct store *store, uint64_t seq)
{
	sqlite3_stmt *statement = store_statement(store, STORE_WRITE_SEQ);

	sqlite3_bind_int64(statement, 1, (sqlite3_int64)seq);
	return store_step(statement);
}

void store_seq_written(struct store *store, uint64_t seq)
{
	if (seq > store->seq)
		store->seq = seq;
}

static int take_seq(struct store *store, const void *arguments)
{
	return store_write_seq(store, *(const uint64_t *)arguments);
}

int store_take_seq(struct store *store, uint64_t *ret_seq)
{
	uint64_t seq = store_next_seq(store);
	int r = store_transaction(store, take_seq, &seq);

	if (r < 0)
		return r;
	store_seq_written(store, seq);
	*ret_seq = seq;
	return 0;
}
