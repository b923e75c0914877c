// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * Thermal zones: sys/class/thermal/thermal_zoneN/{type, temp} of the kernel's
 * Documentation/driver-api/thermal/sysfs-api.rst. On many boards they are the only temperatures.
 */
#include "attribute.h"
#include "catalog.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

static int scan_zone(int root, const char *folder, struct catalog *catalog)
{
	char type[SENSOR_TEXT_SIZE - 8], path[SENSOR_PATH_SIZE];

	snprintf(path, sizeof path, "%s/type", folder);
	if (attribute_read_name(root, path, type, sizeof type) <= 0)
		snprintf(type, sizeof type, "zone");
	snprintf(path, sizeof path, "%s/temp", folder);
	if (faccessat(root, path, F_OK, 0) < 0) /* zones without it exist */
		return 0;
	struct sensor *sensor = catalog_add(catalog, &quantity_temperature, source_read_number, path, 0);

	if (!sensor)
		return -ENOMEM;
	snprintf(sensor->chip, sizeof sensor->chip, "thermal-%s", type);
	catalog_device(root, folder, sensor->device);
	snprintf(sensor->source.attribute, sizeof sensor->source.attribute, "temp");
	return 0;
}

int thermal_scan(int root, struct catalog *catalog)
{
	return catalog_each(root, "sys/class/thermal", "thermal_zone", scan_zone, catalog);
}
