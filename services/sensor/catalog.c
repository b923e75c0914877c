// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* A scan is made anew each time and compared by id: there is no state to get wrong when devices come and go. */
#include "catalog.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* FNV-1a. Two lanes that came to one number would wait for each other and lose nothing else. */
static uint64_t lane_of(const char *path, size_t length)
{
	uint64_t hash = 14695981039346656037u;

	for (size_t i = 0; path[i] && (length == 0 || i < length); i++)
		hash = (hash ^ (unsigned char)path[i]) * 1099511628211u;
	return hash;
}

struct sensor *catalog_add(struct catalog *catalog, const struct quantity *quantity,
	int (*read)(int root, const struct source *source, double *ret_value), const char *path,
	size_t lane_length)
{
	if (catalog->count == CATALOG_MAX)
		return NULL;
	if (catalog->count == catalog->room) {
		size_t room = catalog->room ? 2 * catalog->room : 32;
		struct sensor *sensors = realloc(catalog->sensors, room * sizeof *sensors);

		if (!sensors)
			return NULL;
		catalog->sensors = sensors;
		catalog->room = room;
	}
	struct sensor *sensor = &catalog->sensors[catalog->count++];

	*sensor = (struct sensor) {
		.quantity = quantity,
		.source = { .read = read, .divisor = quantity->divisor, .lane = lane_of(path, lane_length) },
	};
	snprintf(sensor->source.path, sizeof sensor->source.path, "%s", path);
	return sensor;
}

void catalog_drop(struct catalog *catalog, size_t index)
{
	struct sensor *sensor = &catalog->sensors[index];

	memmove(sensor, sensor + 1, (--catalog->count - index) * sizeof *sensor);
}

DIR *catalog_folder(int root, const char *path)
{
	int fd = openat(root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *folder = fd < 0 ? NULL : fdopendir(fd);

	if (!folder && fd >= 0)
		close(fd);
	return folder;
}

int catalog_each(
	int root, const char *parent, const char *prefix, catalog_visit *visit, struct catalog *catalog)
{
	DIR *folder = catalog_folder(root, parent);
	struct dirent *entry;
	int r = 0;

	if (!folder)
		return 0;
	while (r == 0 && (entry = readdir(folder))) {
		char path[SENSOR_PATH_SIZE];

		if (entry->d_name[0] == '.' || strncmp(entry->d_name, prefix, strlen(prefix)) != 0)
			continue;
		if (snprintf(path, sizeof path, "%s/%s", parent, entry->d_name) < (int)sizeof path)
			r = visit(root, path, catalog);
	}
	closedir(folder);
	return r;
}

/* The last part but @skip of what @link points at. */
static void link_part(int root, const char *link, unsigned skip, char part[SENSOR_TEXT_SIZE])
{
	char target[256];
	ssize_t length = readlinkat(root, link, target, sizeof target - 1);
	char *slash;

	part[0] = '\0';
	if (length <= 0)
		return;
	target[length] = '\0';
	for (; skip > 0 && (slash = strrchr(target, '/')); skip--)
		*slash = '\0';
	slash = strrchr(target, '/');
	if (skip == 0 && strcmp(slash ? slash : target, "/..") != 0)
		snprintf(part, SENSOR_TEXT_SIZE, "%.63s", slash ? slash + 1 : target);
}

void catalog_device(int root, const char *folder, char device[SENSOR_TEXT_SIZE])
{
	char link[SENSOR_PATH_SIZE + 8];

	snprintf(link, sizeof link, "%s/device", folder);
	link_part(root, link, 0, device);
}

void catalog_parent(int root, const char *folder, char device[SENSOR_TEXT_SIZE])
{
	link_part(root, folder, 1, device);
}

int catalog_scan(int root, const char *disk, struct catalog *ret_catalog)
{
	struct catalog catalog = { 0 };
	int r;

	if ((r = proc_scan(root, disk, &catalog)) < 0 || (r = hwmon_scan(root, &catalog)) < 0 ||
		(r = iio_scan(root, &catalog)) < 0 || (r = thermal_scan(root, &catalog)) < 0 ||
		(r = w1_scan(root, &catalog)) < 0 || (r = net_scan(root, &catalog)) < 0) {
		if (catalog.count < CATALOG_MAX) {
			catalog_free(&catalog);
			return r;
		}
	}
	naming_assign(catalog.sensors, catalog.count);
	*ret_catalog = catalog;
	return 0;
}

void catalog_free(struct catalog *catalog)
{
	free(catalog->sensors);
	*catalog = (struct catalog) { 0 };
}
