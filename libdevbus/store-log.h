// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * SQLite's log of writes (the file -wal), read without SQLite. It must be, because SQLite takes the first frame that does not add up
 * for the end of the log: a bit that turned there loses every commit behind it and says nothing. Formats:
 * https://sqlite.org/fileformat2.html section 4, https://sqlite.org/walformat.html section 2.
 */
#ifndef DEVBUS_INTERNAL_STORE_LOG_H
#define DEVBUS_INTERNAL_STORE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All zero: no log. */
struct store_log {
	unsigned char *bytes;
	size_t size;
	size_t frame_count; /* whole ones */
	size_t committed; /* frames that SQLite takes: up to the last commit before the first one that does not add up */
	size_t ended; /* frames up to the last commit that can be seen at all */
	unsigned char salts[8]; /* of the frames that count; others are left over from before */
	bool sound_header;
};

/* Reads the log of the database @path. A missing one is an empty one. 0, -ENOMEM or another negative errno. */
int store_log_read(const char *path, struct store_log *ret_log);
void store_log_free(struct store_log *log);

/*
 * Whether commits are missing that were in the log once: as many as the index beside it (-shm) tells of, which is written after
 * each commit; where the index tells nothing, it is enough that two commits follow what does not add up, of which only the last one
 * can have been under way when power went.
 */
bool store_log_lost_commits(const char *path, const struct store_log *log);

/* Frame @i holds a page: its number, its bytes, and whether they add up. False: it is left over from before. */
struct store_frame {
	uint32_t page;
	const unsigned char *bytes; /* STORE_PAGE_BYTES */
	bool sound;
};
bool store_log_frame(const struct store_log *log, size_t i, struct store_frame *ret_frame);

/* A number of 4 bytes as SQLite's files have it. */
uint32_t store_big_endian(const unsigned char *bytes);

#endif
