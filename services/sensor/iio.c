// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * Industrial I/O: sys/bus/iio/devices/iio:deviceN/{name, in_voltage0_raw, in_voltage_scale, ...} of the kernel's
 * Documentation/ABI/testing/sysfs-bus-iio. A value is (raw + offset) * scale, where scale and offset belong to the channel
 * (in_voltage0_scale) or to all of its kind (in_voltage_scale); or it is `_input`, which the driver has worked out.
 * Scale and offset are read each time: a gain may be changed while we run.
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

#define PREFIX "in_"
#define PREFIX_LENGTH 3

static const struct input {
	const char *name;
	const struct quantity *quantity;
} inputs[] = {
	{ "temp", &quantity_temperature },
	{ "voltage", &quantity_voltage },
	{ "current", &quantity_current },
	{ "power", &quantity_iio_power },
	{ "humidityrelative", &quantity_humidity },
	{ "pressure", &quantity_iio_pressure },
	{ "illuminance", &quantity_iio_illuminance },
	{ "resistance", &quantity_iio_resistance },
	{ "capacitance", &quantity_iio_capacitance },
	{ "accel", &quantity_iio_acceleration },
	{ "magn", &quantity_iio_magnetic },
	{ "concentration", &quantity_iio_concentration },
	{ "distance", &quantity_iio_distance },
	{ "electricalconductivity", &quantity_iio_conductivity },
};

/* What is behind the kind's name in a channel: "", "0", "_x", "0-voltage1", "_co2". */
static bool is_channel_rest(const char *rest)
{
	return !*rest || isdigit((unsigned char)*rest) || *rest == '_' || *rest == '-';
}

/* The row of "in_voltage0_raw"; "voltage0" goes to @channel. NULL: it is no value. */
static const struct input *find_input(const char *file, char channel[SENSOR_TEXT_SIZE])
{
	const char *end = strrchr(file, '_');

	if (strncmp(file, PREFIX, PREFIX_LENGTH) != 0 || end < file + PREFIX_LENGTH ||
		end - file >= SENSOR_TEXT_SIZE || (strcmp(end, "_raw") != 0 && strcmp(end, "_input") != 0))
		return NULL;
	snprintf(channel, SENSOR_TEXT_SIZE, "%.*s", (int)(end - file - PREFIX_LENGTH), file + PREFIX_LENGTH);
	for (size_t i = 0; i < sizeof inputs / sizeof inputs[0]; i++) {
		size_t length = strlen(inputs[i].name);

		if (strncmp(channel, inputs[i].name, length) == 0 && is_channel_rest(channel + length))
			return &inputs[i];
	}
	return NULL;
}

/* "voltage0-voltage1" becomes "voltage-voltage", "accel_x" becomes "accel": what channels share. */
static void kind_of(const char *channel, char kind[SENSOR_TEXT_SIZE])
{
	size_t length = 0;

	for (const char *p = channel; *p; p++)
		if (!isdigit((unsigned char)*p))
			kind[length++] = *p;
	kind[length] = '\0';
	char *modifier = strchr(kind, '_');

	if (modifier)
		*modifier = '\0';
}

/* The channel's own factor or its kind's; @number is left alone when there is none. Returns 0 or a negative errno. */
static int read_factor(int root, const struct source *source, const char *what, double *number)
{
	char kind[SENSOR_TEXT_SIZE], path[SENSOR_PATH_SIZE + SENSOR_TEXT_SIZE + 16];
	int folder = (int)(strrchr(source->path, '/') - source->path);
	int r;

	snprintf(path, sizeof path, "%.*s/" PREFIX "%s_%s", folder, source->path, source->attribute, what);
	if ((r = attribute_read_number(root, path, number)) != -ENOENT)
		return r;
	kind_of(source->attribute, kind);
	snprintf(path, sizeof path, "%.*s/" PREFIX "%s_%s", folder, source->path, kind, what);
	r = attribute_read_number(root, path, number);
	return r == -ENOENT ? 0 : r;
}

static int read_raw(int root, const struct source *source, double *ret_value)
{
	double raw, offset = 0, scale = 1;
	int r;

	if ((r = attribute_read_number(root, source->path, &raw)) < 0 ||
		(r = read_factor(root, source, "offset", &offset)) < 0 ||
		(r = read_factor(root, source, "scale", &scale)) < 0)
		return r;
	*ret_value = (raw + offset) * scale / source->divisor;
	return 0;
}

/* Whether the same channel also has a value that the driver worked out. */
static bool has_processed(int root, const char *folder, const char *channel)
{
	char path[SENSOR_PATH_SIZE + SENSOR_TEXT_SIZE + 16];

	snprintf(path, sizeof path, "%s/" PREFIX "%s_input", folder, channel);
	return faccessat(root, path, F_OK, 0) == 0;
}

/* The driver's own label of a channel ("supply"). */
static void read_label(int root, const char *folder, const char *channel, char label[SENSOR_TEXT_SIZE])
{
	char path[SENSOR_PATH_SIZE + SENSOR_TEXT_SIZE + 16];

	snprintf(path, sizeof path, "%s/" PREFIX "%s_label", folder, channel);
	if (attribute_read_name(root, path, label, SENSOR_TEXT_SIZE) < 0)
		label[0] = '\0';
}

/* What and where the device is. */
struct place {
	char folder[SENSOR_PATH_SIZE], chip[SENSOR_TEXT_SIZE], device[SENSOR_TEXT_SIZE];
};

static int add_input(int root, const struct place *place, const char *file, struct catalog *catalog)
{
	char channel[SENSOR_TEXT_SIZE], path[SENSOR_PATH_SIZE];
	const struct input *input = find_input(file, channel);

	if (!input || snprintf(path, sizeof path, "%s/%s", place->folder, file) >= (int)sizeof path)
		return 0;
	bool raw = strcmp(strrchr(file, '_'), "_raw") == 0;

	if (raw && has_processed(root, place->folder, channel))
		return 0;
	struct sensor *sensor = catalog_add(
		catalog, input->quantity, raw ? read_raw : source_read_number, path, strlen(place->folder));

	if (!sensor)
		return -ENOMEM;
	memcpy(sensor->source.attribute, channel, sizeof channel);
	memcpy(sensor->chip, place->chip, sizeof sensor->chip);
	memcpy(sensor->device, place->device, sizeof sensor->device);
	read_label(root, place->folder, channel, sensor->label);
	return 0;
}

static int scan_device(int root, const char *folder, struct catalog *catalog)
{
	struct place place = { .chip = "" };
	char name[SENSOR_PATH_SIZE + 8];
	DIR *files = catalog_folder(root, folder);
	struct dirent *entry;
	int r = 0;

	if (!files)
		return 0;
	snprintf(place.folder, sizeof place.folder, "%s", folder);
	snprintf(name, sizeof name, "%s/name", folder);
	if (attribute_read_name(root, name, place.chip, sizeof place.chip) <= 0)
		snprintf(place.chip, sizeof place.chip, "iio");
	catalog_parent(root, folder, place.device);
	while (r == 0 && (entry = readdir(files)))
		r = add_input(root, &place, entry->d_name, catalog);
	closedir(files);
	return r;
}

int iio_scan(int root, struct catalog *catalog)
{
	return catalog_each(root, "sys/bus/iio/devices", "iio:device", scan_device, catalog);
}
