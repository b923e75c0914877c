// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * All SQL of the store, as tables: the schema as a list of steps from one version to the next, and the statements by
 * number. A new table is a new step at the end of the list; a step that was released is never changed, because
 * devices in the field have taken it.
 */
#include "store-internal.h"
#include <errno.h>
#include <stdio.h>

/* "dvbs": tells file(1) and us whose database this is. */
#define APPLICATION_ID 0x64766273

/*
 * Step N leads from schema version N to N + 1. Columns that are long stand last, so that short ones are read without them.
 * `number` keeps the order in which commands came, whatever the clocks say.
 */
static const char *const schema_steps[] = {
	"CREATE TABLE identity("
	" only INTEGER PRIMARY KEY CHECK(only = 1),"
	" stream TEXT NOT NULL,"
	" incarnation INTEGER NOT NULL,"
	" seq INTEGER NOT NULL);"
	"INSERT INTO identity VALUES(1, lower(hex(randomblob(8))), 0, 0);"
	"CREATE TABLE command("
	" number INTEGER PRIMARY KEY,"
	" id TEXT NOT NULL UNIQUE,"
	" seq INTEGER NOT NULL,"
	" final INTEGER NOT NULL,"
	" wall_ms INTEGER NOT NULL,"
	" method TEXT NOT NULL,"
	" event TEXT NOT NULL,"
	" args TEXT);"
	"CREATE INDEX command_finished ON command(seq, wall_ms, final) WHERE final;",
	"CREATE TABLE event("
	" seq INTEGER PRIMARY KEY,"
	" class INTEGER NOT NULL,"
	" wall_ms INTEGER NOT NULL,"
	" bytes INTEGER NOT NULL,"
	" topic TEXT NOT NULL,"
	" payload TEXT NOT NULL);",
	"ALTER TABLE command ADD COLUMN resumed INTEGER NOT NULL DEFAULT 0;",
	"ALTER TABLE identity ADD COLUMN schema INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE identity ADD COLUMN crc INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE command ADD COLUMN crc INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE event ADD COLUMN crc INTEGER NOT NULL DEFAULT 0;"
	"UPDATE command SET crc = checksum(id, method, args, event, seq, final, wall_ms, resumed);"
	"UPDATE event SET crc = checksum(seq, class, wall_ms, bytes, topic, payload);"
	"CREATE TABLE untold(only INTEGER PRIMARY KEY CHECK(only = 1), count INTEGER NOT NULL, crc INTEGER NOT NULL);"
	"INSERT INTO untold VALUES(1, 0, checksum(0));",
};
#define SCHEMA_VERSION ((int)(sizeof(schema_steps) / sizeof(schema_steps[0])))
_Static_assert(SCHEMA_VERSION == STORE_SCHEMA, "the number that others are told");

/* From this one on the row of identity says the version too: a file that contradicts itself is damaged, not newer. */
#define SCHEMA_SAID_TWICE 4

#define COMMAND_COLUMNS "id, method, args, event, seq, final, wall_ms"
#define IDENTITY_CRC "checksum(stream, incarnation, seq, schema)"

/* What a dropped event would have told of earlier ones (protocol 6.3). */
#define TOLD ", coalesce(json_extract(payload, '$.dropped'), 0)"

static const char *const sql_texts[STORE_SQL_COUNT] = {
	/* IMMEDIATE: a lock that cannot be had is told here and not in the middle. */
	[STORE_BEGIN] = "BEGIN IMMEDIATE",
	[STORE_COMMIT] = "COMMIT",
	[STORE_ROLLBACK] = "ROLLBACK",
	[STORE_READ_IDENTITY] =
		"SELECT stream, incarnation, seq, schema, crc = " IDENTITY_CRC " FROM identity",
	[STORE_WRITE_INCARNATION] = "UPDATE identity SET incarnation = ?1,"
				    " crc = checksum(stream, ?1, seq, schema)",
	[STORE_WRITE_SEQ] = "UPDATE identity SET seq = max(seq, ?1),"
			    " crc = checksum(stream, incarnation, max(seq, ?1), schema)",
	[STORE_AFTER_SALVAGE] =
		"UPDATE identity SET (seq, crc) = (SELECT highest, checksum(stream, incarnation, highest, schema)"
		" FROM (SELECT max(seq, (SELECT coalesce(max(seq), 0) FROM event),"
		" (SELECT coalesce(max(seq), 0) FROM command)) AS highest))",
	[STORE_COUNT_DAMAGED] = "SELECT (SELECT count(*) FROM command WHERE crc IS NOT " STORE_COMMAND_CRC ")"
				" + (SELECT count(*) FROM event WHERE crc IS NOT " STORE_EVENT_CRC ")"
				" + (SELECT count(*) FROM untold WHERE crc IS NOT checksum(count))",
	[STORE_COMMAND_ADD] = "INSERT INTO command(" COMMAND_COLUMNS ", resumed, crc)"
			      " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, 0,"
			      " checksum(?1, ?2, ?3, ?4, ?5, ?6, ?7, 0))",
	[STORE_COMMAND_UPDATE] = "UPDATE command SET event = ?2, seq = ?3, final = ?4, wall_ms = ?5,"
				 " args = coalesce(?6, args),"
				 " crc = checksum(id, method, coalesce(?6, args), ?2, ?3, ?4, ?5, resumed)"
				 " WHERE id = ?1",
	[STORE_COMMAND_FIND] =
		"SELECT " COMMAND_COLUMNS ", crc = " STORE_COMMAND_CRC " FROM command WHERE id = ?1",
	[STORE_COMMAND_UNFINISHED] = "SELECT " COMMAND_COLUMNS ", crc = " STORE_COMMAND_CRC
				     " FROM command WHERE NOT final ORDER BY number",
	[STORE_COMMAND_RESUMED] = "UPDATE command SET resumed = resumed + 1,"
				  " crc = checksum(id, method, args, event, seq, final, wall_ms, resumed + 1)"
				  " WHERE id = ?1 RETURNING resumed",
	[STORE_COMMAND_FORGET_OLD] = "DELETE FROM command WHERE number IN"
				     " (SELECT number FROM command WHERE final AND wall_ms < ?1)",
	[STORE_COMMAND_FORGET_MANY] = "DELETE FROM command WHERE number IN"
				      " (SELECT number FROM command WHERE final ORDER BY final = 2 DESC, seq"
				      " LIMIT max(0, (SELECT count(*) FROM command) - ?1))",
	[STORE_COMMAND_COUNT] = "SELECT count(*) FROM command",
	[STORE_COMMAND_FORGET_REJECTED] =
		"DELETE FROM command WHERE number IN"
		" (SELECT number FROM command WHERE final AND final = 2 ORDER BY seq"
		" LIMIT max(0, (SELECT count(*) FROM command WHERE final AND final = 2) - ?1))",
	[STORE_COMMAND_COUNT_REJECTED] = "SELECT count(*) FROM command WHERE final AND final = 2",
	[STORE_EVENT_ADD] = "INSERT INTO event(seq, class, wall_ms, bytes, topic, payload, crc)"
			    " VALUES(?1, ?2, ?3, ?4, ?5, ?6, checksum(?1, ?2, ?3, ?4, ?5, ?6))",
	[STORE_EVENT_READ] =
		"SELECT seq, class, wall_ms, topic, payload, crc = " STORE_EVENT_CRC " FROM event"
		" WHERE seq > ?1 ORDER BY seq LIMIT ?2",
	[STORE_EVENT_SIZE] =
		"SELECT count(*), coalesce(sum(bytes), 0), (SELECT count FROM untold) FROM event",
	[STORE_WRITE_UNTOLD] = "UPDATE untold SET count = ?1, crc = checksum(?1)",
	[STORE_EVENT_OF_STREAM] = "SELECT seq FROM event WHERE seq <= ?1"
				  " AND json_extract(payload, '$.stream') = ?2 ORDER BY seq DESC LIMIT 1",
	[STORE_EVENT_CONFIRM] = "DELETE FROM event WHERE seq <= ?1 RETURNING bytes",
	[STORE_EVENT_REMOVE] = "DELETE FROM event WHERE seq = ?1 RETURNING bytes" TOLD,
	[STORE_EVENT_DROP_OLD] = "DELETE FROM event WHERE wall_ms < ?1 RETURNING bytes" TOLD,
	[STORE_EVENT_DROP] = "DELETE FROM event WHERE seq IN"
			     " (SELECT seq FROM event WHERE class <= ?1 ORDER BY class, seq LIMIT ?2)"
			     " RETURNING bytes" TOLD,
	[STORE_PAGE_COUNT] = "PRAGMA page_count",
	[STORE_UNUSED_COUNT] = "PRAGMA freelist_count",
};

int store_prepare(struct store *store)
{
	int code = SQLITE_OK;

	for (int i = 0; i < STORE_SQL_COUNT && code == SQLITE_OK; i++)
		code = sqlite3_prepare_v3(store->database, sql_texts[i], -1, SQLITE_PREPARE_PERSISTENT,
			&store->statements[i], NULL);
	return code;
}

/* ---- schema */

static int read_number(sqlite3 *database, const char *sql, int *ret_number)
{
	sqlite3_stmt *statement;
	int code = sqlite3_prepare_v2(database, sql, -1, &statement, NULL);

	if (code != SQLITE_OK)
		return code;
	code = sqlite3_step(statement);
	if (code == SQLITE_ROW)
		*ret_number = sqlite3_column_int(statement, 0);
	sqlite3_finalize(statement);
	return code == SQLITE_ROW ? SQLITE_OK : code == SQLITE_DONE ? SQLITE_CORRUPT : code;
}

int store_read_version(sqlite3 *database, int *ret_version)
{
	int application_id = 0, tables = 0, version = 0, said = 0;
	int code;

	if ((code = read_number(database, "PRAGMA application_id", &application_id)) != SQLITE_OK ||
		(code = read_number(database, "PRAGMA user_version", &version)) != SQLITE_OK ||
		(code = read_number(database, "SELECT count(*) FROM sqlite_master", &tables)) != SQLITE_OK)
		return code;
	/* The first step writes id, version and tables at once: either all of them are there or none. */
	if (application_id != APPLICATION_ID && (version != 0 || tables != 0))
		return SQLITE_NOTADB;
	*ret_version = version;
	if (version >= 0 && version <= SCHEMA_VERSION)
		return SQLITE_OK;
	return read_number(database, "SELECT schema FROM identity", &said) == SQLITE_OK && said == version
		       ? SQLITE_SCHEMA
		       : SQLITE_CORRUPT;
}

static int take_step(sqlite3 *database, int version)
{
	static const char say_again[] =
		"UPDATE identity SET schema = %d; UPDATE identity SET crc = " IDENTITY_CRC;
	char again[sizeof(say_again) + 16] = "", mark[sizeof(again) + 96];
	int code;

	if (version + 1 >= SCHEMA_SAID_TWICE)
		snprintf(again, sizeof(again), say_again, version + 1);
	snprintf(mark, sizeof(mark), "%s; PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT",
		again, APPLICATION_ID, version + 1);
	if ((code = sqlite3_exec(database, "BEGIN IMMEDIATE", NULL, NULL, NULL)) == SQLITE_OK &&
		(code = sqlite3_exec(database, schema_steps[version], NULL, NULL, NULL)) == SQLITE_OK)
		code = sqlite3_exec(database, mark, NULL, NULL, NULL);
	return code;
}

int store_migrate(sqlite3 *database, int version)
{
	int code = SQLITE_OK;

	for (; code == SQLITE_OK && version < SCHEMA_VERSION; version++)
		code = take_step(database, version);
	return code;
}

/* ---- errors */

static const struct {
	int code, error;
	bool ask_system; /* the errno of the system call says more */
} errors[] = {
	{ SQLITE_OK, 0, false },
	{ SQLITE_FULL, -ENOSPC, false },
	{ SQLITE_READONLY_DIRECTORY, -EACCES, false },
	{ SQLITE_READONLY, -EROFS, true },
	{ SQLITE_IOERR, -EIO, true },
	{ SQLITE_CANTOPEN, -EIO, true },
	{ SQLITE_NOMEM, -ENOMEM, false },
	{ SQLITE_BUSY, -EBUSY, false },
	{ SQLITE_LOCKED, -EBUSY, false },
	{ SQLITE_PERM, -EACCES, false },
	{ SQLITE_TOOBIG, -EMSGSIZE, false },
	{ SQLITE_CONSTRAINT, -EEXIST, false },
	{ SQLITE_NOTFOUND, -ENOENT, false },
	{ SQLITE_SCHEMA, -EPROTONOSUPPORT, false },
};

/* A quota and a limit on file sizes are full disks to their owner. */
static int translate(int error)
{
	switch (error) {
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
		return -ENOSPC;
	case EACCES:
	case EROFS:
	case ENOMEM:
		return -error;
	default:
		return 0;
	}
}

/* The log's file is where a commit fails, and SQLite keeps an errno for each file. */
static int file_errno(sqlite3 *database, int which)
{
	sqlite3_file *file = NULL;
	int error = 0;

	if (sqlite3_file_control(database, "main", which, &file) == SQLITE_OK && file && file->pMethods)
		file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &error);
	return error;
}

bool store_disk_failed(sqlite3 *database)
{
	return file_errno(database, SQLITE_FCNTL_JOURNAL_POINTER) != 0 ||
	       file_errno(database, SQLITE_FCNTL_FILE_POINTER) != 0;
}

static int system_errno(sqlite3 *database, int otherwise)
{
	int r = database ? translate(sqlite3_system_errno(database)) : 0;

	if (r == 0 && database)
		r = translate(file_errno(database, SQLITE_FCNTL_JOURNAL_POINTER));
	if (r == 0 && database)
		r = translate(file_errno(database, SQLITE_FCNTL_FILE_POINTER));
	return r != 0 ? r : otherwise;
}

int store_errno(sqlite3 *database, int code)
{
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		if (errors[i].code == code || errors[i].code == (code & 0xff))
			return errors[i].ask_system ? system_errno(database, errors[i].error)
						    : errors[i].error;
	return -EIO;
}
