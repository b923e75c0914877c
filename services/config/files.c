// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * The temporary file begins with a dot and keeps its name: what a power cut leaves behind is overwritten by the next write,
 * so nothing has to be cleaned up.
 */
#include "files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int files_folder(int folder, const char *name)
{
	bool made = mkdirat(folder, name, 0700) == 0;

	if (!made && errno != EEXIST)
		return -errno;
	if (made && fsync(folder) < 0)
		return -errno;
	int fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static int write_all(int fd, const char *text, size_t size)
{
	while (size > 0) {
		ssize_t written = write(fd, text, size);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return -errno;
		text += written;
		size -= (size_t)written;
	}
	return fsync(fd) < 0 ? -errno : 0;
}

int files_write(int folder, const char *name, const char *text, size_t size)
{
	char temporary[NAME_MAX + 1];

	if (snprintf(temporary, sizeof temporary, ".%s.new", name) >= (int)sizeof temporary)
		return -ENAMETOOLONG;
	int fd = openat(folder, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return -errno;
	int r = write_all(fd, text, size);

	/* NFS and quotas report at close(). */
	if (close(fd) < 0 && r == 0)
		r = -errno;
	if (r == 0 && renameat(folder, temporary, folder, name) < 0)
		r = -errno;
	if (r < 0) {
		unlinkat(folder, temporary, 0);
		return r;
	}
	return fsync(folder) < 0 ? -errno : 0;
}

int files_write_json(int folder, const char *name, const struct devbus_json *value)
{
	char *text = devbus_json_print(value);
	int r = text ? files_write(folder, name, text, strlen(text)) : -ENOMEM;

	free(text);
	return r;
}

static int read_all(int fd, char *text, size_t size, size_t *ret_length)
{
	size_t length = 0;
	ssize_t got;

	while (length < size && (got = read(fd, text + length, size - length)) != 0) {
		if (got < 0 && errno != EINTR)
			return -errno;
		length += got > 0 ? (size_t)got : 0;
	}
	*ret_length = length;
	return 0;
}

int files_read_json(int folder, const char *name, size_t limit, struct devbus_json **ret_value,
	struct devbus_error *ret_error)
{
	int fd = openat(folder, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC), r;
	size_t length = 0;

	if (fd < 0)
		return -errno;
	char *text = malloc(limit + 1);

	if (!text)
		r = -ENOMEM;
	else if ((r = read_all(fd, text, limit + 1, &length)) == 0)
		r = length > limit ? -EFBIG : devbus_json_parse(text, length, ret_value, ret_error);
	free(text);
	close(fd);
	return r;
}

int files_each(int folder, files_visit *visit, void *userdata)
{
	/* Opened anew: the position in a folder belongs to the open file, and @folder is used again. */
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	DIR *entries = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!entries) {
		r = -errno;
		if (fd >= 0)
			close(fd);
		return r;
	}
	while (r == 0 && (entry = readdir(entries)))
		if (entry->d_name[0] != '.')
			r = visit(entry->d_name, userdata);
	closedir(entries);
	return r;
}
