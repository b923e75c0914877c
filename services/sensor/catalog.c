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

struct sensor *catalog_add(struct catalog *catalog)
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

	memset(sensor, 0, sizeof *sensor);
	return sensor;
}

static DIR *open_folder(int root, const char *path)
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
	DIR *folder = open_folder(root, parent);
	struct dirent *entry;
	int r = 0;

	if (!folder)
		return 0;
	while (r == 0 && (entry = readdir(folder))) {
		char path[SENSOR_PATH_SIZE];

		if (strncmp(entry->d_name, prefix, strlen(prefix)) != 0)
			continue;
		if (snprintf(path, sizeof path, "%s/%s", parent, entry->d_name) < (int)sizeof path)
			r = visit(root, path, catalog);
	}
	closedir(folder);
	return r;
}

void catalog_device(int root, const char *folder, char device[SENSOR_TEXT_SIZE])
{
	char link[SENSOR_PATH_SIZE + 8], target[256];

	device[0] = '\0';
	snprintf(link, sizeof link, "%s/device", folder);
	ssize_t length = readlinkat(root, link, target, sizeof target - 1);

	if (length <= 0)
		return;
	target[length] = '\0';
	const char *slash = strrchr(target, '/');

	snprintf(device, SENSOR_TEXT_SIZE, "%.63s", slash ? slash + 1 : target);
}

int catalog_scan(int root, const char *disk, struct catalog *ret_catalog)
{
	struct catalog catalog = { 0 };
	int r;

	if ((r = proc_scan(root, disk, &catalog)) < 0 || (r = hwmon_scan(root, &catalog)) < 0 ||
		(r = thermal_scan(root, &catalog)) < 0) {
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
