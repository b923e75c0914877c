// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
#include "store-log.h"
#include "store-internal.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	HEADER = 32, /* bytes, and where in them: */
	HEADER_SALTS = 16,
	HEADER_SUM = 24,
	FRAME_HEADER = 24,
	FRAME_SIZE_AFTER = 4, /* pages of the database after a commit; 0: no commit */
	FRAME_SALTS = 8,
	FRAME_SUM = 16,
	FRAME = FRAME_HEADER + STORE_PAGE_BYTES,
	INDEX_HEADER = 48, /* there twice */
	INDEX_VERSION = 3007000,
};
#define MAGIC 0x377f0682 /* plus 1: the sums are of big-endian words */

uint32_t store_big_endian(const unsigned char *bytes)
{
	return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static uint32_t little_endian(const unsigned char *bytes)
{
	return (uint32_t)bytes[3] << 24 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[1] << 8 | bytes[0];
}

/* ---- what adds up */

struct sum {
	uint32_t a, b;
};

static struct sum add(struct sum sum, bool big_endian, const unsigned char *bytes, size_t size)
{
	for (size_t i = 0; i + 8 <= size; i += 8) {
		sum.a += sum.b + (big_endian ? store_big_endian(bytes + i) : little_endian(bytes + i));
		sum.b +=
			sum.a + (big_endian ? store_big_endian(bytes + i + 4) : little_endian(bytes + i + 4));
	}
	return sum;
}

static struct sum sum_at(const unsigned char *bytes)
{
	return (struct sum) { store_big_endian(bytes), store_big_endian(bytes + 4) };
}

static bool same(struct sum x, struct sum y)
{
	return x.a == y.a && x.b == y.b;
}

static bool is_big_endian(const struct store_log *log)
{
	return log->bytes[3] & 1;
}

static const unsigned char *frame_at(const struct store_log *log, size_t i)
{
	return log->bytes + HEADER + i * FRAME;
}

/* Each sum goes on from the one before, which is at hand: a frame is judged by itself. */
static bool frame_is_sound(const struct store_log *log, size_t i)
{
	const unsigned char *frame = frame_at(log, i);
	struct sum sum = sum_at(i == 0 ? log->bytes + HEADER_SUM : frame_at(log, i - 1) + FRAME_SUM);

	sum = add(sum, is_big_endian(log), frame, FRAME_SALTS);
	sum = add(sum, is_big_endian(log), frame + FRAME_HEADER, STORE_PAGE_BYTES);
	return same(sum, sum_at(frame + FRAME_SUM));
}

static bool is_ours(const struct store_log *log, size_t i)
{
	return memcmp(frame_at(log, i) + FRAME_SALTS, log->salts, sizeof log->salts) == 0;
}

static bool is_commit(const struct store_log *log, size_t i)
{
	return store_big_endian(frame_at(log, i) + FRAME_SIZE_AFTER) != 0;
}

/* ---- reading */

static bool header_is_sound(const struct store_log *log)
{
	return log->size >= HEADER && (store_big_endian(log->bytes) & ~1U) == MAGIC &&
	       store_big_endian(log->bytes + 8) == STORE_PAGE_BYTES &&
	       same(add((struct sum) { 0, 0 }, is_big_endian(log), log->bytes, HEADER_SUM),
		       sum_at(log->bytes + HEADER_SUM));
}

/* Without a header: those that two neighbours have in common. The first frames are never left over. */
static const unsigned char *find_salts(const struct store_log *log)
{
	for (size_t i = 0; i + 1 < log->frame_count; i++)
		if (memcmp(frame_at(log, i) + FRAME_SALTS, frame_at(log, i + 1) + FRAME_SALTS, 8) == 0)
			return frame_at(log, i) + FRAME_SALTS;
	return frame_at(log, 0) + FRAME_SALTS;
}

static void count_frames(struct store_log *log)
{
	bool sound;

	log->frame_count = log->size > HEADER ? (log->size - HEADER) / FRAME : 0;
	log->sound_header = sound = header_is_sound(log);
	if (log->frame_count == 0)
		return;
	memcpy(log->salts, sound ? log->bytes + HEADER_SALTS : find_salts(log), sizeof log->salts);
	for (size_t i = 0; i < log->frame_count; i++) {
		bool ours = is_ours(log, i), commit = ours && is_commit(log, i);

		sound = sound && ours && frame_is_sound(log, i);
		if (commit)
			log->ended = i + 1;
		if (commit && sound)
			log->committed = i + 1;
	}
}

static int read_whole(int fd, struct store_log *log)
{
	struct stat status;
	ssize_t size;

	if (fstat(fd, &status) < 0)
		return -errno;
	log->bytes = malloc((size_t)status.st_size + 1);
	if (!log->bytes)
		return -ENOMEM;
	while (log->size < (size_t)status.st_size &&
		(size = pread(fd, log->bytes + log->size, (size_t)status.st_size - log->size,
			 (off_t)log->size)) != 0) {
		if (size < 0)
			return -errno; /* what could not be read may be whole */
		log->size += (size_t)size;
	}
	return 0;
}

static int open_beside(const char *path, const char *suffix)
{
	char name[PATH_MAX];

	if (snprintf(name, sizeof name, "%s%s", path, suffix) >= (int)sizeof name)
		return -ENAMETOOLONG;
	int fd = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	return fd < 0 ? -errno : fd;
}

int store_log_read(const char *path, struct store_log *ret_log)
{
	int fd = open_beside(path, "-wal");
	int r;

	*ret_log = (struct store_log) { 0 };
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	r = read_whole(fd, ret_log);
	close(fd);
	if (r == 0)
		count_frames(ret_log);
	return r;
}

void store_log_free(struct store_log *log)
{
	free(log->bytes);
	*log = (struct store_log) { 0 };
}

bool store_log_frame(const struct store_log *log, size_t i, struct store_frame *ret_frame)
{
	if (!is_ours(log, i))
		return false;
	*ret_frame = (struct store_frame) {
		.page = store_big_endian(frame_at(log, i)),
		.bytes = frame_at(log, i) + FRAME_HEADER,
		.sound = frame_is_sound(log, i),
	};
	return true;
}

/* ---- the index, in the byte order of this machine */

struct index_header {
	uint32_t version, unused, change;
	uint8_t ready, big_endian;
	uint16_t page_bytes;
	uint32_t frames, pages, frame_sum[2];
	unsigned char salts[8];
	uint32_t sum[2];
};
_Static_assert(sizeof(struct index_header) == INDEX_HEADER, "as it is in the file");

static bool index_is_sound(const struct index_header twice[2])
{
	const union {
		uint32_t word;
		unsigned char bytes[4];
	} order = { 1 };
	struct sum sum = add(
		(struct sum) { 0, 0 }, order.bytes[0] == 0, (const unsigned char *)twice, INDEX_HEADER - 8);

	return memcmp(&twice[0], &twice[1], INDEX_HEADER) == 0 && twice->version == INDEX_VERSION &&
	       twice->ready && sum.a == twice->sum[0] && sum.b == twice->sum[1];
}

struct log_index {
	struct index_header header[2];
	uint32_t written_back; /* frames that the database has already */
};

/* False: there is no index that could tell. */
static bool read_index(const char *path, struct log_index *ret_index)
{
	int fd = open_beside(path, "-shm");
	bool whole = fd >= 0 && pread(fd, ret_index, sizeof *ret_index, 0) == (ssize_t)sizeof *ret_index;

	if (fd >= 0)
		close(fd);
	return whole && index_is_sound(ret_index->header);
}

static size_t count_commits(const struct store_log *log, size_t from)
{
	size_t count = 0;

	for (size_t i = from; i < log->frame_count; i++)
		count += is_ours(log, i) && is_commit(log, i);
	return count;
}

bool store_log_lost_commits(const char *path, const struct store_log *log)
{
	struct log_index index;
	const struct index_header *header = &index.header[0];

	/* After a power cut the index may be of an older log, and says nothing of this one. */
	if (!read_index(path, &index) ||
		(log->sound_header && log->frame_count && memcmp(header->salts, log->salts, 8) != 0))
		return count_commits(log, log->committed) > 1;
	/* A part of the log would turn newer pages of the database back; none of it turns back nothing. */
	return log->committed < header->frames &&
	       !(log->committed == 0 && index.written_back >= header->frames);
}
