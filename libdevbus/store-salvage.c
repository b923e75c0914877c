// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * What can still be read of a damaged file. SQLite gives up at the first thing that is wrong, and a turned bit in the root of a table
 * would cost all of it. So its pages are read one by one, whatever led to them, and of their rows those are kept whose checksum
 * is right. Format: https://sqlite.org/fileformat2.html sections 1 and 2.
 *
 * A page counts as the log has it last; one that was given back (and would bring what is long gone) does not count. Rows that are
 * there twice all the same are one: events by number, commands by the higher number of their last event.
 */
#include "store-internal.h"
#include "store-log.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	FILE_HEADER = 100, /* bytes, at the head of page 1; and in it: */
	HEADER_LARGEST_ROOT = 52, /* not 0: there are pages that tell what the others are for */
	LEAF = 13, /* a page with rows of a table; in its header: */
	LEAF_ROWS = 3,
	LEAF_PLACES = 8,
	NEXT = 4, /* number of the next page of a row that goes on, at the head of the page */
	ROW_LOCAL_MAX = STORE_PAGE_BYTES - 35, /* longer rows go on elsewhere, and leave ... here */
	ROW_LOCAL_MIN = (STORE_PAGE_BYTES - 12) * 32 / 255 - 23,
	ROW_MAX = 64 << 20,
	KIND = 5, /* bytes that tell the use of a page */
	KINDS = STORE_PAGE_BYTES / KIND, /* pages that are told of by the one before them */
	KIND_FREE = 2,
};

struct damaged {
	int fd; /* < 0: only the log is there */
	uint32_t page_count;
	struct store_log log;
	uint32_t *latest; /* for each page: number of the last sound frame + 1; 0: it is in the file */
	bool told_kinds;
	struct store *into;
	sqlite3_stmt *statements[11]; /* by the count of columns */
};

static const char *const sql[11] = {
	[3] = "UPDATE untold SET count = max(count, ?2), crc = checksum(max(count, ?2)) WHERE ?3 = checksum(?2)",
	[6] = "UPDATE identity SET incarnation = max(incarnation, ?3), seq = max(seq, ?4)"
	      " WHERE ?6 = checksum(?2, ?3, ?4, ?5)",
	[7] = "INSERT OR IGNORE INTO event(seq, class, wall_ms, bytes, topic, payload, crc)"
	      " SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7 WHERE ?7 = checksum(?1, ?2, ?3, ?4, ?5, ?6)",
	[10] = "INSERT INTO command(number, id, seq, final, wall_ms, method, event, args, resumed, crc)"
	       " SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10"
	       " WHERE ?10 = checksum(?2, ?6, ?8, ?7, ?3, ?4, ?5, ?9) ON CONFLICT DO UPDATE SET"
	       " seq = excluded.seq, final = excluded.final, wall_ms = excluded.wall_ms, event = excluded.event,"
	       " args = excluded.args, resumed = excluded.resumed, crc = excluded.crc"
	       " WHERE id = excluded.id AND (excluded.seq, excluded.resumed) > (seq, resumed)",
};
#define SQL_COUNT (sizeof(sql) / sizeof(sql[0]))

/* ---- pages */

static const unsigned char *read_page(const struct damaged *damaged, uint32_t page, unsigned char *room)
{
	struct store_frame frame;

	if (page == 0 || page > damaged->page_count)
		return NULL;
	if (damaged->latest[page] && store_log_frame(&damaged->log, damaged->latest[page] - 1, &frame))
		return frame.bytes;
	memset(room, 0, STORE_PAGE_BYTES); /* of a page that was cut, the first part counts */
	return damaged->fd >= 0 && pread(damaged->fd, room, STORE_PAGE_BYTES,
					   (off_t)(page - 1) * STORE_PAGE_BYTES) > 0
		       ? room
		       : NULL;
}

/* Given back, and what is in it is of no time. */
static bool is_free(const struct damaged *damaged, uint32_t page)
{
	unsigned char room[STORE_PAGE_BYTES];
	const unsigned char *kinds;
	uint32_t teller;

	if (!damaged->told_kinds || page < 3)
		return false;
	teller = (page - 2) / (KINDS + 1) * (KINDS + 1) + 2;
	kinds = page == teller ? NULL : read_page(damaged, teller, room);
	return kinds && kinds[(page - teller - 1) * KIND] == KIND_FREE;
}

/* ---- rows */

/* What is left of something to be read; at == end when it ended too early. */
struct rest {
	const unsigned char *at, *end;
};

static uint64_t take_number(struct rest *rest)
{
	uint64_t number = 0;

	for (int i = 0; i < 9 && rest->at < rest->end; i++) {
		unsigned char byte = *rest->at++;

		if (i == 8)
			return number << 8 | byte;
		number = number << 7 | (byte & 0x7f);
		if (byte < 0x80)
			return number;
	}
	rest->at = rest->end;
	return 0;
}

static int64_t signed_number(const unsigned char *bytes, size_t size)
{
	uint64_t number = size && bytes[0] & 0x80 ? UINT64_MAX : 0;

	for (size_t i = 0; i < size; i++)
		number = number << 8 | bytes[i];
	return (int64_t)number;
}

/* Binds one column. False: it does not fit in. */
static bool take_column(sqlite3_stmt *statement, int column, uint64_t type, struct rest *content)
{
	static const unsigned char sizes[] = { 0, 1, 2, 3, 4, 6, 8 };
	size_t size = type < sizeof sizes ? sizes[type] : type >= 13 ? (size_t)(type - 13) / 2 : 0;
	const unsigned char *bytes = content->at;

	if (size > (size_t)(content->end - content->at))
		return false;
	content->at += size;
	if (type == 0)
		return true;
	if (type < sizeof sizes)
		return sqlite3_bind_int64(statement, column, signed_number(bytes, size)) == SQLITE_OK;
	if (type == 8 || type == 9)
		return sqlite3_bind_int64(statement, column, (sqlite3_int64)type - 8) == SQLITE_OK;
	return type >= 13 && type % 2 == 1 &&
	       sqlite3_bind_text(statement, column, (const char *)bytes, (int)size, SQLITE_STATIC) ==
		       SQLITE_OK;
}

static int count_columns(struct rest types)
{
	int count = 0;

	for (; types.at < types.end; count++)
		take_number(&types);
	return count;
}

/* Returns a SQLite result code; a row that cannot be one of ours is no failure. */
static int take_row(struct damaged *damaged, int64_t number, struct rest row)
{
	struct rest types = row;
	uint64_t header = take_number(&types);
	int columns;
	sqlite3_stmt *statement;

	if (header > (uint64_t)(row.end - row.at) || row.at + header < types.at)
		return SQLITE_OK;
	row.at += header;
	types.end = row.at;
	columns = count_columns(types);
	statement = columns < (int)SQL_COUNT ? damaged->statements[columns] : NULL;
	if (!statement)
		return SQLITE_OK;
	sqlite3_clear_bindings(statement);
	for (int i = 1; i <= columns; i++)
		if (!take_column(statement, i, take_number(&types), &row))
			return SQLITE_OK;
	/* The first column is the row's number and is not repeated in it. */
	sqlite3_bind_int64(statement, 1, number);
	return store_step(statement);
}

/* The rest of a row that is longer than its page. False: it is not all there. */
static bool read_on(const struct damaged *damaged, uint32_t page, unsigned char *to, size_t size)
{
	unsigned char room[STORE_PAGE_BYTES];

	while (size) {
		const unsigned char *bytes = read_page(damaged, page, room);
		size_t here = size < STORE_PAGE_BYTES - NEXT ? size : STORE_PAGE_BYTES - NEXT;

		if (!bytes)
			return false;
		memcpy(to, bytes + NEXT, here);
		to += here;
		size -= here;
		page = store_big_endian(bytes);
	}
	return true;
}

static size_t local_size(uint64_t size)
{
	size_t local = ROW_LOCAL_MIN + (size_t)(size - ROW_LOCAL_MIN) % (STORE_PAGE_BYTES - NEXT);

	if (size <= ROW_LOCAL_MAX)
		return (size_t)size;
	return local <= ROW_LOCAL_MAX ? local : ROW_LOCAL_MIN;
}

static int take_long_row(struct damaged *damaged, int64_t number, struct rest cell, size_t size, size_t local)
{
	unsigned char *row = malloc(size);
	int code = SQLITE_OK;

	if (!row)
		return SQLITE_NOMEM;
	memcpy(row, cell.at, local);
	if (read_on(damaged, store_big_endian(cell.at + local), row + local, size - local))
		code = take_row(damaged, number, (struct rest) { row, row + size });
	free(row);
	return code;
}

static int take_cell(struct damaged *damaged, struct rest cell)
{
	uint64_t size = take_number(&cell);
	int64_t number = (int64_t)take_number(&cell);
	size_t left = (size_t)(cell.end - cell.at), local = local_size(size);

	if (size == 0 || size > ROW_MAX || local > left)
		return SQLITE_OK;
	if (local == size)
		return take_row(damaged, number, (struct rest) { cell.at, cell.at + size });
	if (left - local < NEXT || size / STORE_PAGE_BYTES > damaged->page_count)
		return SQLITE_OK;
	return take_long_row(damaged, number, cell, (size_t)size, local);
}

static int take_page(struct damaged *damaged, uint32_t page, const unsigned char *bytes)
{
	const unsigned char *header = bytes + (page == 1 ? FILE_HEADER : 0), *end = bytes + STORE_PAGE_BYTES;
	size_t rows = (size_t)header[LEAF_ROWS] << 8 | header[LEAF_ROWS + 1];
	int code = SQLITE_OK;

	if (header[0] != LEAF)
		return SQLITE_OK;
	for (size_t i = 0; i < rows && code == SQLITE_OK; i++) {
		const unsigned char *place = header + LEAF_PLACES + 2 * i;
		size_t at = place + 2 <= end ? (size_t)place[0] << 8 | place[1] : STORE_PAGE_BYTES;

		if (at < STORE_PAGE_BYTES)
			code = take_cell(damaged, (struct rest) { bytes + at, end });
	}
	return code;
}

/* ---- all of it */

static int take_pages(struct damaged *damaged)
{
	unsigned char room[STORE_PAGE_BYTES];
	int code = SQLITE_OK;

	for (uint32_t page = 1; page <= damaged->page_count && code == SQLITE_OK; page++) {
		const unsigned char *bytes = is_free(damaged, page) ? NULL : read_page(damaged, page, room);

		if (bytes)
			code = take_page(damaged, page, bytes);
	}
	return code;
}

/* Later than the last sound frame of the same page: what is left of these is all there is of the last change. */
static int take_unsound_frames(struct damaged *damaged)
{
	struct store_frame frame;
	int code = SQLITE_OK;

	for (size_t i = 0; i < damaged->log.ended && code == SQLITE_OK; i++)
		if (store_log_frame(&damaged->log, i, &frame) && !frame.sound &&
			(frame.page > damaged->page_count || damaged->latest[frame.page] <= i))
			code = take_page(damaged, frame.page, frame.bytes);
	return code;
}

static int take_all(struct store *store, const void *arguments)
{
	struct damaged damaged = *(const struct damaged *)arguments;
	int code = SQLITE_OK;

	for (size_t i = 0; i < SQL_COUNT && code == SQLITE_OK; i++)
		if (sql[i])
			code = sqlite3_prepare_v2(store->database, sql[i], -1, &damaged.statements[i], NULL);
	if (code == SQLITE_OK)
		code = take_pages(&damaged);
	if (code == SQLITE_OK)
		code = take_unsound_frames(&damaged);
	for (size_t i = 0; i < SQL_COUNT; i++)
		sqlite3_finalize(damaged.statements[i]);
	return code == SQLITE_OK ? store_step(store_statement(store, STORE_AFTER_SALVAGE)) : code;
}

/* Of all pages, also those that are in the log alone. */
static int map_log(struct damaged *damaged)
{
	struct store_frame frame;

	for (size_t i = 0; i < damaged->log.ended; i++)
		if (store_log_frame(&damaged->log, i, &frame) && frame.sound &&
			frame.page > damaged->page_count)
			damaged->page_count = frame.page;
	damaged->latest = calloc((size_t)damaged->page_count + 1, sizeof *damaged->latest);
	if (!damaged->latest)
		return -ENOMEM;
	for (size_t i = 0; i < damaged->log.ended; i++)
		if (store_log_frame(&damaged->log, i, &frame) && frame.sound &&
			frame.page <= damaged->page_count)
			damaged->latest[frame.page] = (uint32_t)i + 1;
	return 0;
}

static int open_damaged(const char *path, struct damaged *damaged)
{
	unsigned char room[STORE_PAGE_BYTES];
	const unsigned char *first;
	struct stat status;
	int r;

	damaged->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (damaged->fd < 0 && errno != ENOENT)
		return -errno;
	if (damaged->fd >= 0 && fstat(damaged->fd, &status) == 0)
		damaged->page_count = (uint32_t)((status.st_size + STORE_PAGE_BYTES - 1) / STORE_PAGE_BYTES);
	r = store_log_read(path, &damaged->log);
	if (r == 0)
		r = map_log(damaged);
	first = r == 0 ? read_page(damaged, 1, room) : NULL;
	damaged->told_kinds = first && store_big_endian(first + HEADER_LARGEST_ROOT) != 0;
	return r;
}

int store_salvage(const char *path, struct store *into)
{
	struct damaged damaged = { .fd = -1 };
	int r = open_damaged(path, &damaged);

	if (r == 0)
		r = store_transaction(into, take_all, &damaged);
	if (damaged.fd >= 0)
		close(damaged.fd);
	store_log_free(&damaged.log);
	free(damaged.latest);
	return r;
}
