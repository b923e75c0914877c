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
#include <stdio.h>
#include <string.h>

static const struct input {
	const char *prefix;
	const struct quantity *quantity;
} inputs[] = {
	{ "temp", &quantity_temperature },
	{ "in", &quantity_voltage },
	{ "curr", &quantity_current },
	{ "power", &quantity_power },
	{ "energy", &quantity_energy },
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
static bool reports_fault(int root, const struct source *source)
{
	char path[SENSOR_PATH_SIZE];
	double fault;

	snprintf(path, sizeof path, "%.*sfault", (int)(strlen(source->path) - strlen("input")), source->path);
	return attribute_read_number(root, path, &fault) == 0 && fault != 0;
}

static int read_input(int root, const struct source *source, double *ret_value)
{
	double value;
	int r = source_read_number(root, source, &value);

	if (r < 0)
		return r;
	if (reports_fault(root, source))
		return -EREMOTEIO;
	*ret_value = value;
	return 0;
}

static int add_input(
	int root, const char *folder, const char *chip, const char *file, struct catalog *catalog)
{
	char attribute[SENSOR_TEXT_SIZE], path[SENSOR_PATH_SIZE];
	const struct input *input = find_input(file, attribute);

	if (!input || snprintf(path, sizeof path, "%s/%s", folder, file) >= (int)sizeof path)
		return 0;
	struct sensor *sensor = catalog_add(catalog, input->quantity, read_input, path, strlen(folder));

	if (!sensor)
		return -ENOMEM;
	memcpy(sensor->source.attribute, attribute, sizeof attribute);
	snprintf(sensor->chip, sizeof sensor->chip, "%s", chip);
	catalog_device(root, folder, sensor->device);
	snprintf(path, sizeof path, "%s/%s_label", folder, attribute);
	if (attribute_read_name(root, path, sensor->label, sizeof sensor->label) < 0)
		sensor->label[0] = '\0';
	return 0;
}

static int scan_chip(int root, const char *path, struct catalog *catalog)
{
	char name_path[SENSOR_PATH_SIZE + 8], chip[SENSOR_TEXT_SIZE];
	DIR *folder = catalog_folder(root, path);
	struct dirent *entry;
	int r = 0;

	if (!folder)
		return 0;
	snprintf(name_path, sizeof name_path, "%s/name", path);
	if (attribute_read_name(root, name_path, chip, sizeof chip) <= 0)
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
