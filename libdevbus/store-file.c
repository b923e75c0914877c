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
#include <unistd.h>

/* More damaged files than this mean that the disk is going; then it is better to say so than to fill it. */
#define DAMAGED_MAX 99

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
 * What belongs to a database. The log comes first: a crash in between must not leave it beside a new file, into
 * which SQLite would then replay it.
 */
static const char *const suffixes[] = { "-wal", "-shm", "" };
#define SUFFIXES (sizeof(suffixes) / sizeof(suffixes[0]))

static bool is_free(const char *aside)
{
	char name[PATH_MAX];

	for (size_t i = 0; i < SUFFIXES; i++)
		if (snprintf(name, sizeof(name), "%s%s", aside, suffixes[i]) >= (int)sizeof(name) ||
			access(name, F_OK) == 0)
			return false;
	return true;
}

static int move(const char *path, const char *aside)
{
	char from[PATH_MAX], to[PATH_MAX];

	for (size_t i = 0; i < SUFFIXES; i++) {
		if (snprintf(from, sizeof(from), "%s%s", path, suffixes[i]) >= (int)sizeof(from) ||
			snprintf(to, sizeof(to), "%s%s", aside, suffixes[i]) >= (int)sizeof(to))
			return -ENAMETOOLONG;
		if (rename(from, to) < 0 && errno != ENOENT)
			return -errno;
	}
	return store_file_sync_folder(path);
}

int store_file_put_aside(const char *path)
{
	char aside[PATH_MAX];

	for (int i = 1; i <= DAMAGED_MAX; i++) {
		if (snprintf(aside, sizeof(aside), "%s.damaged-%d", path, i) >= (int)sizeof(aside))
			return -ENAMETOOLONG;
		if (is_free(aside))
			return move(path, aside);
	}
	return -EIO;
}
