// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * Which sensors there are. A scan looks at the whole tree and gives each sensor an id that depends on what is
 * measured and where, never on hwmonN, which the kernel numbers in the order in which drivers happen to load.
 */
#ifndef DEVBUS_SENSOR_CATALOG_H
#define DEVBUS_SENSOR_CATALOG_H

#include "quantity.h"
#include <stdbool.h>
#include <stddef.h>

#define SENSOR_ID_SIZE 65
#define SENSOR_TEXT_SIZE 64
#define SENSOR_PATH_SIZE 192

struct sensor {
	char id[SENSOR_ID_SIZE]; /* a topic level (protocol 1.3), unique in its catalog */
	const struct quantity *quantity;
	int (*read)(int root, const struct sensor *sensor, double *ret_value); /* 0 or a negative errno */
	char source[SENSOR_PATH_SIZE]; /* the file or folder that is read, below the root */
	char chip[SENSOR_TEXT_SIZE]; /* what the driver calls itself; "" for /proc */
	char device[SENSOR_TEXT_SIZE]; /* where it is attached: "0-0048"; "" when the kernel does not say */
	char attribute[SENSOR_TEXT_SIZE]; /* "temp1"; for /proc the word that is looked for */
	char label[SENSOR_TEXT_SIZE]; /* of the board's maker; may be "" */
	bool clash; /* while names are given: another one came to the same id */
};

struct catalog {
	struct sensor *sensors;
	size_t count, room;
};

/* More sensors than this are not looked at: a bound on memory and on what a broken tree can cause. */
#define CATALOG_MAX 512

/*
 * Looks at the tree below the folder @root; @disk is a path below it whose file system is a sensor too ("" for none).
 * Missing folders are normal (containers have no hwmon). Returns 0 or -ENOMEM.
 */
int catalog_scan(int root, const char *disk, struct catalog *ret_catalog);
void catalog_free(struct catalog *catalog);

/* ---- for the scanners */

/* A zeroed sensor at the end, borrowed until the next call. NULL when memory is short or the catalog full. */
struct sensor *catalog_add(struct catalog *catalog);

/* Calls @visit for each folder @parent/@prefixN. Returns 0 or the first negative errno of @visit. */
typedef int catalog_visit(int root, const char *folder, struct catalog *catalog);
int catalog_each(
	int root, const char *parent, const char *prefix, catalog_visit *visit, struct catalog *catalog);

/* The last part of what the link @folder/device points at, into @device; "" when there is none. */
void catalog_device(int root, const char *folder, char device[SENSOR_TEXT_SIZE]);

int hwmon_scan(int root, struct catalog *catalog);
int thermal_scan(int root, struct catalog *catalog);
int proc_scan(int root, const char *disk, struct catalog *catalog);

/* Sorts and gives ids to those that have none yet. */
void naming_assign(struct sensor *sensors, size_t count);

#endif
