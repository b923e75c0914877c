// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* One member of the section's `sensors`, as a struct. */
#ifndef DEVBUS_SENSOR_ENTRY_H
#define DEVBUS_SENSOR_ENTRY_H

#include "plan.h"

struct entry {
	bool enabled;
	/* another source than the sensor of that name */
	char file[SENSOR_PATH_SIZE], word[SENSOR_TEXT_SIZE];
	uint32_t column;
	char exec[SENSOR_TEXT_SIZE];
	/* which of the found ones */
	char chip[SENSOR_TEXT_SIZE], device[SENSOR_TEXT_SIZE], attribute[SENSOR_TEXT_SIZE],
		label[SENSOR_TEXT_SIZE];
	/* what a reading becomes */
	char source_unit[UNIT_SIZE], unit[UNIT_SIZE];
	double factor, offset;
	/* when it is read and told */
	uint32_t sample_interval_ms, report_interval_ms, heartbeat_ms, stale_ms, timeout_ms;
	char aggregate[40];
	double dead_band;
	struct devbus_json *alarms;
};

struct rule {
	char when[8];
	double limit, hysteresis;
	uint32_t delay_ms;
};

extern const struct devbus_field entry_fields[], rule_fields[];

/* Whether it selects one of the found sensors by what that is, and whether @sensor is it. */
bool entry_selects(const struct entry *entry);
bool entry_matches(const struct entry *entry, const struct sensor *sensor);

/* The entry of @id into *@ret_entry, which the caller clears (devbus_fields_clear()): the defaults where there is none. */
int entry_read(const struct section *section, const char *id, struct entry *ret_entry);

/* Bits of enum aggregate; 0: a word is wrong. */
unsigned entry_aggregates(const char *words);

#endif
