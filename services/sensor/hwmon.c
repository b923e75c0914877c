// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * Hardware monitoring chips: sys/class/hwmon/hwmonN/{name, tempM_input, tempM_label, tempM_fault, ...} of the kernel's
 * Documentation/hwmon/sysfs-interface.rst. libsensors is not needed to read numbers from files, and its own
 * configuration would be a second place for labels and factors.
 */
#include "attribute.h"
#include "catalog.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct input {
	const char *prefix;
	const struct quantity *quantity;
} inputs[] = {
	{ "temp", &quantity_temperature },
	{ "in", &quantity_voltage },
	{ "curr", &quantity_current },
	{ "power", &quantity_power },
	{ "humidity", &quantity_humidity },
	{ "fan", &quantity_speed },
};

/* Which row @file belongs to ("temp12_input"); its "temp12" goes to @attribute. NULL: it is no input. */
static const struct input *find_input(const char *file, char attribute[SENSOR_TEXT_SIZE])
{
	for (size_t i = 0; i < sizeof inputs / sizeof inputs[0]; i++) {
		size_t prefix = strlen(inputs[i].prefix);

		if (strncmp(file, inputs[i].prefix, prefix) != 0)
			continue;
		size_t digits = strspn(file + prefix, "0123456789");

		if (digits == 0 || digits > 6 || strcmp(file + prefix + digits, "_input") != 0)
			continue;
		snprintf(attribute, SENSOR_TEXT_SIZE, "%.*s", (int)(prefix + digits), file);
		return &inputs[i];
	}
	return NULL;
}

/* The driver's own word that the value means nothing (wire broken, fan stuck). Most have no such file. */
static bool reports_fault(int root, const struct sensor *sensor)
{
	char path[SENSOR_PATH_SIZE];
	double fault;

	snprintf(path, sizeof path, "%.*sfault", (int)(strlen(sensor->source) - strlen("input")),
		sensor->source);
	return attribute_read_number(root, path, &fault) == 0 && fault != 0;
}

static int read_input(int root, const struct sensor *sensor, double *ret_value)
{
	double raw;
	int r = attribute_read_number(root, sensor->source, &raw);

	if (r < 0)
		return r;
	if (reports_fault(root, sensor))
		return -EREMOTEIO;
	*ret_value = raw / sensor->quantity->divisor;
	return 0;
}

static int add_input(
	int root, const char *folder, const char *chip, const char *file, struct catalog *catalog)
{
	char attribute[SENSOR_TEXT_SIZE], path[SENSOR_PATH_SIZE];
	const struct input *input = find_input(file, attribute);

	if (!input || snprintf(path, sizeof path, "%s/%s", folder, file) >= (int)sizeof path)
		return 0;
	struct sensor *sensor = catalog_add(catalog);

	if (!sensor)
		return -ENOMEM;
	sensor->quantity = input->quantity;
	sensor->read = read_input;
	memcpy(sensor->source, path, sizeof path);
	memcpy(sensor->attribute, attribute, sizeof attribute);
	snprintf(sensor->chip, sizeof sensor->chip, "%s", chip);
	catalog_device(root, folder, sensor->device);
	snprintf(path, sizeof path, "%s/%s_label", folder, attribute);
	attribute_read_line(root, path, sensor->label, sizeof sensor->label);
	return 0;
}

static int scan_chip(int root, const char *path, struct catalog *catalog)
{
	char name_path[SENSOR_PATH_SIZE + 8], chip[SENSOR_TEXT_SIZE];
	int fd = openat(root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	DIR *folder = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!folder) {
		if (fd >= 0)
			close(fd);
		return 0;
	}
	snprintf(name_path, sizeof name_path, "%s/name", path);
	if (attribute_read_line(root, name_path, chip, sizeof chip) <= 0)
		snprintf(chip, sizeof chip, "hwmon");
	while (r == 0 && (entry = readdir(folder)))
		r = add_input(root, path, chip, entry->d_name, catalog);
	closedir(folder);
	return r;
}

int hwmon_scan(int root, struct catalog *catalog)
{
	return catalog_each(root, "sys/class/hwmon", "hwmon", scan_chip, catalog);
}
