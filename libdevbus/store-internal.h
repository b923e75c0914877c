// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* What the files of the store share. Only they include sqlite3.h. */
#ifndef DEVBUS_INTERNAL_STORE_INTERNAL_H
#define DEVBUS_INTERNAL_STORE_INTERNAL_H

#include "store.h"
#include <limits.h>
#include <sqlite3.h>

/* All SQL that runs after the file is open; the texts are a table in store-sql.c. */
enum store_sql {
	STORE_BEGIN,
	STORE_COMMIT,
	STORE_ROLLBACK,
	STORE_READ_IDENTITY,
	STORE_WRITE_INCARNATION,
	STORE_WRITE_SEQ,
	STORE_AFTER_SALVAGE,
	STORE_COUNT_DAMAGED,
	STORE_COMMAND_ADD,
	STORE_COMMAND_UPDATE,
	STORE_COMMAND_FIND,
	STORE_COMMAND_UNFINISHED,
	STORE_COMMAND_RESUMED,
	STORE_COMMAND_FORGET_OLD,
	STORE_COMMAND_FORGET_MANY,
	STORE_COMMAND_COUNT,
	STORE_COMMAND_FORGET_REJECTED,
	STORE_COMMAND_COUNT_REJECTED,
	STORE_EVENT_ADD,
	STORE_EVENT_READ,
	STORE_EVENT_SIZE,
	STORE_WRITE_UNTOLD,
	STORE_EVENT_OF_STREAM,
	STORE_EVENT_CONFIRM,
	STORE_EVENT_REMOVE,
	STORE_EVENT_DROP_OLD,
	STORE_EVENT_DROP,
	STORE_PAGE_COUNT,
	STORE_UNUSED_COUNT,
	STORE_SQL_COUNT,
};

/* Of a new file, as the digits in SQL. Small, because each commit writes all pages that it touched. */
#define STORE_PAGE_BYTES 1024
#define STORE_DIGITS_OF(number) #number
#define STORE_DIGITS(number) STORE_DIGITS_OF(number)

/* The checksums of rows, as they are in their column crc. */
#define STORE_COMMAND_CRC "checksum(id, method, args, event, seq, final, wall_ms, resumed)"
#define STORE_EVENT_CRC "checksum(seq, class, wall_ms, bytes, topic, payload)"

/* The column final. */
enum store_final { STORE_UNFINISHED, STORE_FINISHED, STORE_REJECTED };

struct store {
	sqlite3 *database;
	sqlite3_stmt *statements[STORE_SQL_COUNT];
	char stream[17];
	/* As on disk: set only after a commit. */
	uint64_t incarnation;
	uint64_t seq;
	struct store_size outbox;
	uint64_t untold;
};

/* ---- store-sql.c: everything here speaks SQLite result codes */

/* The negative errno of @code, the last result of @database (which may be NULL). 0 for success. */
int store_errno(sqlite3 *database, int code);

/* Whether a system call on the files failed: SQLite calls what it could not read damaged (SQLITE_CORRUPT), and it may be whole. */
bool store_disk_failed(sqlite3 *database);

/*
 * The file's schema version, 0 for a new file. SQLITE_NOTADB: another program's; SQLITE_SCHEMA: newer than we are (and *@ret_version is
 * its version).
 */
int store_read_version(sqlite3 *database, int *ret_version);

/* Brings a file of an older @version (0: a new one) to ours. */
int store_migrate(sqlite3 *database, int version);

/* Prepares all statements. */
int store_prepare(struct store *store);

/* ---- store-checksum.c */

/* Adds the function checksum() to SQL. */
int store_add_checksum(sqlite3 *database);

/* ---- store-file.c: the file as the file system sees it, in negative errno */

/* Makes @path with mode 0600 unless it is there, and looks whether it may be written. */
int store_file_prepare(const char *path);

/* Looks whether @path may be written. -ENOENT: nothing is there; -ENODATA: it is empty, or only what belongs to it is there. */
int store_file_look(const char *path);

/* Whether the header of the database @path asks for a later SQLite to write it, which none of ours does. */
bool store_file_says_read_only(const char *path);

/* The file that is made to take the place of @path: without its first words, whole, the only one. */
#define STORE_FILE_UNDER_WAY ".new"
#define STORE_FILE_WHOLE ".salvaged"
int store_file_name(const char *path, const char *suffix, char ret_name[PATH_MAX]);

/* Removes @path and all that belongs to it. */
int store_file_remove(const char *path);

/* Gives the file @from the name @to, for good. */
int store_file_rename(const char *from, const char *to);

/* Renames @path, its -wal, -shm and -journal to @path.damaged-N, as far as they are there. Returns N. */
int store_file_put_aside(const char *path);

/* Makes the names in the folder of @path durable. */
int store_file_sync_folder(const char *path);

/* ---- store-salvage.c */

/* Adds to @into, which is new, all rows of the damaged file @path and its log that can be read. Leaves that as it is. */
int store_salvage(const char *path, struct store *into);

/* ---- store.c */

/* A statement ready for new parameters. Whoever steps it resets it. */
sqlite3_stmt *store_statement(struct store *store, enum store_sql sql);

/* Runs a statement that gives no row. Returns a SQLite result code, SQLITE_OK for success. */
int store_step(sqlite3_stmt *statement);

/*
 * Runs @work inside one transaction that is on disk when this returns 0; else nothing of it is. @work returns a SQLite result
 * code; SQLITE_NOTFOUND becomes -ENOENT.
 */
typedef int store_work(struct store *store, const void *arguments);
int store_transaction(struct store *store, store_work *work, const void *arguments);

/* Moves the sequence forward to @seq, inside a transaction; store_seq_written() after its commit. */
int store_write_seq(struct store *store, uint64_t seq);
void store_seq_written(struct store *store, uint64_t seq);

/* ---- store-outbox.c */

/* Reads what store_outbox_size() tells from the file. Returns a SQLite result code. */
int store_read_outbox_size(struct store *store);

/* Writes an event inside a transaction, with a SQLite result code; store_event_written() after its commit. */
int store_write_event(struct store *store, const struct store_event *event);
void store_event_written(struct store *store, const struct store_event *event);

/* ---- store-journal.c */

/* The number that is the only row of @sql. 0 or a negative errno. */
int store_count(struct store *store, enum store_sql sql, size_t *ret_count);

/* Gives unused pages back to the disk when there are many. */
void store_give_back(struct store *store);

#endif
