// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * What must outlive the process: the incarnation, the event sequence and the journal of commands. One SQLite
 * file per service, because power may go at any instant: each function that writes returns only when
 * what it wrote is on disk (WAL, synchronous=FULL), and a torn write is rolled back at the next open.
 * The file is readable with sqlite3(1), also while the service runs.
 *
 * A write that failed has changed nothing, and the next one tries again by itself: a full disk heals when there is
 * room. All functions may also return -ENOMEM, and -EBUSY when someone else holds the file for more than a second.
 * A store belongs to one thread at a time.
 */
#ifndef DEVBUS_INTERNAL_STORE_H
#define DEVBUS_INTERNAL_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;

/* The version of the schema that this library writes. */
#define STORE_SCHEMA 4

/* What came of opening. */
struct store_report {
	int damaged; /* 0: the file was whole, or new; N: it was put aside as PATH.damaged-N and replaced */
	size_t events, commands; /* what could still be read of it, and is in the new one */
	int schema; /* version of the file as it was found, 0 for a new one */
};

/*
 * Opens @path or creates it with mode 0600 (":memory:" for tests). Its folder must exist. A file of an older schema is brought to
 * ours; one of a newer schema is refused and left as it is (-EPROTONOSUPPORT, and the report has its version).
 *
 * One that is damaged, empty, no database or of another program is put aside, and so is one that lacks commits which its
 * index tells of. In its place comes a new one with all rows of it that can still be read, a new stream, and a sequence that goes on behind
 * the highest number found: such events have the stream and number that they had. The whole file is checked each time, which takes
 * about 6 ms of processor time for each MiB (of an x86 server).
 *
 * @ret_report may be NULL. Returns 0, -ENOENT (no folder), -EACCES, -EROFS, -ENOSPC, -EBUSY, -EIO (also: 99 damaged files are
 * there already), -ENAMETOOLONG or -ENOMEM.
 */
int store_open(const char *path, struct store **ret_store, struct store_report *ret_report);
void store_close(struct store *store); /* NULL is fine */

/* Adds one to the incarnation (protocol 3.2) and returns it. 0 or -ENOSPC, -EROFS, -EIO. */
int store_next_incarnation(struct store *store, uint64_t *ret_incarnation);

/* Whether it can be written: writes what is there already. 0 or a negative errno. */
int store_probe(struct store *store);

/* The random name of this store's event sequence (protocol 6.2): 16 hex digits, borrowed until close. */
const char *store_stream(const struct store *store);

/* ---- outbox (protocol 6): events that nobody beyond the bridge has confirmed yet */
struct store_event {
	uint64_t seq; /* its number in the stream */
	int class; /* what is dropped first when room is short: the smaller number */
	int64_t wall_ms; /* for the limit of age; INT64_MAX: never too old */
	const char *topic;
	const char *payload; /* JSON text */
	uint64_t dropped; /* to add: what it tells of earlier losses; they are told with it */
};

/* What each event counts for in the size, beside topic and payload: the row and its place in the index. */
#define STORE_EVENT_OVERHEAD 64
size_t store_event_bytes(const struct store_event *event);

struct store_size {
	size_t count, bytes;
};

/* Events that were dropped, and what they would have told of others: the sum of their members `dropped`. */
struct store_drop {
	size_t count;
	uint64_t told;
};
struct store_size store_outbox_size(const struct store *store);

/*
 * Writes @count events in one transaction; their numbers go on from store_next_seq(). All are on disk, or none.
 * 0 or a negative errno, as below.
 */
int store_events_add(struct store *store, const struct store_event *events, size_t count);

/* Calls @found for the first @most events after number @after_seq, in order. The store must not be changed from it. */
typedef void store_event_found(const struct store_event *event, void *userdata);
int store_events_read(
	struct store *store, uint64_t after_seq, size_t most, store_event_found *found, void *userdata);

/* The last event up to @seq that tells of another @stream: one of before this store took the place of a damaged one. 0, -ENOENT, -EIO. */
int store_events_of_stream(struct store *store, const char *stream, uint64_t seq, uint64_t *ret_seq);

/*
 * Forgets events: all up to @seq; just @seq; those from before @oldest_wall_ms; the oldest @count of those whose class is at
 * most @most_class, the lowest class first. @ret_... (may be NULL): how many there were.
 */
int store_events_confirm(struct store *store, uint64_t seq, struct store_size *ret_forgotten);
int store_events_remove(
	struct store *store, uint64_t seq, struct store_size *ret_forgotten, uint64_t *ret_told);
int store_events_drop_old(struct store *store, int64_t oldest_wall_ms, struct store_drop *ret_drop);
int store_events_drop(struct store *store, int most_class, size_t count, struct store_drop *ret_drop);

/*
 * Losses of events that were stored, and of those that they would have told of, that nobody was told of yet: all that was dropped or
 * removed. Survives like the events themselves. Told is what an event says that is stored; and, with this, what another one said.
 */
uint64_t store_events_untold(const struct store *store);
int store_events_told(struct store *store, uint64_t count);

/* ---- journal (protocol 4.3, 4.4) */
struct store_command {
	const char *id;
	const char *method;
	const char *
		args; /* JSON text; NULL: none. To update: takes the place of the old one, which is erased; NULL: that stays */
	const char *event; /* last event as JSON text */
	uint64_t seq; /* of that event */
	bool final;
	bool rejected; /* final, and never begun */
	int64_t wall_ms; /* of the last change, for the age limit */
	const char *
		topic; /* where the event goes: it is added to the outbox as well, in the same transaction. NULL: it is not */
	int class; /* of it there */
};

/* The next number of the stream; it is used up by the record that is written with it. Never 0. */
uint64_t store_next_seq(const struct store *store);

/*
 * Writes the record of a command that is accepted: must be a new id. One transaction; the sequence moves to record->seq.
 * 0, -EEXIST, -ENOSPC, -EROFS, -EIO.
 */
int store_command_add(struct store *store, const struct store_command *record);

/* Writes the last event of a known id. One transaction. 0, -ENOENT, -ENOSPC, -EROFS, -EIO. */
int store_command_update(struct store *store, const struct store_command *record);

/*
 * Looks an id up and calls @found with the record, borrowed for that call. Of the store's functions, @found may call store_take_seq()
 * only. 0, -ENOENT, -EIO.
 */
typedef void store_command_found(const struct store_command *record, void *userdata);
int store_command_find(struct store *store, const char *id, store_command_found *found, void *userdata);

/* From here on what is changed or forgotten is written over: for journals with secrets, since it costs more writing. */
void store_erase_what_goes(struct store *store);

/* Counts that a command is taken up again after a start, before that is done. 0, -ENOENT or a negative errno. */
int store_command_resumed(struct store *store, const char *id, unsigned *ret_times);

/* Calls @found for every record without a final event, oldest first. The store must not be used from @found. 0 or -EIO. */
int store_command_unfinished(struct store *store, store_command_found *found, void *userdata);

/*
 * Forgets finished ids whose last change is older than @oldest_wall_ms, then the oldest until at most @most ids are left: first those
 * that were rejected. Unfinished ones are never forgotten. Writes nothing when there is nothing to forget.
 * *@ret_count: how many are left, unfinished ones included. 0, -ENOSPC, -EROFS, -EIO.
 */
int store_command_prune(struct store *store, int64_t oldest_wall_ms, size_t most, size_t *ret_count);

/* Forgets the oldest of the rejected ids until at most @most of these are left; *@ret_count: how many. Errors as above. */
int store_command_prune_rejected(struct store *store, size_t most, size_t *ret_count);

/* Uses up the next number for an event that has no record, such as a rejection. 0 or a negative errno. */
int store_take_seq(struct store *store, uint64_t *ret_seq);

#endif
