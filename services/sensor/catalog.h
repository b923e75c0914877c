// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * Which sensors there are. A scan looks at the whole tree and gives each sensor an id that depends on what is
 * measured and where, never on hwmonN, which the kernel numbers in the order in which drivers happen to load.
 */
#ifndef DEVBUS_SENSOR_CATALOG_H
#define DEVBUS_SENSOR_CATALOG_H

#include "quantity.h"
#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SENSOR_ID_SIZE 65
#define SENSOR_TEXT_SIZE 64
#define SENSOR_PATH_SIZE 192

/* All that a reading needs, so that the thread that reads has a copy and shares nothing with the catalog. */
struct source {
	/* Returns 0 or a negative errno; may block. NULL: @path is a program to be run. */
	int (*read)(int root, const struct source *source, double *ret_value);
	char path[SENSOR_PATH_SIZE]; /* the file, folder or program, below the root (a program: anywhere) */
	char attribute[SENSOR_TEXT_SIZE]; /* "temp1"; for /proc and files the word that is looked for */
	double divisor;
	unsigned column; /* of the number in its line; 1 is the first */
	uint32_t timeout_ms; /* programs only: they are ended then */
	uint64_t lane; /* sources of one lane hang together: a chip, a 1-wire bus */
	bool slow; /* known to take its time: a thread of its own from the start */
};

struct sensor {
	char id[SENSOR_ID_SIZE]; /* a topic level (protocol 1.3), unique in its catalog */
	const struct quantity *quantity;
	struct source source;
	char chip[SENSOR_TEXT_SIZE]; /* what the driver calls itself; "" for /proc */
	char device[SENSOR_TEXT_SIZE]; /* where it is attached: "0-0048"; "" when the kernel does not say */
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
 * Looks at the tree below the folder @root, without asking any device; @disk is a path below it whose file system is a sensor too
 * ("" for none). Missing folders are normal (containers have no hwmon). Returns 0 or -ENOMEM.
 */
int catalog_scan(int root, const char *disk, struct catalog *ret_catalog);
void catalog_free(struct catalog *catalog);

/* ---- for the scanners */

/*
 * A sensor at the end that is read by @read from file @path, in the lane of the first @lane_length bytes of it (0: all); the rest is
 * zero. Borrowed until the next call. NULL when memory is short or the catalog full.
 */
struct sensor *catalog_add(struct catalog *catalog, const struct quantity *quantity,
	int (*read)(int root, const struct source *source, double *ret_value), const char *path,
	size_t lane_length);

/* Takes sensor number @index out; those behind it move. */
void catalog_drop(struct catalog *catalog, size_t index);

/* Calls @visit for each entry of @parent that begins with @prefix, with its path. Returns 0 or the first negative errno of @visit. */
typedef int catalog_visit(int root, const char *folder, struct catalog *catalog);
int catalog_each(
	int root, const char *parent, const char *prefix, catalog_visit *visit, struct catalog *catalog);

/* The last part of what the link @folder/device points at, into @device; "" when there is none. */
void catalog_device(int root, const char *folder, char device[SENSOR_TEXT_SIZE]);

/* The folder in which the one that the link @folder points at stands: of .../i2c-1/1-0076/iio:device0 that is 1-0076. */
void catalog_parent(int root, const char *folder, char device[SENSOR_TEXT_SIZE]);

/* The folder @path, or NULL. */
DIR *catalog_folder(int root, const char *path);

int hwmon_scan(int root, struct catalog *catalog);
int thermal_scan(int root, struct catalog *catalog);
int iio_scan(int root, struct catalog *catalog);
int w1_scan(int root, struct catalog *catalog);
int net_scan(int root, struct catalog *catalog);
int proc_scan(int root, const char *disk, struct catalog *catalog);

/* The number that is all there is in the file; the number in column @source->column of the line that begins with @source->attribute. */
int source_read_number(int root, const struct source *source, double *ret_value);
int source_read_column(int root, const struct source *source, double *ret_value);

/* Sorts and gives ids to those that have none yet. */
void naming_assign(struct sensor *sensors, size_t count);

#endif
