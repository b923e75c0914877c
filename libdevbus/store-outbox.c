// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * The outbox on disk: events that nobody beyond the bridge has confirmed yet, by their number in the stream. An event that belongs
 * to a command is written in the command's own transaction (store-journal.c): there is no instant at which one of
 * the two is known and the other is not.
 */
#include "store-internal.h"
#include <errno.h>
#include <string.h>

/* ---- how much is in it; kept in memory, because it is asked for with each event */

int store_read_outbox_size(struct store *store)
{
	sqlite3_stmt *statement = store_statement(store, STORE_EVENT_SIZE);
	int code = sqlite3_step(statement);

	if (code == SQLITE_ROW) {
		store->outbox.count = (size_t)sqlite3_column_int64(statement, 0);
		store->outbox.bytes = (size_t)sqlite3_column_int64(statement, 1);
		store->untold = (uint64_t)sqlite3_column_int64(statement, 2);
		code = SQLITE_OK;
	}
	sqlite3_reset(statement);
	return code == SQLITE_DONE ? SQLITE_CORRUPT : code;
}

struct store_size store_outbox_size(const struct store *store)
{
	return store->outbox;
}

size_t store_event_bytes(const struct store_event *event)
{
	return STORE_EVENT_OVERHEAD + strlen(event->topic) + strlen(event->payload);
}

/* ---- adding */

int store_write_event(struct store *store, const struct store_event *event)
{
	sqlite3_stmt *statement = store_statement(store, STORE_EVENT_ADD);

	sqlite3_bind_int64(statement, 1, (sqlite3_int64)event->seq);
	sqlite3_bind_int(statement, 2, event->class);
	sqlite3_bind_int64(statement, 3, event->wall_ms);
	sqlite3_bind_int64(statement, 4, (sqlite3_int64)store_event_bytes(event));
	sqlite3_bind_text(statement, 5, event->topic, -1, SQLITE_STATIC);
	sqlite3_bind_text(statement, 6, event->payload, -1, SQLITE_STATIC);
	return store_step(statement);
}

void store_event_written(struct store *store, const struct store_event *event)
{
	store->outbox.count++;
	store->outbox.bytes += store_event_bytes(event);
}

/* ---- losses that are to be told (protocol 6.3), changed in the transaction of what is dropped, or of what tells them */

static int write_untold(struct store *store, uint64_t untold)
{
	sqlite3_stmt *statement = store_statement(store, STORE_WRITE_UNTOLD);

	if (untold == store->untold)
		return SQLITE_OK;
	sqlite3_bind_int64(statement, 1, (sqlite3_int64)untold);
	return store_step(statement);
}

static uint64_t untold_without(const struct store *store, uint64_t told)
{
	return told < store->untold ? store->untold - told : 0;
}

static int tell(struct store *store, const void *arguments)
{
	return write_untold(store, untold_without(store, *(const uint64_t *)arguments));
}

int store_events_told(struct store *store, uint64_t count)
{
	int r = count && store->untold ? store_transaction(store, tell, &count) : 0;

	if (r == 0)
		store->untold = untold_without(store, count);
	return r;
}

uint64_t store_events_untold(const struct store *store)
{
	return store->untold;
}

/* ---- batches */

struct batch {
	const struct store_event *events;
	size_t count;
	uint64_t told;
};

static int add_batch(struct store *store, const void *arguments)
{
	const struct batch *batch = arguments;
	int code = SQLITE_OK;

	for (size_t i = 0; code == SQLITE_OK && i < batch->count; i++)
		code = store_write_event(store, &batch->events[i]);
	if (code == SQLITE_OK)
		code = write_untold(store, untold_without(store, batch->told));
	return code == SQLITE_OK ? store_write_seq(store, batch->events[batch->count - 1].seq) : code;
}

int store_events_add(struct store *store, const struct store_event *events, size_t count)
{
	struct batch batch = { .events = events, .count = count };
	int r;

	for (size_t i = 0; i < count; i++)
		batch.told += events[i].dropped;
	r = count ? store_transaction(store, add_batch, &batch) : 0;
	if (r == 0)
		store->untold = untold_without(store, batch.told);
	for (size_t i = 0; r == 0 && i < count; i++)
		store_event_written(store, &events[i]);
	if (r == 0 && count)
		store_seq_written(store, events[count - 1].seq);
	return r;
}

/* ---- reading */

int store_events_read(
	struct store *store, uint64_t after_seq, size_t most, store_event_found *found, void *userdata)
{
	sqlite3_stmt *statement = store_statement(store, STORE_EVENT_READ);
	int code, r;

	sqlite3_bind_int64(statement, 1, (sqlite3_int64)after_seq);
	sqlite3_bind_int64(statement, 2, (sqlite3_int64)most);
	while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
		const struct store_event event = {
			.seq = (uint64_t)sqlite3_column_int64(statement, 0),
			.class = sqlite3_column_int(statement, 1),
			.wall_ms = sqlite3_column_int64(statement, 2),
			.topic = (const char *)sqlite3_column_text(statement, 3),
			.payload = (const char *)sqlite3_column_text(statement, 4),
		};

		if (!event.topic || !event.payload || !sqlite3_column_int(statement, 5)) {
			code = sqlite3_errcode(store->database) == SQLITE_NOMEM ? SQLITE_NOMEM
										: SQLITE_CORRUPT;
			break;
		}
		found(&event, userdata);
	}
	r = store_errno(store->database, code == SQLITE_DONE ? SQLITE_OK : code);
	sqlite3_reset(statement);
	return r;
}

int store_events_of_stream(struct store *store, const char *stream, uint64_t seq, uint64_t *ret_seq)
{
	sqlite3_stmt *statement = store_statement(store, STORE_EVENT_OF_STREAM);
	int code, r;

	sqlite3_bind_int64(statement, 1, (sqlite3_int64)seq);
	sqlite3_bind_text(statement, 2, stream, -1, SQLITE_STATIC);
	code = sqlite3_step(statement);
	if (code == SQLITE_ROW)
		*ret_seq = (uint64_t)sqlite3_column_int64(statement, 0);
	r = store_errno(store->database, code == SQLITE_ROW    ? SQLITE_OK
					 : code == SQLITE_DONE ? SQLITE_NOTFOUND
							       : code);
	sqlite3_reset(statement);
	return r;
}

/* ---- forgetting */

struct forgetting {
	enum store_sql sql;
	int64_t a, b;
	struct store_size *forgotten;
	uint64_t *told;
};

/* An event that was confirmed is no loss. */
static uint64_t untold_after(const struct store *store, const struct forgetting *forgetting)
{
	if (forgetting->sql == STORE_EVENT_CONFIRM)
		return store->untold;
	return store->untold + forgetting->forgotten->count + *forgetting->told;
}

static int forget(struct store *store, const void *arguments)
{
	const struct forgetting *forgetting = arguments;
	sqlite3_stmt *statement = store_statement(store, forgetting->sql);
	int code;

	sqlite3_bind_int64(statement, 1, forgetting->a);
	if (sqlite3_bind_parameter_count(statement) > 1)
		sqlite3_bind_int64(statement, 2, forgetting->b);
	while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
		forgetting->forgotten->count++;
		forgetting->forgotten->bytes += (size_t)sqlite3_column_int64(statement, 0);
		if (sqlite3_column_count(statement) > 1)
			*forgetting->told += (uint64_t)sqlite3_column_int64(statement, 1);
	}
	sqlite3_reset(statement);
	if (code != SQLITE_DONE)
		return code;
	return write_untold(store, untold_after(store, forgetting));
}

static int forget_some(struct store *store, enum store_sql sql, int64_t a, int64_t b,
	struct store_size *ret_forgotten, uint64_t *ret_told)
{
	struct store_size forgotten = { 0, 0 };
	uint64_t told = 0;
	const struct forgetting forgetting = { sql, a, b, &forgotten, &told };
	int r = store_transaction(store, forget, &forgetting);

	if (r < 0)
		return r;
	store->untold = untold_after(store, &forgetting);
	store->outbox.count -= forgotten.count;
	store->outbox.bytes -= forgotten.bytes;
	if (ret_forgotten)
		*ret_forgotten = forgotten;
	if (ret_told)
		*ret_told = told;
	if (forgotten.count)
		store_give_back(store);
	return 0;
}

int store_events_confirm(struct store *store, uint64_t seq, struct store_size *ret_forgotten)
{
	return forget_some(store, STORE_EVENT_CONFIRM, (int64_t)seq, 0, ret_forgotten, NULL);
}

int store_events_remove(
	struct store *store, uint64_t seq, struct store_size *ret_forgotten, uint64_t *ret_told)
{
	return forget_some(store, STORE_EVENT_REMOVE, (int64_t)seq, 0, ret_forgotten, ret_told);
}

static int drop_some(
	struct store *store, enum store_sql sql, int64_t a, int64_t b, struct store_drop *ret_drop)
{
	struct store_size forgotten;
	uint64_t told;
	int r = forget_some(store, sql, a, b, &forgotten, &told);

	if (r == 0)
		*ret_drop = (struct store_drop) { forgotten.count, told };
	return r;
}

int store_events_drop_old(struct store *store, int64_t oldest_wall_ms, struct store_drop *ret_drop)
{
	return drop_some(store, STORE_EVENT_DROP_OLD, oldest_wall_ms, 0, ret_drop);
}

int store_events_drop(struct store *store, int most_class, size_t count, struct store_drop *ret_drop)
{
	return drop_some(store, STORE_EVENT_DROP, most_class, (int64_t)count, ret_drop);
}
