// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* See section.h for the order of writes and why. Nothing in memory changes before the disk has it. */
#include "section.h"
#include "layers.h"
#include "schemas.h"
#include "trial-file.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define FILE_NAME_SIZE (SECTION_NAME_SIZE + 16)

/* The largest whole number that every JSON reader keeps (RFC 8259 section 6). */
#define REVISION_MAX 9007199254740992.0

static void file_name(const struct section *section, char name[FILE_NAME_SIZE])
{
	snprintf(name, FILE_NAME_SIZE, "%s.json", section->name);
}

static void describe_problem(
	struct section *section, const char *file, const char *problem, const char *remedy)
{
	snprintf(section->problem, sizeof section->problem, "%.85s: %.100s; %.60s", file, problem, remedy);
	devbus_log(DEVBUS_LOG_ERROR, "%s", section->problem);
}

static int write_file(const struct section_folders *folders, const struct section *section)
{
	struct devbus_json *object = devbus_json_new_object();
	char name[FILE_NAME_SIZE];
	int r;

	file_name(section, name);
	r = devbus_json_set(object, "revision", devbus_json_new_number((double)section->revision));
	if (r == 0)
		r = devbus_json_set(object, "values", devbus_json_copy(section->values));
	if (r == 0)
		r = devbus_json_set(object, "vendor", devbus_json_copy(section->vendor));
	if (r == 0 && section->trial.stage != TRIAL_NONE)
		r = trial_write(&section->trial, object);
	if (r == 0)
		r = devbus_file_write_json(folders->sections, name, object);
	devbus_json_free(object);
	return r;
}

/* ---- reading */

/* Takes revision and values from the section file's or a history entry's @object. */
static int take(struct section *section, const struct devbus_json *object)
{
	const struct devbus_json *values = devbus_json_get(object, "values");
	double revision;

	if (devbus_json_type(values) != DEVBUS_JSON_OBJECT ||
		devbus_json_number(devbus_json_get(object, "revision"), &revision) < 0 || revision < 0 ||
		revision > REVISION_MAX || floor(revision) != revision)
		return -EBADMSG;
	struct devbus_json *copy = devbus_json_copy(values);

	if (!copy)
		return -ENOMEM;
	devbus_json_free(section->values);
	section->values = copy;
	section->revision = (uint64_t)revision;
	return 0;
}

static int use_vendor(struct section *section)
{
	devbus_json_free(section->values);
	section->revision = 0;
	section->values = devbus_json_copy(section->vendor);
	return section->values ? 0 : -ENOMEM;
}

/* The newest good kept revision in place of a section file that is damaged or gone. */
static int restore(const struct section_folders *folders, struct section *section, bool *ret_restored)
{
	struct devbus_json *change = NULL;
	uint64_t revision;
	int r = history_latest(&section->history, UINT64_MAX, &revision, &change);

	if (r == -ENOENT)
		return use_vendor(section);
	if (r < 0)
		return r;
	r = take(section, change);
	devbus_json_free(change);
	if (r < 0)
		return r;
	*ret_restored = true;
	return write_file(folders, section);
}

static int repair(const struct section_folders *folders, struct section *section, const char *problem)
{
	char name[FILE_NAME_SIZE], aside[FILE_NAME_SIZE + 10], remedy[64];
	bool restored = false;

	file_name(section, name);
	snprintf(aside, sizeof aside, "%s.damaged", name);
	if (renameat(folders->sections, name, folders->sections, aside) < 0)
		return -errno;
	trial_clear(&section->trial);
	int r = restore(folders, section, &restored);

	if (r < 0)
		return r;
	snprintf(remedy, sizeof remedy, "revision %.0f is used", (double)section->revision);
	describe_problem(section, aside, problem, restored ? remedy : "the defaults are used");
	return 0;
}

/* Whether the values are those that were stored as this revision: then the schema has changed, not the file. */
static bool is_as_stored(struct section *section)
{
	struct devbus_json *change = NULL;
	bool same = false;

	if (history_read(&section->history, section->revision, &change) == 0)
		same = devbus_json_equal(devbus_json_get(change, "values"), section->values);
	devbus_json_free(change);
	return same;
}

static int check_fit(const struct section_folders *folders, struct section *section)
{
	struct devbus_error error = { "", "" };

	if (section->revision == 0 || section->trial.stage != TRIAL_NONE ||
		schemas_check(folders->vendor.schemas, section->name, section->values, &error) == 0)
		return 0;
	if (!is_as_stored(section))
		return repair(folders, section, error.message);
	describe_problem(section, section->name, error.message, "set it to values that fit");
	return 0;
}

/* A trial that was being undone when we died is undone now. */
static int finish_undo(const struct section_folders *folders, struct section *section)
{
	struct devbus_error why = { "", "" };
	struct devbus_json *change = NULL;
	bool undone = false;

	if (section->trial.stage != TRIAL_NONE &&
		history_read(&section->history, section->revision, &change) == 0)
		undone = history_undone(change, &why);
	devbus_json_free(change);
	return undone ? section_undo(folders, section, &why) : 0;
}

/*
 * The vendor's values are those of another image than when the section was set: what was set stays set, over the new ones. It is
 * the next revision, since somebody may know the old one by its number.
 */
static int follow_vendor(
	const struct section_folders *folders, struct section *section, const struct devbus_json *before)
{
	char time[DEVBUS_TIME_SIZE];

	if (section->revision == 0 || section->trial.stage != TRIAL_NONE || !before ||
		devbus_json_equal(before, section->vendor))
		return 0;
	struct devbus_json *values = layers_rebase(section->values, before, section->vendor);

	if (!values)
		return -ENOMEM;
	if (devbus_json_equal(values, section->values) ||
		schemas_check(folders->vendor.schemas, section->name, values, NULL) < 0) {
		devbus_json_free(values);
		return 0;
	}
	struct devbus_json *change = devbus_json_new_object();

	devbus_time(time);
	int r = devbus_json_set(change, "time", devbus_json_new_string(time));

	if (r == 0)
		r = devbus_json_set(change, "by", devbus_json_new_string("(vendor)"));
	if (r == 0)
		r = section_begin(folders, section, NULL, values, change);
	else
		devbus_json_free(values);
	devbus_json_free(change);
	return r < 0 ? r : section_keep(folders, section);
}

static int load_whole(
	const struct section_folders *folders, struct section *section, const struct devbus_json *object)
{
	int r = take(section, object);

	if (r == 0)
		r = trial_read(&section->trial, devbus_json_get(object, "trial"));
	if (r < 0)
		return r;
	history_drop_above(&section->history, section->revision);
	if (section->revision == 0)
		return use_vendor(section);
	if ((r = finish_undo(folders, section)) < 0 || (r = check_fit(folders, section)) < 0)
		return r;
	return follow_vendor(folders, section, devbus_json_get(object, "vendor"));
}

static int load(const struct section_folders *folders, struct section *section)
{
	struct devbus_error error = { "", "not the form of a section" };
	struct devbus_json *object = NULL;
	char name[FILE_NAME_SIZE];
	bool restored = false;

	file_name(section, name);
	int r = devbus_file_read_json(folders->sections, name, LIMIT_FILE_BYTES, &object, &error);

	if (r == 0)
		r = load_whole(folders, section, object);
	devbus_json_free(object);
	switch (r) {
	case -ENOENT:
		r = restore(folders, section, &restored);
		if (restored)
			devbus_log(
				DEVBUS_LOG_WARNING, "%s was missing: the last kept revision is used", name);
		return r;
	case -EFBIG:
		return repair(folders, section, "too large");
	case -EBADMSG:
		return repair(folders, section, error.message);
	default:
		return r;
	}
}

int section_open(const struct section_folders *folders, const char *name, struct section *ret_section)
{
	struct section section = { 0 };

	snprintf(section.name, sizeof section.name, "%s", name);
	int r = history_open(folders->history, name, &section.history);

	if (r < 0)
		return r;
	if ((r = vendor_read(&folders->vendor, name, &section.vendor, section.problem)) < 0 ||
		(r = load(folders, &section)) < 0)
		section_close(&section);
	else
		*ret_section = section;
	return r;
}

void section_close(struct section *section)
{
	devbus_json_free(section->values);
	devbus_json_free(section->vendor);
	devbus_json_free(section->reported);
	trial_clear(&section->trial);
	history_close(&section->history);
}

/* ---- changing */

static uint64_t next_revision(const struct section *section)
{
	uint64_t top = history_top(&section->history);

	return (top > section->revision ? top : section->revision) + 1;
}

static int add_to_history(const struct section_folders *folders, struct section *section, uint64_t revision,
	const struct devbus_json *values, struct devbus_json *change)
{
	int r = 0;

	/* A history without a section file means that the file was lost: so the file comes first. */
	if (section->history.count == 0)
		r = write_file(folders, section);
	if (r == 0)
		r = devbus_json_set(change, "revision", devbus_json_new_number((double)revision));
	if (r == 0)
		r = devbus_json_set(change, "values", devbus_json_copy(values));
	return r < 0 ? r : history_add(&section->history, revision, change);
}

int section_begin(const struct section_folders *folders, struct section *section, const char *command,
	struct devbus_json *values, struct devbus_json *change)
{
	uint64_t revision = next_revision(section);
	int r = add_to_history(folders, section, revision, values, change);
	struct section next = *section;

	next.revision = revision;
	next.values = values;
	next.problem[0] = '\0';
	next.trial = (struct trial) {
		.stage = TRIAL_OWNER, .revision = section->revision, .values = section->values
	};
	snprintf(next.trial.command, sizeof next.trial.command, "%s", command ? command : "");
	if (r == 0)
		r = write_file(folders, &next);
	if (r < 0) {
		history_drop_above(&section->history, section->revision);
		devbus_json_free(values);
		return r;
	}
	*section = next;
	return 0;
}

int section_await_cloud(const struct section_folders *folders, struct section *section, int64_t within_ms)
{
	struct section next = *section;

	next.trial.stage = TRIAL_CLOUD;
	next.trial.until = deadline_in(within_ms);
	int r = write_file(folders, &next);

	if (r == 0)
		*section = next;
	return r;
}

int section_keep(const struct section_folders *folders, struct section *section)
{
	struct section next = *section;

	next.trial.stage = TRIAL_NONE;
	int r = write_file(folders, &next);

	if (r < 0)
		return r;
	*section = next;
	trial_clear(&section->trial);
	return 0;
}

int section_undo(
	const struct section_folders *folders, struct section *section, const struct devbus_error *why)
{
	int r = history_mark_undone(&section->history, section->revision, why);
	struct section next = *section;

	next.revision = section->trial.revision;
	next.values = section->trial.values;
	next.trial = (struct trial) { .stage = TRIAL_NONE };
	if (r == 0 || r == -ENOENT)
		r = write_file(folders, &next);
	if (r < 0)
		return r;
	devbus_json_free(section->values);
	*section = next;
	return 0;
}
