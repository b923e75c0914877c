// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * A rename is atomic for readers at once, but survives a power cut in the right order only if the
 * file is synced before it and the folder after it.
 */
#include "save.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SAVE_SIZE_MAX 65536

static int write_all(int fd, const char *text, size_t size)
{
	while (size > 0) {
		ssize_t n = write(fd, text, size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		text += n;
		size -= (size_t)n;
	}
	return 0;
}

static int write_synced(int dir_fd, const char *name, const char *text)
{
	int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	int r = write_all(fd, text, strlen(text));
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	close(fd);
	return r;
}

static int replace(int dir_fd, const char *name, const char *text)
{
	char temporary[NAME_MAX + 1];
	if (snprintf(temporary, sizeof(temporary), ".%s.new", name) >= (int)sizeof(temporary))
		return -ENAMETOOLONG;
	int r = write_synced(dir_fd, temporary, text);
	if (r == 0 && renameat(dir_fd, temporary, dir_fd, name) < 0)
		r = -errno;
	if (r < 0) {
		unlinkat(dir_fd, temporary, 0);
		return r;
	}
	return fsync(dir_fd) < 0 ? -errno : 0;
}

int save_write(int dir_fd, const char *name, const struct devbus_field *fields, const void *value)
{
	struct devbus_json *object = NULL;
	int r = devbus_fields_write(fields, value, &object);
	if (r < 0)
		return r;
	char *text = devbus_json_print(object);
	devbus_json_free(object);
	if (!text)
		return -ENOMEM;
	r = replace(dir_fd, name, text);
	free(text);
	return r;
}

static int read_all(int fd, char *buffer, size_t size, size_t *ret_count)
{
	size_t count = 0;
	while (count < size) {
		ssize_t n = read(fd, buffer + count, size - count);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		count += (size_t)n;
	}
	*ret_count = count;
	return 0;
}

static int parse(const char *text, size_t size, const struct devbus_field *fields, void *ret_value)
{
	struct devbus_json *object = NULL;
	int r = devbus_json_parse(text, size, &object, NULL);
	if (r == 0)
		r = devbus_fields_read(fields, object, ret_value, NULL);
	devbus_json_free(object);
	return r == -EINVAL ? -EBADMSG : r;
}

int save_read(int dir_fd, const char *name, const struct devbus_field *fields, void *ret_value)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	char *buffer = malloc(SAVE_SIZE_MAX);
	size_t count = 0;
	int r = buffer ? read_all(fd, buffer, SAVE_SIZE_MAX, &count) : -ENOMEM;
	close(fd);
	if (r == 0)
		r = parse(buffer, count, fields, ret_value);
	free(buffer);
	return r;
}

/* Like mkdir -p, without a shell: the folder of a setting may lie several levels deep on a new data partition. */
static int make_parents(const char *path)
{
	char parent[PATH_MAX];
	if (snprintf(parent, sizeof(parent), "%s", path) >= (int)sizeof(parent))
		return -ENAMETOOLONG;
	for (char *slash = strchr(parent + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(parent, 0700) < 0 && errno != EEXIST)
			return -errno;
		*slash = '/';
	}
	return 0;
}

int save_open_dir(const char *path)
{
	if (!*path)
		return -EINVAL;
	int r = make_parents(path);
	if (r < 0)
		return r;
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return -errno;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}
