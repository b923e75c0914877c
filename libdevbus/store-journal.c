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

static struct store_event event_of(const struct store_command *record)
{
	return (struct store_event) {
		.seq = record->seq,
		.class = record->class,
		.wall_ms = INT64_MAX, /* what a command came to is told however late */
		.topic = record->topic,
		.payload = record->event,
	};
}

static enum store_final final_of(const struct store_command *record)
{
	if (!record->final)
		return STORE_UNFINISHED;
	return record->rejected ? STORE_REJECTED : STORE_FINISHED;
}

/* The second half of a transaction: the event, and its number. */
static int write_event(struct store *store, const struct store_command *record)
{
	const struct store_event event = event_of(record);
	int code = record->topic ? store_write_event(store, &event) : SQLITE_OK;

	return code == SQLITE_OK ? store_write_seq(store, record->seq) : code;
}

static int write_record(struct store *store, store_work *work, const struct store_command *record)
{
	const struct store_event event = event_of(record);
	int r = store_transaction(store, work, record);

	if (r < 0)
		return r;
	store_seq_written(store, record->seq);
	if (record->topic)
		store_event_written(store, &event);
	return 0;
}

static int add(struct store *store, const void *arguments)
{
	const struct store_command *record = arguments;
	sqlite3_stmt *statement = store_statement(store, STORE_COMMAND_ADD);
	int code;

	bind_text(statement, 1, record->id);
	bind_text(statement, 2, record->method);
	bind_text(statement, 3, record->args);
	bind_text(statement, 4, record->event);
	sqlite3_bind_int64(statement, 5, (sqlite3_int64)record->seq);
	sqlite3_bind_int(statement, 6, final_of(record));
	sqlite3_bind_int64(statement, 7, record->wall_ms);
	code = store_step(statement);
	return code == SQLITE_OK ? write_event(store, record) : code;
}

int store_command_add(struct store *store, const struct store_command *record)
{
	return write_record(store, add, record);
}

static int update(struct store *store, const void *arguments)
{
	const struct store_command *record = arguments;
	sqlite3_stmt *statement = store_statement(store, STORE_COMMAND_UPDATE);
	int code;

	bind_text(statement, 1, record->id);
	bind_text(statement, 2, record->event);
	sqlite3_bind_int64(statement, 3, (sqlite3_int64)record->seq);
	sqlite3_bind_int(statement, 4, final_of(record));
	sqlite3_bind_int64(statement, 5, record->wall_ms);
	bind_text(statement, 6, record->args);
	code = store_step(statement);
	if (code == SQLITE_OK && sqlite3_changes(store->database) == 0)
		code = SQLITE_NOTFOUND;
	return code == SQLITE_OK ? write_event(store, record) : code;
}

int store_command_update(struct store *store, const struct store_command *record)
{
	int r = write_record(store, update, record);

	/* What was there is in the log until that is begun anew. Someone who reads the file now puts it off until the next time. */
	if (r == 0 && record->args)
		(void)sqlite3_exec(store->database, "PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL);
	return r;
}

void store_erase_what_goes(struct store *store)
{
	(void)sqlite3_exec(store->database, "PRAGMA secure_delete = ON", NULL, NULL, NULL);
}

/* ---- reading */

/* Returns a SQLite result code. */
static int hand_over(struct store *store, sqlite3_stmt *row, store_command_found *found, void *userdata)
{
	const struct store_command record = {
		.id = (const char *)sqlite3_column_text(row, 0),
		.method = (const char *)sqlite3_column_text(row, 1),
		.args = (const char *)sqlite3_column_text(row, 2),
		.event = (const char *)sqlite3_column_text(row, 3),
		.seq = (uint64_t)sqlite3_column_int64(row, 4),
		.final = sqlite3_column_int(row, 5) != STORE_UNFINISHED,
		.rejected = sqlite3_column_int(row, 5) == STORE_REJECTED,
		.wall_ms = sqlite3_column_int64(row, 6),
	};

	/* Columns that are not NULL: so memory was short, or the disk gave something else back. */
	if (!record.id || !record.method || !record.event ||
		(!record.args && sqlite3_column_type(row, 2) != SQLITE_NULL) || !sqlite3_column_int(row, 7))
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

struct resumed {
	const char *id;
	unsigned *ret_times;
};

static int count_resume(struct store *store, const void *arguments)
{
	const struct resumed *resumed = arguments;
	sqlite3_stmt *statement = store_statement(store, STORE_COMMAND_RESUMED);
	int code;

	bind_text(statement, 1, resumed->id);
	code = sqlite3_step(statement);
	if (code == SQLITE_ROW)
		*resumed->ret_times = (unsigned)sqlite3_column_int(statement, 0);
	code = code == SQLITE_ROW ? sqlite3_step(statement) : code == SQLITE_DONE ? SQLITE_NOTFOUND : code;
	sqlite3_reset(statement);
	return code == SQLITE_DONE ? SQLITE_OK : code;
}

int store_command_resumed(struct store *store, const char *id, unsigned *ret_times)
{
	unsigned times = 0;
	int r = store_transaction(store, count_resume, &(struct resumed) { id, &times });

	if (r == 0)
		*ret_times = times;
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

int store_count(struct store *store, enum store_sql sql, size_t *ret_count)
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
void store_give_back(struct store *store)
{
	size_t pages = 0, unused = 0;

	if (store_count(store, STORE_PAGE_COUNT, &pages) == 0 &&
		store_count(store, STORE_UNUSED_COUNT, &unused) == 0 && unused >= UNUSED_PAGES_MIN &&
		unused > pages / 2)
		(void)sqlite3_exec(store->database, "PRAGMA incremental_vacuum", NULL, NULL, NULL);
}

static int forget_rejected(struct store *store, const void *arguments)
{
	sqlite3_stmt *statement = store_statement(store, STORE_COMMAND_FORGET_REJECTED);

	sqlite3_bind_int64(statement, 1, *(const sqlite3_int64 *)arguments);
	return store_step(statement);
}

int store_command_prune_rejected(struct store *store, size_t most, size_t *ret_count)
{
	const sqlite3_int64 limit = (sqlite3_int64)most;
	int r = store_transaction(store, forget_rejected, &limit);

	return r < 0 ? r : store_count(store, STORE_COMMAND_COUNT_REJECTED, ret_count);
}

int store_command_prune(struct store *store, int64_t oldest_wall_ms, size_t most, size_t *ret_count)
{
	const struct bounds bounds = { .oldest_wall_ms = oldest_wall_ms, .most = most };
	int r = store_transaction(store, forget, &bounds);

	if (r < 0)
		return r;
	store_give_back(store);
	return store_count(store, STORE_COMMAND_COUNT, ret_count);
}
