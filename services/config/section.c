// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* See section.h for the order of writes and why. */
#include "section.h"
#include "files.h"
#include "limits.h"

#include <devbus/devbus.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FILE_NAME_SIZE (SECTION_NAME_SIZE + 16)

/* The largest whole number that every JSON reader keeps (RFC 8259 section 6). */
#define REVISION_MAX 9007199254740992.0

static void file_name(const struct section *section, char name[FILE_NAME_SIZE])
{
	snprintf(name, FILE_NAME_SIZE, "%s.json", section->name);
}

static int describe_problem(
	struct section *section, const char *file, const char *problem, const char *remedy)
{
	snprintf(section->problem, sizeof section->problem, "%.85s: %.100s; %.60s", file, problem, remedy);
	devbus_log(DEVBUS_LOG_ERROR, "%s", section->problem);
	return 0;
}

static int read_vendor(const struct section_folders *folders, struct section *section)
{
	struct devbus_json *values = NULL;
	char name[FILE_NAME_SIZE];

	file_name(section, name);
	int r = folders->vendor < 0
			? -ENOENT
			: devbus_file_read_json(folders->vendor, name, LIMIT_FILE_BYTES, &values, NULL);

	if (r == 0 && devbus_json_type(values) == DEVBUS_JSON_OBJECT) {
		section->vendor = values;
		return 0;
	}
	devbus_json_free(values);
	if (r != -ENOENT)
		describe_problem(section, name, "no JSON object", "the vendor's values are not used");
	section->vendor = devbus_json_new_object();
	return section->vendor ? 0 : -ENOMEM;
}

/* Takes revision and values from the section file's or a history entry's @object. */
static int take(struct section *section, const struct devbus_json *object)
{
	const struct devbus_json *values = devbus_json_get(object, "values");
	double revision;

	if (devbus_json_type(values) != DEVBUS_JSON_OBJECT ||
		devbus_json_number(devbus_json_get(object, "revision"), &revision) < 0 || revision < 1 ||
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

static int write_file(const struct section_folders *folders, const struct section *section, uint64_t revision,
	const struct devbus_json *values)
{
	struct devbus_json *object = devbus_json_new_object();
	char name[FILE_NAME_SIZE];
	int r;

	file_name(section, name);
	if ((r = devbus_json_set(object, "revision", devbus_json_new_number((double)revision))) == 0 &&
		(r = devbus_json_set(object, "values", devbus_json_copy(values))) == 0)
		r = devbus_file_write_json(folders->sections, name, object);
	devbus_json_free(object);
	return r;
}

static int use_vendor(struct section *section)
{
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
	return write_file(folders, section, section->revision, section->values);
}

static int repair(const struct section_folders *folders, struct section *section, const char *problem)
{
	char name[FILE_NAME_SIZE], aside[FILE_NAME_SIZE + 10], remedy[64];
	bool restored = false;

	file_name(section, name);
	snprintf(aside, sizeof aside, "%s.damaged", name);
	if (renameat(folders->sections, name, folders->sections, aside) < 0)
		return -errno;
	int r = restore(folders, section, &restored);

	if (r < 0)
		return r;
	snprintf(remedy, sizeof remedy, "revision %.0f is used", (double)section->revision);
	return describe_problem(section, aside, problem, restored ? remedy : "the defaults are used");
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
		r = take(section, object);
	devbus_json_free(object);
	switch (r) {
	case 0:
		history_drop_above(&section->history, section->revision);
		return 0;
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
	if ((r = read_vendor(folders, &section)) < 0 || (r = load(folders, &section)) < 0)
		section_close(&section);
	else
		*ret_section = section;
	return r;
}

void section_close(struct section *section)
{
	devbus_json_free(section->values);
	devbus_json_free(section->vendor);
	history_close(&section->history);
}

static int write_change(const struct section_folders *folders, struct section *section, uint64_t revision,
	const struct devbus_json *values, struct devbus_json *change)
{
	int r;

	if ((r = devbus_json_set(change, "revision", devbus_json_new_number((double)revision))) < 0 ||
		(r = devbus_json_set(change, "values", devbus_json_copy(values))) < 0 ||
		(r = history_add(&section->history, revision, change)) < 0)
		return r;
	return write_file(folders, section, revision, values);
}

int section_store(const struct section_folders *folders, struct section *section, struct devbus_json *values,
	struct devbus_json *change)
{
	int r = write_change(folders, section, section->revision + 1, values, change);

	if (r < 0) {
		history_drop_above(&section->history, section->revision);
		devbus_json_free(values);
		return r;
	}
	devbus_json_free(section->values);
	section->values = values;
	section->revision++;
	section->problem[0] = '\0';
	return 0;
}
