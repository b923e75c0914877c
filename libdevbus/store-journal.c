// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * The journal of commands. A record and the sequence number of its event move in one transaction: a number that was sent is
 * never given to another event, whatever happens in between.
 */
#include "store-internal.h"
#include <errno.h>

/* Unused pages are given back to the disk in one go: this many at least, and more than half of the file. */
#define UNUSED_PAGES_MIN 64

static void bind_text(sqlite3_stmt *statement, int column, const char *text)
{
	/* Static: the caller's text outlives the step. A NULL binds NULL. */
	sqlite3_bind_text(statement, column, text, -1, SQLITE_STATIC);
}

static int add(struct store *store, const void *arguments)
{
	const struct store_command *record = arguments;
	sqlite3_stmt *statement = store_statement(store, STORE_COMMAND_ADD);
	int code;

	bind_text(statement, 1, record->id);
	bind_text(statement, 2, record->method);
	sqlite3_bind_int64(statement, 3, (sqlite3_int64)record->args_hash);
	bind_text(statement, 4, record->args);
	bind_text(statement, 5, record->event);
	sqlite3_bind_int64(statement, 6, (sqlite3_int64)record->seq);
	sqlite3_bind_int(statement, 7, record->final);
	sqlite3_bind_int64(statement, 8, record->wall_ms);
	code = store_step(statement);
	return code == SQLITE_OK ? store_write_seq(store, record->seq) : code;
}

int store_command_add(struct store *store, const struct store_command *record)
{
	int r = store_transaction(store, add, record);

	if (r == 0)
		store_seq_written(store, record->seq);
	return r;
}

static int update(struct store *store, const void *arguments)
{
	const struct store_command *record = arguments;
	sqlite3_stmt *statement = store_statement(store, STORE_COMMAND_UPDATE);
	int code;

	bind_text(statement, 1, record->id);
	bind_text(statement, 2, record->event);
	sqlite3_bind_int64(statement, 3, (sqlite3_int64)record->seq);
	sqlite3_bind_int(statement, 4, record->final);
	sqlite3_bind_int64(statement, 5, record->wall_ms);
	code = store_step(statement);
	if (code == SQLITE_OK && sqlite3_changes(store->database) == 0)
		code = SQLITE_NOTFOUND;
	return code == SQLITE_OK ? store_write_seq(store, record->seq) : code;
}

int store_command_update(
	struct store *store, const char *id, const char *event, uint64_t seq, bool final, int64_t wall_ms)
{
	const struct store_command record = {
		.id = id, .event = event, .seq = seq, .final = final, .wall_ms = wall_ms
	};
	int r = store_transaction(store, update, &record);

	if (r == 0)
		store_seq_written(store, seq);
	return r;
}

/* ---- reading */

/* Returns a SQLite result code. */
static int hand_over(struct store *store, sqlite3_stmt *row, store_command_found *found, void *userdata)
{
	const struct store_command record = {
		.id = (const char *)sqlite3_column_text(row, 0),
		.method = (const char *)sqlite3_column_text(row, 1),
		.args_hash = (uint64_t)sqlite3_column_int64(row, 2),
		.args = (const char *)sqlite3_column_text(row, 3),
		.event = (const char *)sqlite3_column_text(row, 4),
		.seq = (uint64_t)sqlite3_column_int64(row, 5),
		.final = sqlite3_column_int(row, 6),
		.wall_ms = sqlite3_column_int64(row, 7),
	};

	/* Columns that are not NULL: so memory was short, or the disk gave something else back. */
	if (!record.id || !record.method || !record.event ||
		(!record.args && sqlite3_column_type(row, 3) != SQLITE_NULL))
		return sqlite3_errcode(store->database) == SQLITE_NOMEM ? SQLITE_NOMEM : SQLITE_CORRUPT;
	found(&record, userdata);
	return SQLITE_OK;
}

int store_command_find(struct store *store, const char *id, store_command_found *found, void *userdata)
{
	sqlite3_stmt *statement = store_statement(store, STORE_COMMAND_FIND);
	int code, r;

	bind_text(statement, 1, id);
	code = sqlite3_step(statement);
	if (code == SQLITE_ROW)
		code = hand_over(store, statement, found, userdata);
	else if (code == SQLITE_DONE)
		code = SQLITE_NOTFOUND;
	r = store_errno(store->database, code);
	sqlite3_reset(statement);
	return r;
}

int store_command_unfinished(struct store *store, store_command_found *found, void *userdata)
{
	sqlite3_stmt *statement = store_statement(store, STORE_COMMAND_UNFINISHED);
	int code, r;

	while ((code = sqlite3_step(statement)) == SQLITE_ROW)
		if ((code = hand_over(store, statement, found, userdata)) != SQLITE_OK)
			break;
	r = store_errno(store->database, code == SQLITE_DONE ? SQLITE_OK : code);
	sqlite3_reset(statement);
	return r;
}

/* ---- forgetting */

struct bounds {
	int64_t oldest_wall_ms;
	size_t most;
};

static int forget(struct store *store, const void *arguments)
{
	const struct bounds *bounds = arguments;
	sqlite3_stmt *old = store_statement(store, STORE_COMMAND_FORGET_OLD);
	sqlite3_stmt *many = store_statement(store, STORE_COMMAND_FORGET_MANY);
	int code;

	sqlite3_bind_int64(old, 1, bounds->oldest_wall_ms);
	sqlite3_bind_int64(many, 1, (sqlite3_int64)bounds->most);
	code = store_step(old);
	return code == SQLITE_OK ? store_step(many) : code;
}

static int count(struct store *store, enum store_sql sql, size_t *ret_count)
{
	sqlite3_stmt *statement = store_statement(store, sql);
	int code = sqlite3_step(statement);
	int r = store_errno(store->database, code == SQLITE_ROW ? SQLITE_OK : code);

	if (r == 0)
		*ret_count = (size_t)sqlite3_column_int64(statement, 0);
	sqlite3_reset(statement);
	return r;
}

/* Nothing depends on it, so that a failure (a full disk) is left for the next time. */
static void give_back(struct store *store)
{
	size_t pages = 0, unused = 0;

	if (count(store, STORE_PAGE_COUNT, &pages) == 0 && count(store, STORE_UNUSED_COUNT, &unused) == 0 &&
		unused >= UNUSED_PAGES_MIN && unused > pages / 2)
		(void)sqlite3_exec(store->database, "PRAGMA incremental_vacuum", NULL, NULL, NULL);
}

int store_command_prune(struct store *store, int64_t oldest_wall_ms, size_t most, size_t *ret_count)
{
	const struct bounds bounds = { .oldest_wall_ms = oldest_wall_ms, .most = most };
	int r = store_transaction(store, forget, &bounds);

	if (r < 0)
		return r;
	give_back(store);
	return count(store, STORE_COMMAND_COUNT, ret_count);
}
