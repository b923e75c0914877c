// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* The section as tables: they check what arrives, document it as the section's schema, and give the defaults. */
#include "entry.h"

#include <errno.h>
#include <string.h>

#define HOUR_MS 3600000
#define DAY_MS 86400000

const struct devbus_field rule_fields[] = {
	DEVBUS_FIELD(struct rule, when, .flags = DEVBUS_REQUIRED, .choices = alarm_words,
		.description = "What sets it: the value is above or below the limit, or the quality is bad"),
	DEVBUS_FIELD(struct rule, limit, .description = "In the sensor's unit"),
	DEVBUS_FIELD(struct rule, hysteresis, .min = 0, .max = 1e300,
		.description = "How far back the value must go to clear it, in the sensor's unit"),
	DEVBUS_FIELD(struct rule, delay_ms, .max = DAY_MS,
		.description = "How long it must have been so before it is set, in ms"),
	{ 0 },
};

const struct devbus_field entry_fields[] = {
	DEVBUS_FIELD(struct entry, enabled, .initial = 1, .description = "Whether it is read at all"),
	DEVBUS_FIELD(struct entry, file, .flags = DEVBUS_OMIT_EMPTY,
		.description = "A file with the number, in one of the folders of the setting file_dirs"),
	DEVBUS_FIELD(struct entry, word, .flags = DEVBUS_OMIT_EMPTY,
		.description = "In that file: the start of the line that has the number"),
	DEVBUS_FIELD(struct entry, column, .min = 1, .max = 64, .initial = 1,
		.description = "In that line: which number, counted from 1"),
	DEVBUS_FIELD(struct entry, exec, .flags = DEVBUS_OMIT_EMPTY,
		.description = "A program in the folder of the setting exec_dir that prints the number"),
	DEVBUS_FIELD(struct entry, chip, .flags = DEVBUS_OMIT_EMPTY,
		.description = "The sensor on this chip, as list names it"),
	DEVBUS_FIELD(struct entry, device, .flags = DEVBUS_OMIT_EMPTY,
		.description = "The sensor that is attached here, as list names it"),
	DEVBUS_FIELD(struct entry, attribute, .flags = DEVBUS_OMIT_EMPTY,
		.description = "The sensor with this attribute, as list names it"),
	DEVBUS_FIELD(struct entry, label, .flags = DEVBUS_OMIT_EMPTY,
		.description = "The sensor with this label, as list names it"),
	DEVBUS_FIELD(struct entry, source_unit, .flags = DEVBUS_OMIT_EMPTY,
		.description = "The unit of the number in a file or of a program"),
	DEVBUS_FIELD(struct entry, unit, .flags = DEVBUS_OMIT_EMPTY,
		.description = "The unit to tell; absent: that of the source"),
	DEVBUS_FIELD(struct entry, factor, .initial = 1,
		.description = "The value is reading * factor + offset, in the source's unit"),
	DEVBUS_FIELD(struct entry, offset, .description = "See factor"),
	DEVBUS_FIELD(struct entry, sample_interval_ms, .max = HOUR_MS,
		.description = "Time between two readings, in ms; at least 100; 0: as for all"),
	DEVBUS_FIELD(struct entry, report_interval_ms, .max = DAY_MS,
		.description = "Time between two reports to the cloud, in ms; 0: as for all"),
	DEVBUS_FIELD(struct entry, heartbeat_ms, .max = DAY_MS,
		.description = "Leave reports out that bring no change beyond the dead band, but not for "
			       "longer than this, in ms; 0: leave none out"),
	DEVBUS_FIELD(struct entry, stale_ms, .max = HOUR_MS,
		.description = "How long a reading may take until the quality is stale, in ms; 0: twice the "
			       "sample interval, but 1 s to 5 s"),
	DEVBUS_FIELD(struct entry, timeout_ms, .min = 100, .max = HOUR_MS, .initial = 10000,
		.description = "How long a reading may take until the quality is error, in ms"),
	DEVBUS_FIELD(struct entry, aggregate, .min = 1, .max = 39, .initial_text = "last min max mean count",
		.description = "What a report tells, of: last min max mean count"),
	DEVBUS_FIELD(struct entry, dead_band, .min = -1, .max = 1e300, .initial = -1,
		.description =
			"A change that is no news, in the sensor's unit; -1: what is usual for its kind"),
	DEVBUS_FIELD(struct entry, alarms, .each = rule_fields, .each_size = sizeof(struct rule), .max = 16,
		.flags = DEVBUS_TOPIC_LEVEL | DEVBUS_OMIT_EMPTY,
		.description = "Alarms by name, such as {\"hot\":{\"when\":\"above\",\"limit\":70}}"),
	{ 0 },
};

static const char *const spools[] = { "none", "memory", "disk", NULL };

const struct devbus_field section_fields[] = {
	DEVBUS_FIELD(struct section, sample_interval_ms, .min = 100, .max = HOUR_MS, .initial = 1000,
		.description = "Time between two readings of a sensor, in ms"),
	DEVBUS_FIELD(struct section, report_interval_ms, .min = 100, .max = DAY_MS, .initial = 10000,
		.description = "Time between two reports to the cloud, in ms; at least sample_interval_ms"),
	DEVBUS_FIELD(struct section, discover, .initial = 1,
		.description = "Whether sensors without an entry in sensors are read too"),
	DEVBUS_FIELD(struct section, batch,
		.description =
			"Whether reports that are due together go as one message, in SenML (RFC 8428)"),
	DEVBUS_FIELD(struct section, spool, .initial_text = "none", .choices = spools,
		.description =
			"What becomes of reports while the cloud is away: dropped, kept in memory, on disk"),
	DEVBUS_FIELD(struct section, sensors, .each = entry_fields, .each_size = sizeof(struct entry),
		.max = CATALOG_MAX, .flags = DEVBUS_TOPIC_LEVEL | DEVBUS_OMIT_EMPTY,
		.description = "What single sensors have of their own, by their ids"),
	{ 0 },
};

bool entry_selects(const struct entry *entry)
{
	return entry->chip[0] || entry->device[0] || entry->attribute[0] || entry->label[0];
}

bool entry_matches(const struct entry *entry, const struct sensor *sensor)
{
	const struct pair {
		const char *wanted, *is;
	} pairs[] = {
		{ entry->chip, sensor->chip },
		{ entry->device, sensor->device },
		{ entry->attribute, sensor->source.attribute },
		{ entry->label, sensor->label },
	};

	for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
		if (pairs[i].wanted[0] && strcmp(pairs[i].wanted, pairs[i].is) != 0)
			return false;
	return true;
}

int entry_read(const struct section *section, const char *id, struct entry *ret_entry)
{
	const struct devbus_json *object = devbus_json_get(section->sensors, id);

	return devbus_fields_read(entry_fields, object, ret_entry, NULL);
}

unsigned entry_aggregates(const char *words)
{
	static const char *const names[] = { "last", "min", "max", "mean", "count" };
	unsigned bits = 0;

	for (words += strspn(words, " "); *words; words += strspn(words, " ")) {
		size_t length = strcspn(words, " "), i = 0;

		while (i < 5 && (strlen(names[i]) != length || strncmp(words, names[i], length) != 0))
			i++;
		if (i == 5)
			return 0;
		bits |= 1u << i;
		words += length;
	}
	return bits;
}
