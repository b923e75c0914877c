// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * The store's file before SQLite has it: made with rights of our own instead of the umask's, and put aside when it
 * is damaged. A damaged file is the only witness of what went wrong, so it is never deleted.
 */
#include "store-internal.h"
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* More damaged files than this mean that the disk is going; then it is better to say so than to fill it. */
#define DAMAGED_MAX 99

/* SQLite takes a file of one byte for an empty one, which is a new one to it. */
#define DATABASE_MIN 2

int store_file_prepare(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600);

	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

int store_file_sync_folder(const char *path)
{
	char folder[PATH_MAX];
	int fd, r;

	if (snprintf(folder, sizeof(folder), "%s", path) >= (int)sizeof(folder))
		return -ENAMETOOLONG;
	fd = open(dirname(folder), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = fsync(fd) < 0 ? -errno : 0;
	close(fd);
	return r;
}

/*
 * What belongs to a database. Logs come first: a crash in between must not leave one beside a new file, into which SQLite would then
 * replay it.
 */
static const char *const suffixes[] = { "-wal", "-journal", "-shm", "" };
#define SUFFIXES (sizeof(suffixes) / sizeof(suffixes[0]))

int store_file_name(const char *path, const char *suffix, char ret_name[PATH_MAX])
{
	return snprintf(ret_name, PATH_MAX, "%s%s", path, suffix) < PATH_MAX ? 0 : -ENAMETOOLONG;
}

static bool has_log(const char *path)
{
	char name[PATH_MAX];

	for (size_t i = 0; i < 2; i++)
		if (store_file_name(path, suffixes[i], name) == 0 && access(name, F_OK) == 0)
			return true;
	return false;
}

int store_file_look(const char *path)
{
	struct stat status;
	int fd = open(path, O_RDWR | O_CLOEXEC | O_NOCTTY);
	int r = fd < 0                          ? -errno
		: fstat(fd, &status) < 0        ? -errno
		: status.st_size < DATABASE_MIN ? -ENODATA
						: 0;

	if (fd >= 0)
		close(fd);
	return r == -ENOENT && has_log(path) ? -ENODATA : r;
}

/* https://sqlite.org/fileformat2.html section 1.3.3 */
bool store_file_says_read_only(const char *path)
{
	enum { WRITE_VERSION_AT = 18, WRITE_VERSION_LOG = 2 };
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	unsigned char version = 0;
	bool whole = fd >= 0 && pread(fd, &version, 1, WRITE_VERSION_AT) == 1;

	if (fd >= 0)
		close(fd);
	return whole && version > WRITE_VERSION_LOG;
}

int store_file_remove(const char *path)
{
	char name[PATH_MAX];

	for (size_t i = 0; i < SUFFIXES; i++) {
		if (store_file_name(path, suffixes[i], name) < 0)
			return -ENAMETOOLONG;
		if (unlink(name) < 0 && errno != ENOENT)
			return -errno;
	}
	return 0;
}

int store_file_rename(const char *from, const char *to)
{
	return rename(from, to) < 0 ? -errno : store_file_sync_folder(to);
}

static bool is_free(const char *aside)
{
	char name[PATH_MAX];

	for (size_t i = 0; i < SUFFIXES; i++)
		if (store_file_name(aside, suffixes[i], name) < 0 || access(name, F_OK) == 0)
			return false;
	return true;
}

static int move(const char *path, const char *aside)
{
	char from[PATH_MAX], to[PATH_MAX];

	for (size_t i = 0; i < SUFFIXES; i++) {
		if (store_file_name(path, suffixes[i], from) < 0 ||
			store_file_name(aside, suffixes[i], to) < 0)
			return -ENAMETOOLONG;
		if (rename(from, to) < 0 && errno != ENOENT)
			return -errno;
	}
	return store_file_sync_folder(path);
}

int store_file_put_aside(const char *path)
{
	char aside[PATH_MAX], suffix[32];
	int r;

	for (int i = 1; i <= DAMAGED_MAX; i++) {
		snprintf(suffix, sizeof(suffix), ".damaged-%d", i);
		if (store_file_name(path, suffix, aside) < 0)
			return -ENAMETOOLONG;
		if (is_free(aside)) {
			r = move(path, aside);
			return r < 0 ? r : i;
		}
	}
	return -EIO;
}
