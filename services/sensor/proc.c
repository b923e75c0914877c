// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * What every Linux has, containers included: load, memory, uptime (proc(5)) and the space of one file system.
 * The ids are fixed, so this is one table.
 */
#include "attribute.h"
#include "catalog.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* /proc/meminfo has 1.5 KiB on a current kernel; what we look for stands in its first lines. */
#define PROC_TEXT_SIZE 4096

/* The number in column @attribute ("1" is the first). */
static int read_column(int root, const struct sensor *sensor, double *ret_value)
{
	char text[PROC_TEXT_SIZE], *rest = text;
	int r = attribute_read(root, sensor->source, text, sizeof text);
	long column = strtol(sensor->attribute, NULL, 10);
	double raw;

	if (r < 0)
		return r;
	while (column-- > 1) {
		rest += strcspn(rest, " ");
		rest += strspn(rest, " ");
	}
	if ((r = attribute_parse_number(rest, &raw)) < 0)
		return r;
	*ret_value = raw / sensor->quantity->divisor;
	return 0;
}

/* The number behind "@attribute:" at the start of a line. */
static int read_word(int root, const struct sensor *sensor, double *ret_value)
{
	char text[PROC_TEXT_SIZE];
	int r = attribute_read(root, sensor->source, text, sizeof text);
	size_t length = strlen(sensor->attribute);
	double raw;

	if (r < 0)
		return r;
	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, sensor->attribute, length) != 0 || line[length] != ':')
			continue;
		if ((r = attribute_parse_number(line + length + 1, &raw)) < 0)
			return r;
		*ret_value = raw / sensor->quantity->divisor;
		return 0;
	}
	return -EBADMSG;
}

static int read_space(int root, const struct sensor *sensor, double *ret_value)
{
	int fd = openat(root, sensor->source, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_DIRECTORY);
	struct statvfs space;

	if (fd < 0)
		return -errno;
	int r = fstatvfs(fd, &space) < 0 ? -errno : 0;

	close(fd);
	if (r == 0) /* free: what programs without privileges can still write, as df(1) shows it */
		*ret_value =
			(double)space.f_frsize *
			(double)(strcmp(sensor->attribute, "free") == 0 ? space.f_bavail : space.f_blocks);
	return r;
}

static const struct fixed {
	const char *id, *label;
	const struct quantity *quantity;
	int (*read)(int root, const struct sensor *sensor, double *ret_value);
	const char *source; /* NULL: the path of the disk */
	const char *attribute;
} fixed[] = {
	{ "load-1m", "load average, 1 min", &quantity_load, read_column, "proc/loadavg", "1" },
	{ "load-5m", "load average, 5 min", &quantity_load, read_column, "proc/loadavg", "2" },
	{ "load-15m", "load average, 15 min", &quantity_load, read_column, "proc/loadavg", "3" },
	{ "memory-total", "memory", &quantity_memory, read_word, "proc/meminfo", "MemTotal" },
	{ "memory-available", "memory available to programs", &quantity_memory, read_word, "proc/meminfo",
		"MemAvailable" },
	{ "uptime", "time since boot", &quantity_uptime, read_column, "proc/uptime", "1" },
	{ "disk-total", "size of the file system", &quantity_space, read_space, NULL, "total" },
	{ "disk-free", "free space for programs", &quantity_space, read_space, NULL, "free" },
};

static int add_fixed(const struct fixed *row, const char *source, struct catalog *catalog)
{
	struct sensor *sensor = catalog_add(catalog);

	if (!sensor)
		return -ENOMEM;
	sensor->quantity = row->quantity;
	sensor->read = row->read;
	snprintf(sensor->id, sizeof sensor->id, "%s", row->id);
	snprintf(sensor->source, sizeof sensor->source, "%s", source);
	snprintf(sensor->attribute, sizeof sensor->attribute, "%s", row->attribute);
	snprintf(sensor->label, sizeof sensor->label, "%s", row->label);
	return 0;
}

int proc_scan(int root, const char *disk, struct catalog *catalog)
{
	int r = 0;

	disk += strspn(disk, "/");
	for (size_t i = 0; r == 0 && i < sizeof fixed / sizeof fixed[0]; i++) {
		const char *source = fixed[i].source ? fixed[i].source : *disk ? disk : ".";

		if (faccessat(root, source, F_OK, 0) == 0)
			r = add_fixed(&fixed[i], source, catalog);
	}
	return r;
}
