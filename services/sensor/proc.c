// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * What every Linux has, containers included: load, memory, uptime (proc(5)) and the space of one file system.
 * The ids are fixed, so this is one table.
 */
#include "catalog.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

static int read_space(int root, const struct source *source, double *ret_value)
{
	int fd = openat(root, source->path, O_RDONLY | O_CLOEXEC | O_DIRECTORY);
	struct statvfs space;

	if (fd < 0)
		return -errno;
	int r = fstatvfs(fd, &space) < 0 ? -errno : 0;

	close(fd);
	if (r == 0) /* free: what programs without privileges can still write, as df(1) shows it */
		*ret_value =
			(double)space.f_frsize *
			(double)(strcmp(source->attribute, "free") == 0 ? space.f_bavail : space.f_blocks);
	return r;
}

static const struct fixed {
	const char *id, *label;
	const struct quantity *quantity;
	int (*read)(int root, const struct source *source, double *ret_value);
	const char *path; /* NULL: that of the disk */
	const char *attribute;
	unsigned column;
} fixed[] = {
	{ "load-1m", "load average, 1 min", &quantity_load, source_read_column, "proc/loadavg", "", 1 },
	{ "load-5m", "load average, 5 min", &quantity_load, source_read_column, "proc/loadavg", "", 2 },
	{ "load-15m", "load average, 15 min", &quantity_load, source_read_column, "proc/loadavg", "", 3 },
	{ "memory-total", "memory", &quantity_memory, source_read_column, "proc/meminfo", "MemTotal", 1 },
	{ "memory-available", "memory available to programs", &quantity_memory, source_read_column,
		"proc/meminfo", "MemAvailable", 1 },
	{ "uptime", "time since boot", &quantity_uptime, source_read_column, "proc/uptime", "", 1 },
	{ "disk-total", "size of the file system", &quantity_space, read_space, NULL, "total", 0 },
	{ "disk-free", "free space for programs", &quantity_space, read_space, NULL, "free", 0 },
};

static int add_fixed(const struct fixed *row, const char *path, struct catalog *catalog)
{
	struct sensor *sensor = catalog_add(catalog, row->quantity, row->read, path, 0);

	if (!sensor)
		return -ENOMEM;
	snprintf(sensor->id, sizeof sensor->id, "%s", row->id);
	snprintf(sensor->source.attribute, sizeof sensor->source.attribute, "%s", row->attribute);
	snprintf(sensor->label, sizeof sensor->label, "%s", row->label);
	sensor->source.column = row->column;
	return 0;
}

int proc_scan(int root, const char *disk, struct catalog *catalog)
{
	int r = 0;

	disk += strspn(disk, "/");
	for (size_t i = 0; r == 0 && i < sizeof fixed / sizeof fixed[0]; i++) {
		const char *path = fixed[i].path ? fixed[i].path : *disk ? disk : ".";

		if (faccessat(root, path, F_OK, 0) == 0)
			r = add_fixed(&fixed[i], path, catalog);
	}
	return r;
}
