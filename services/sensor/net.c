// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * Counters of the network interfaces: sys/class/net/NAME/statistics/, of the kernel's
 * Documentation/ABI/testing/sysfs-class-net-statistics. The loopback interface says nothing about a device's lines and is left out.
 */
#include "catalog.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct counter {
	const char *file;
	const struct quantity *quantity;
} counters[] = {
	{ "rx_bytes", &quantity_traffic },
	{ "tx_bytes", &quantity_traffic },
	{ "rx_errors", &quantity_failures },
	{ "tx_errors", &quantity_failures },
};

static int scan_interface(int root, const char *folder, struct catalog *catalog)
{
	const char *name = strrchr(folder, '/') + 1;

	for (size_t i = 0; strcmp(name, "lo") != 0 && i < sizeof counters / sizeof counters[0]; i++) {
		char path[SENSOR_PATH_SIZE + 32];

		snprintf(path, sizeof path, "%s/statistics/%s", folder, counters[i].file);
		if (strlen(path) >= SENSOR_PATH_SIZE || faccessat(root, path, F_OK, 0) < 0)
			continue;
		struct sensor *sensor =
			catalog_add(catalog, counters[i].quantity, source_read_number, path, strlen(folder));

		if (!sensor)
			return -ENOMEM;
		snprintf(sensor->chip, sizeof sensor->chip, "net-%.32s", name);
		/* As in every other id, words are parted by '-'. */
		snprintf(sensor->source.attribute, sizeof sensor->source.attribute, "%.2s-%s",
			counters[i].file, counters[i].file + 3);
	}
	return 0;
}

int net_scan(int root, struct catalog *catalog)
{
	return catalog_each(root, "sys/class/net", "", scan_interface, catalog);
}
