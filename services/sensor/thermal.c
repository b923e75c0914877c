// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * Thermal zones: sys/class/thermal/thermal_zoneN/{type, temp} of the kernel's
 * Documentation/driver-api/thermal/sysfs-api.rst. On many boards they are the only temperatures.
 */
#include "attribute.h"
#include "catalog.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int read_zone(int root, const struct sensor *sensor, double *ret_value)
{
	double raw;
	int r = attribute_read_number(root, sensor->source, &raw);

	if (r == 0)
		*ret_value = raw / sensor->quantity->divisor;
	return r;
}

static int scan_zone(int root, const char *folder, struct catalog *catalog)
{
	char type[SENSOR_TEXT_SIZE - 8], path[SENSOR_PATH_SIZE];
	double value;

	snprintf(path, sizeof path, "%s/type", folder);
	if (attribute_read_line(root, path, type, sizeof type) <= 0)
		snprintf(type, sizeof type, "zone");
	snprintf(path, sizeof path, "%s/temp", folder);
	/* Zones without a `temp` exist; one that fails for another reason is shown as failing. */
	if (attribute_read_number(root, path, &value) == -ENOENT)
		return 0;
	struct sensor *sensor = catalog_add(catalog);

	if (!sensor)
		return -ENOMEM;
	sensor->quantity = &quantity_temperature;
	sensor->read = read_zone;
	memcpy(sensor->source, path, sizeof path);
	snprintf(sensor->chip, sizeof sensor->chip, "thermal-%s", type);
	catalog_device(root, folder, sensor->device);
	snprintf(sensor->attribute, sizeof sensor->attribute, "temp");
	return 0;
}

int thermal_scan(int root, struct catalog *catalog)
{
	return catalog_each(root, "sys/class/thermal", "thermal_zone", scan_zone, catalog);
}
