// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * 1-wire thermometers: sys/bus/w1/devices/FAMILY-SERIAL/w1_slave of the kernel's Documentation/w1/slaves/w1_therm.rst. Two lines, the first
 * of which says whether the checksum was right and the second the temperature:
 *
 *	72 01 4b 46 7f ff 0e 10 57 : crc=57 YES
 *	72 01 4b 46 7f ff 0e 10 57 t=23125
 *
 * The serial number is burnt in, so it is the id. A conversion takes 750 ms, during which the bus is taken.
 */
#include "attribute.h"
#include "catalog.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FOLDER "sys/bus/w1/devices"

static int read_slave(int root, const struct source *source, double *ret_value)
{
	char text[256];
	int r = attribute_read(root, source->path, text, sizeof text);
	double raw;

	if (r < 0)
		return r;
	const char *number = strstr(text, "t=");

	if (!strstr(text, "YES"))
		return -EPROTO;
	if (!number || attribute_parse_number(number + 2, &raw) < 0)
		return -EBADMSG;
	*ret_value = raw / source->divisor;
	return 0;
}

static int scan_slave(int root, const char *folder, struct catalog *catalog)
{
	char path[SENSOR_PATH_SIZE + 16];
	const char *device = strrchr(folder, '/') + 1;

	/* Newer kernels show it among the hardware monitoring chips as well. */
	snprintf(path, sizeof path, "%s/hwmon", folder);
	if (faccessat(root, path, F_OK, 0) == 0)
		return 0;
	snprintf(path, sizeof path, "%s/w1_slave", folder);
	if (strlen(path) >= SENSOR_PATH_SIZE || faccessat(root, path, F_OK, 0) < 0)
		return 0;
	struct sensor *sensor = catalog_add(catalog, &quantity_temperature, read_slave, path, strlen(FOLDER));

	if (!sensor)
		return -ENOMEM;
	sensor->source.slow = true;
	snprintf(sensor->source.attribute, sizeof sensor->source.attribute, "temp");
	snprintf(sensor->chip, sizeof sensor->chip, "w1-%.32s", device);
	snprintf(sensor->device, sizeof sensor->device, "%.32s", device);
	return 0;
}

int w1_scan(int root, struct catalog *catalog)
{
	return catalog_each(root, FOLDER, "", scan_slave, catalog);
}
