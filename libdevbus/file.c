// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * The temporary file begins with a dot and keeps its name: what a power cut leaves behind is overwritten by the next write,
 * so nothing has to be cleaned up.
 */
#include "json.h"
#include <devbus/file.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PARENT_MODE = 0755, FOLDER_MODE = 0700, FILE_MODE = 0600, SAVED_BYTES_MAX = 65536 };

/* ---- folders */

/* The name of the folder stands in the one above it. */
static int sync_above(int folder)
{
	int above = openat(folder, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = above < 0 || fsync(above) < 0 ? -errno : 0;

	if (above >= 0)
		close(above);
	return r;
}

static int make_folder(int parent, const char *path, mode_t mode)
{
	int folder, r;

	if (mkdirat(parent, path, mode) < 0)
		return errno == EEXIST ? 0 : -errno;
	folder = openat(parent, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r = folder < 0 ? -errno : sync_above(folder);
	if (folder >= 0)
		close(folder);
	return r;
}

/* Like mkdir -p: the folder of a setting may lie several levels deep on a new data partition. */
static int make_folders(int parent, const char *path)
{
	char part[PATH_MAX];
	int r = 0;

	if (snprintf(part, sizeof part, "%s", path) >= (int)sizeof part)
		return -ENAMETOOLONG;
	for (size_t length = strlen(part); length > 1 && part[length - 1] == '/'; length--)
		part[length - 1] = '\0';
	for (char *slash = strchr(part + 1, '/'); r == 0 && slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		r = make_folder(parent, part, PARENT_MODE); /* other services have folders there */
		*slash = '/';
	}
	return r < 0 ? r : make_folder(parent, part, FOLDER_MODE);
}

int devbus_folder(int parent, const char *path)
{
	int fd, r;

	if (!path || !*path)
		return -EINVAL;
	fd = openat(parent, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0 || errno != ENOENT)
		return fd < 0 ? -errno : fd;
	r = make_folders(parent, path);
	if (r < 0)
		return r;
	fd = openat(parent, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* ---- files */

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

int devbus_file_write(int folder, const char *name, const char *text, size_t size)
{
	char temporary[NAME_MAX + 1];

	if (snprintf(temporary, sizeof temporary, ".%s.new", name) >= (int)sizeof temporary)
		return -ENAMETOOLONG;
	int fd = openat(folder, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);

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

int devbus_file_write_json(int folder, const char *name, const struct devbus_json *value)
{
	char *text = devbus_json_print(value);
	int r = text ? devbus_file_write(folder, name, text, strlen(text)) : -ENOMEM;

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

int devbus_file_read_json(int folder, const char *name, size_t limit, struct devbus_json **ret_value,
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

/* ---- structs */

int devbus_file_save(int folder, const char *name, const struct devbus_field *fields, const void *value)
{
	struct devbus_json *object = NULL;
	int r = devbus_fields_write(fields, value, &object);
	char *text = json_print_and_free(object);

	if (r == 0 && !text)
		r = -ENOMEM;
	if (r == 0)
		r = strlen(text) > SAVED_BYTES_MAX ? -EFBIG
						   : devbus_file_write(folder, name, text, strlen(text));
	free(text);
	return r;
}

int devbus_file_load(int folder, const char *name, const struct devbus_field *fields, void *ret_value)
{
	struct devbus_json *object = NULL;
	int r = devbus_file_read_json(folder, name, SAVED_BYTES_MAX, &object, NULL);

	if (r == 0)
		r = devbus_fields_read(fields, object, ret_value, NULL);
	devbus_json_free(object);
	return r == -EINVAL || r == -EFBIG ? -EBADMSG : r;
}

int devbus_file_remove(int folder, const char *name)
{
	if (unlinkat(folder, name, 0) < 0)
		return errno == ENOENT ? 0 : -errno;
	return fsync(folder) < 0 ? -errno : 0;
}
