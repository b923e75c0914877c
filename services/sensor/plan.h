// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * What the configuration wants of each sensor: the section `sensor` as field tables, what follows from it for one sensor, and the sensors
 * that are in it alone (files, programs, and found ones under a name of the device's owner).
 */
#ifndef DEVBUS_SENSOR_PLAN_H
#define DEVBUS_SENSOR_PLAN_H

#include "alarm.h"
#include "catalog.h"
#include "unit.h"
#include <devbus/devbus.h>

/* Values in force for all sensors, and the entries of single ones by their ids. */
struct section {
	uint32_t sample_interval_ms;
	uint32_t report_interval_ms;
	bool discover; /* false: only the sensors that have an entry */
	bool batch; /* reports that are due together in one message */
	char spool[8]; /* of enum: what becomes of reports while the cloud is away */
	struct devbus_json *sensors; /* NULL: no entries */
};

extern const struct devbus_field section_fields[];

/* From the device's own settings, which the cloud cannot change: where files and programs may be. */
struct places {
	const char *file_dirs; /* folders below the root, parted by blanks */
	const char *exec_dir;
};

enum aggregate {
	AGGREGATE_LAST = 1 << 0,
	AGGREGATE_MIN = 1 << 1,
	AGGREGATE_MAX = 1 << 2,
	AGGREGATE_MEAN = 1 << 3,
	AGGREGATE_COUNT = 1 << 4,
};

/* What to do with one sensor. */
struct plan {
	uint32_t sample_ms, report_ms;
	uint32_t heartbeat_ms; /* 0: every report is sent, news or not */
	uint32_t stale_ms, timeout_ms; /* how long a reading may take until the quality is "stale", "error" */
	double factor, offset, dead_band;
	char source_unit[UNIT_SIZE], unit[UNIT_SIZE];
	bool unit_refused; /* the unit that was wished for cannot be made of the source's, which is told instead */
	unsigned aggregates; /* of enum aggregate */
	struct alarm *alarms; /* owned */
	size_t alarm_count;
};

/* What the field tables cannot check. Returns 0, -EINVAL with a sentence for people in @ret_error, or -ENOMEM. */
int plan_check(const struct section *section, const struct places *places, struct devbus_error *ret_error);

/* For @sensor, by a checked section. The caller clears it. Returns 0 or -ENOMEM. */
int plan_make(const struct section *section, const struct sensor *sensor, struct plan *ret_plan);
void plan_clear(struct plan *plan);

/*
 * Adds to @catalog what is in the section alone, gives sensors that an entry selects the entry's name, and takes away what is
 * switched off. Returns 0 or -ENOMEM.
 */
int plan_apply(const struct section *section, const struct places *places, struct catalog *catalog);

/* Whether the section wants the sensor of this id, if it is there. */
bool plan_wants(const struct section *section, const char *id);

/* Whether two plans give the same value for the same reading, so that it may go on in the same window. */
bool plan_same_scale(const struct plan *a, const struct plan *b);
double plan_value(const struct plan *plan, double raw);

#endif
