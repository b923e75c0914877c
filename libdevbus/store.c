// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * Transactions and the two counters. Power may go at any instant and the disk may be full for a
 * week, so there is one way to write: a transaction that is on disk when it returns 0 and leaves nothing
 * behind otherwise. Nothing has to be repaired afterwards; the next write simply tries again.
 */
#include "store-internal.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

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

int store_probe(struct store *store)
{
	return store_transaction(store, take_seq, &store->seq);
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
