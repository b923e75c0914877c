// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * An entry of the section is three things at once: a source of its own, another name for a sensor that was found, and wishes for the
 * sensor of its name. So the catalog is changed first, and then each sensor of it looks its wishes up by its id.
 */
#include "plan.h"
#include "entry.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SAMPLE_MS_MIN 100
#define STALE_MS_MIN 1000
#define STALE_MS_MAX 5000

/* Levels of our own below cloud/event/sensor/ and service/sensor/state/. */
static const char *const reserved[] = { "ack", "alarm", "alarms", "batch", "config", "describe", "list",
	"ping", "read", "schema", "stats" };

/* ---- checking */

static int refuse(struct devbus_error *error, const char *id, const char *what, const char *problem)
{
	snprintf(error->code, sizeof error->code, "%s", DEVBUS_E_INVALID_ARGS);
	snprintf(error->message, sizeof error->message, "sensors.%.64s.%s: %s", id, what, problem);
	return -EINVAL;
}

/* Whether @file is below one of the folders of @dirs, and does not leave it again. */
static bool file_allowed(const char *file, const char *dirs)
{
	file += strspn(file, "/");
	if (strstr(file, ".."))
		return false;
	for (dirs += strspn(dirs, " /"); *dirs; dirs += strspn(dirs, " /")) {
		size_t length = strcspn(dirs, " ");

		if (strncmp(file, dirs, length) == 0 && file[length] == '/')
			return true;
		dirs += length;
	}
	return false;
}

static uint32_t sample_ms(const struct section *section, const struct entry *entry)
{
	return entry->sample_interval_ms ? entry->sample_interval_ms : section->sample_interval_ms;
}

static uint32_t report_ms(const struct section *section, const struct entry *entry)
{
	return entry->report_interval_ms ? entry->report_interval_ms : section->report_interval_ms;
}

static int check_entry(const struct section *section, const struct places *places, const char *id,
	const struct entry *entry, struct devbus_error *error)
{
	for (size_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++)
		if (strcmp(id, reserved[i]) == 0)
			return refuse(error, id, "id", "this name means something else; take another");
	if ((entry->file[0] != 0) + (entry->exec[0] != 0) + entry_selects(entry) > 1)
		return refuse(error, id, "file", "only one of file, exec and a selector can be the source");
	if (entry->file[0] && !file_allowed(entry->file, places->file_dirs))
		return refuse(error, id, "file", "is in none of the folders of the setting file_dirs");
	if (entry->exec[0] && (strchr(entry->exec, '/') || entry->exec[0] == '.'))
		return refuse(error, id, "exec", "must be a name in the folder of the setting exec_dir");
	if (entry->factor == 0)
		return refuse(error, id, "factor", "must not be 0");
	if (!entry_aggregates(entry->aggregate))
		return refuse(error, id, "aggregate", "must be words of: last min max mean count");
	if (sample_ms(section, entry) < SAMPLE_MS_MIN)
		return refuse(error, id, "sample_interval_ms", "must be 0 or at least 100");
	if (report_ms(section, entry) < sample_ms(section, entry))
		return refuse(error, id, "report_interval_ms", "is below the sample interval");
	if (entry->source_unit[0] && entry->unit[0] && !unit_converts(entry->source_unit, entry->unit))
		return refuse(error, id, "unit", "cannot be made of source_unit");
	return 0;
}

int plan_check(const struct section *section, const struct places *places, struct devbus_error *error)
{
	int r = 0;

	if (section->report_interval_ms < section->sample_interval_ms) {
		snprintf(error->message, sizeof error->message,
			"report_interval_ms: is below sample_interval_ms");
		return -EINVAL;
	}
	for (struct devbus_json *i = devbus_json_first(section->sensors); r == 0 && i;
		i = devbus_json_next(i)) {
		struct entry entry;

		r = devbus_fields_read(entry_fields, i, &entry, error);
		if (r < 0)
			break;
		r = check_entry(section, places, devbus_json_name(i), &entry, error);
		devbus_fields_clear(entry_fields, &entry);
	}
	return r;
}

/* ---- sources of the section */

static int read_absent(int root, const struct source *source, double *ret_value)
{
	(void)root, (void)source, (void)ret_value;
	return -ENODEV;
}

static struct sensor *add_file(const struct entry *entry, struct catalog *catalog)
{
	const char *path = entry->file + strspn(entry->file, "/");
	struct sensor *sensor = catalog_add(catalog, &quantity_other, source_read_column, path, 0);

	if (!sensor)
		return NULL;
	snprintf(sensor->source.attribute, sizeof sensor->source.attribute, "%s", entry->word);
	sensor->source.column = entry->column;
	return sensor;
}

static struct sensor *add_program(
	const struct entry *entry, const struct places *places, const char *id, struct catalog *catalog)
{
	char path[2 * SENSOR_PATH_SIZE];

	snprintf(path, sizeof path, "%s/%s", places->exec_dir, entry->exec);
	struct sensor *sensor = catalog_add(catalog, &quantity_other, NULL, path, 0);

	if (!sensor)
		return NULL;
	snprintf(sensor->source.attribute, sizeof sensor->source.attribute, "%.63s", id);
	sensor->source.timeout_ms = entry->timeout_ms;
	return sensor;
}

/* Whoever else has this name loses it: a chip must not hide what the configuration names. */
static void take_name(struct catalog *catalog, struct sensor *sensor, const char *id)
{
	for (size_t i = 0; i < catalog->count; i++)
		if (strcmp(catalog->sensors[i].id, id) == 0)
			catalog->sensors[i].id[0] = '\0';
	snprintf(sensor->id, sizeof sensor->id, "%s", id);
}

/* The sensor that the entry means; where there is none now, one that says so stands for it. */
static struct sensor *select_sensor(const struct entry *entry, struct catalog *catalog)
{
	for (size_t i = 0; i < catalog->count; i++)
		if (entry_matches(entry, &catalog->sensors[i]))
			return &catalog->sensors[i];
	return catalog_add(catalog, &quantity_other, read_absent, "", 0);
}

static int apply_entry(
	const struct entry *entry, const struct places *places, const char *id, struct catalog *catalog)
{
	struct sensor *sensor;

	if (entry->file[0])
		sensor = add_file(entry, catalog);
	else if (entry->exec[0])
		sensor = add_program(entry, places, id, catalog);
	else if (entry_selects(entry))
		sensor = select_sensor(entry, catalog);
	else
		return 0;
	if (!sensor)
		return catalog->count == CATALOG_MAX ? 0 : -ENOMEM;
	take_name(catalog, sensor, id);
	return 0;
}

bool plan_wants(const struct section *section, const char *id)
{
	const struct devbus_json *entry = devbus_json_get(section->sensors, id);
	bool enabled = true;

	devbus_json_bool(devbus_json_get(entry, "enabled"), &enabled);
	return entry ? enabled : section->discover;
}

int plan_apply(const struct section *section, const struct places *places, struct catalog *catalog)
{
	int r = 0;

	for (struct devbus_json *i = devbus_json_first(section->sensors); r == 0 && i;
		i = devbus_json_next(i)) {
		struct entry entry;

		r = devbus_fields_read(entry_fields, i, &entry, NULL);
		if (r < 0)
			break;
		r = apply_entry(&entry, places, devbus_json_name(i), catalog);
		devbus_fields_clear(entry_fields, &entry);
	}
	for (size_t i = 0; i < catalog->count; i++)
		if (!catalog->sensors[i].id[0] || !plan_wants(section, catalog->sensors[i].id))
			catalog_drop(catalog, i--);
	return r;
}

/* ---- one sensor */

static int make_alarms(const struct devbus_json *rules, struct plan *plan)
{
	size_t count = devbus_json_count(rules);

	plan->alarms = count ? calloc(count, sizeof *plan->alarms) : NULL;
	if (count && !plan->alarms)
		return -ENOMEM;
	for (struct devbus_json *i = devbus_json_first(rules); i; i = devbus_json_next(i)) {
		struct alarm *alarm = &plan->alarms[plan->alarm_count++];
		struct rule rule;

		if (devbus_fields_read(rule_fields, i, &rule, NULL) < 0)
			return -ENOMEM;
		snprintf(alarm->name, sizeof alarm->name, "%s", devbus_json_name(i));
		while (strcmp(alarm_words[alarm->when], rule.when) != 0)
			alarm->when++;
		alarm->limit = rule.limit;
		alarm->hysteresis = rule.hysteresis;
		alarm->delay_ms = rule.delay_ms;
	}
	return 0;
}

static void choose_units(const struct entry *entry, const struct sensor *sensor, struct plan *plan)
{
	const char *source = entry->source_unit[0] && !sensor->quantity->unit[0] ? entry->source_unit
										 : sensor->quantity->unit;
	const char *unit = entry->unit[0] ? entry->unit : source;

	if (!*source)
		source = unit;
	plan->unit_refused = !unit_converts(source, unit);
	snprintf(plan->source_unit, sizeof plan->source_unit, "%s", source);
	snprintf(plan->unit, sizeof plan->unit, "%s", plan->unit_refused ? source : unit);
}

static uint32_t usual_stale_ms(uint32_t interval_ms)
{
	uint64_t twice_ms = 2 * (uint64_t)interval_ms;

	return twice_ms < STALE_MS_MIN   ? STALE_MS_MIN
	       : twice_ms > STALE_MS_MAX ? STALE_MS_MAX
					 : (uint32_t)twice_ms;
}

int plan_make(const struct section *section, const struct sensor *sensor, struct plan *ret_plan)
{
	struct plan plan = { .factor = 1 };
	struct entry entry;
	int r = entry_read(section, sensor->id, &entry);

	if (r < 0)
		return r;
	plan.sample_ms = sample_ms(section, &entry);
	plan.report_ms = report_ms(section, &entry);
	plan.heartbeat_ms = entry.heartbeat_ms;
	plan.stale_ms = entry.stale_ms ? entry.stale_ms : usual_stale_ms(plan.sample_ms);
	plan.timeout_ms = entry.timeout_ms;
	plan.factor = entry.factor;
	plan.offset = entry.offset;
	plan.aggregates = entry_aggregates(entry.aggregate);
	choose_units(&entry, sensor, &plan);
	plan.dead_band = entry.dead_band;
	if (entry.dead_band < 0)
		plan.dead_band = fabs(plan_value(&plan, sensor->quantity->dead_band) - plan_value(&plan, 0));
	r = make_alarms(entry.alarms, &plan);
	devbus_fields_clear(entry_fields, &entry);
	if (r < 0)
		plan_clear(&plan);
	else
		*ret_plan = plan;
	return r;
}

void plan_clear(struct plan *plan)
{
	free(plan->alarms);
	plan->alarms = NULL;
	plan->alarm_count = 0;
}

bool plan_same_scale(const struct plan *a, const struct plan *b)
{
	return a->factor == b->factor && a->offset == b->offset && strcmp(a->unit, b->unit) == 0 &&
	       strcmp(a->source_unit, b->source_unit) == 0;
}

double plan_value(const struct plan *plan, double raw)
{
	/* A factor of 1 must not cost exactness. */
	double value = plan->factor == 1 && plan->offset == 0 ? raw : raw * plan->factor + plan->offset;

	return unit_convert(plan->source_unit, plan->unit, value);
}
