// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * A change goes one way: who asks -> may it (revision, limits, schema) -> onto disk -> in force. Nothing in memory
 * changes before the disk has it.
 */
#include "sections.h"
#include "files.h"
#include "refusal.h"
#include "schemas.h"

#include <devbus/devbus.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct sections {
	struct section_folders folders;
	struct section list[LIMIT_SECTIONS]; /* sorted by name */
	size_t count;
	struct schemas schemas;
};

bool sections_name_valid(const char *name)
{
	size_t length = strlen(name);

	return length > 0 && length < SECTION_NAME_SIZE &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") == length &&
	       strcmp(name, "schema") != 0;
}

struct section *sections_at(struct sections *sections, size_t i)
{
	return i < sections->count ? &sections->list[i] : NULL;
}

struct section *sections_find(struct sections *sections, const char *name)
{
	for (size_t i = 0; i < sections->count; i++)
		if (strcmp(sections->list[i].name, name) == 0)
			return &sections->list[i];
	return NULL;
}

const char *sections_problem(const struct sections *sections)
{
	for (size_t i = 0; i < sections->count; i++)
		if (sections->list[i].problem[0])
			return sections->list[i].problem;
	return NULL;
}

/* ---- opening */

/* The section @name, read from disk if it is not known yet. 0, -ENOSPC (too many) or another negative errno. */
static int need(struct sections *sections, const char *name, struct section **ret_section)
{
	struct section *known = sections_find(sections, name);
	size_t i = sections->count;

	if (known) {
		*ret_section = known;
		return 0;
	}
	if (sections->count == LIMIT_SECTIONS)
		return -ENOSPC;
	struct section section;
	int r = section_open(&sections->folders, name, &section);

	if (r < 0)
		return r;
	for (; i > 0 && strcmp(sections->list[i - 1].name, name) > 0; i--)
		sections->list[i] = sections->list[i - 1];
	sections->list[i] = section;
	sections->count++;
	*ret_section = &sections->list[i];
	return 0;
}

/* A file NAME.json, or a folder NAME of the history, says that there is a section NAME. */
static int discover(const char *entry, void *userdata)
{
	size_t length = strcspn(entry, ".");
	char name[SECTION_NAME_SIZE];
	struct section *section;

	if (length >= sizeof name || (entry[length] && strcmp(entry + length, ".json") != 0))
		return 0;
	memcpy(name, entry, length);
	name[length] = '\0';
	if (!sections_name_valid(name))
		return 0;
	int r = need(userdata, name, &section);

	if (r < 0)
		devbus_log(DEVBUS_LOG_ERROR, "section %s: %s", name, strerror(-r));
	return r;
}

static int open_vendor(const char *vendor_dir, int *ret_vendor)
{
	if (!*vendor_dir)
		return 0;
	int vendor = open(vendor_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (vendor < 0)
		return errno == ENOENT ? 0 : -errno;
	*ret_vendor = vendor;
	return 0;
}

static int open_folders(struct sections *sections, const char *state_dir, const char *vendor_dir)
{
	struct section_folders *folders = &sections->folders;
	int state = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r;

	if (state < 0)
		return -errno;
	r = folders->sections = devbus_folder(state, "sections");
	if (r >= 0)
		r = folders->history = devbus_folder(state, "history");
	if (r >= 0)
		r = schemas_open(&sections->schemas, state, "schemas");
	close(state);
	return r < 0 ? r : open_vendor(vendor_dir ? vendor_dir : "", &folders->vendor);
}

int sections_open(const char *state_dir, const char *vendor_dir, struct sections **ret_sections)
{
	struct sections *sections = calloc(1, sizeof *sections);

	if (!sections)
		return -ENOMEM;
	struct section_folders *folders = &sections->folders;

	*folders = (struct section_folders) { -1, -1, -1 };
	sections->schemas.folder = -1;
	int r = open_folders(sections, state_dir, vendor_dir);

	if (r == 0 && folders->vendor >= 0)
		r = files_each(folders->vendor, discover, sections);
	if (r < 0 || (r = files_each(folders->history, discover, sections)) < 0 ||
		(r = files_each(folders->sections, discover, sections)) < 0) {
		devbus_log(
			DEVBUS_LOG_ERROR, "cannot read the sections below %s: %s", state_dir, strerror(-r));
		sections_close(sections);
		return r;
	}
	*ret_sections = sections;
	return 0;
}

static void close_folder(int fd)
{
	if (fd >= 0)
		close(fd);
}

void sections_close(struct sections *sections)
{
	if (!sections)
		return;
	for (size_t i = 0; i < sections->count; i++)
		section_close(&sections->list[i]);
	schemas_close(&sections->schemas);
	close_folder(sections->folders.sections);
	close_folder(sections->folders.history);
	close_folder(sections->folders.vendor);
	free(sections);
}

int sections_schema(struct sections *sections, const char *name, const struct devbus_json *schema)
{
	const struct section *section = sections_find(sections, name);
	struct devbus_error error = { "", "" };
	int r = schemas_put(&sections->schemas, name, schema);

	if (r < 0 && r != -EINVAL)
		devbus_log(DEVBUS_LOG_ERROR, "schema of %s: %s", name, strerror(-r));
	else if (r < 0 && schemas_check(&sections->schemas, name, schema, &error) < 0)
		devbus_log(DEVBUS_LOG_ERROR, "%s", error.message);
	else if (section && schemas_check(&sections->schemas, name, section->values, &error) < 0)
		devbus_log(DEVBUS_LOG_WARNING, "the values of section %s do not fit its schema: %s", name,
			error.message);
	return r;
}

/* ---- changes */

/* A section that exists only because a change was begun for it, and refused. */
static void forget_if_empty(struct sections *sections, struct section *section)
{
	size_t i = (size_t)(section - sections->list);

	if (section->revision > 0 || section->problem[0] || devbus_json_count(section->vendor) > 0)
		return;
	unlinkat(sections->folders.history, section->name, AT_REMOVEDIR);
	section_close(section);
	sections->count--;
	memmove(section, section + 1, (sections->count - i) * sizeof *section);
}

static int find_target(struct sections *sections, const struct order *order, struct section **ret_section,
	struct devbus_error *ret_error)
{
	if (!sections_name_valid(order->section))
		return refuse(ret_error, -EINVAL, DEVBUS_E_INVALID_ARGS,
			"section must be [a-z0-9_-]{1,64} and not \"schema\"");
	int r = need(sections, order->section, ret_section);

	return r < 0 ? refuse_errno(ret_error, r) : 0;
}

/* Whether the order was carried out before: by this command, in a life that ended before it could answer. */
static bool done_before(struct section *section, const struct order *order)
{
	struct devbus_json *change;
	uint64_t revision;

	if (!order->command || history_by_command(&section->history, order->command, &revision, &change) < 0)
		return false;
	devbus_json_free(change);
	return true;
}

static int check_revision(
	const struct section *section, const struct order *order, struct devbus_error *ret_error)
{
	if (order->if_revision < 0 || (uint64_t)order->if_revision == section->revision)
		return 0;
	return refuse(ret_error, -ESTALE, DEVBUS_E_REFUSED,
		"Section %s is at revision %" PRIu64 ", not %" PRId64 ".", section->name, section->revision,
		order->if_revision);
}

static int check_values(const struct sections *sections, const struct section *section,
	const struct devbus_json *values, struct devbus_error *ret_error)
{
	int r = check_limits(values, ret_error);

	return r < 0 ? r : schemas_check(&sections->schemas, section->name, values, ret_error);
}

/* The history's entry: who, when, and @name: @what (taken). NULL when memory is short. */
static struct devbus_json *make_change(const struct order *order, const char *name, struct devbus_json *what)
{
	const char *command = order->command ? order->command : "(local)"; /* no id of a command */
	struct devbus_json *change = devbus_json_new_object();
	int r[] = {
		devbus_json_set(change, name, what),
		devbus_json_set(change, "time", devbus_json_new_string(order->time)),
		devbus_json_set(change, "command", devbus_json_new_string(command)),
	};

	if (r[0] == 0 && r[1] == 0 && r[2] == 0)
		return change;
	devbus_json_free(change);
	return NULL;
}

/* The last steps of every change. @values and @change are taken. */
static int bring_into_force(struct sections *sections, struct section *section, struct devbus_json *values,
	struct devbus_json *change, struct devbus_error *ret_error)
{
	int r = check_values(sections, section, values, ret_error);

	if (r < 0) {
		devbus_json_free(values);
	} else if (devbus_json_equal(values, section->values)) {
		devbus_json_free(values);
	} else if (!change) {
		devbus_json_free(values);
		r = refuse_errno(ret_error, -ENOMEM);
	} else if ((r = section_store(&sections->folders, section, values, change)) < 0) {
		devbus_log(DEVBUS_LOG_ERROR, "section %s was not written: %s", section->name, strerror(-r));
		refuse_errno(ret_error, r);
	} else {
		r = 1;
	}
	devbus_json_free(change);
	return r;
}

static int set(struct sections *sections, struct section *section, const struct order *order,
	const struct devbus_json *patch, struct devbus_error *ret_error)
{
	int r = check_revision(section, order, ret_error);

	if (r < 0)
		return r;
	struct devbus_json *values = devbus_json_copy(section->values);

	if (!values || devbus_json_merge(&values, patch) < 0) {
		devbus_json_free(values);
		return refuse_errno(ret_error, -ENOMEM);
	}
	return bring_into_force(
		sections, section, values, make_change(order, "patch", devbus_json_copy(patch)), ret_error);
}

int sections_set(struct sections *sections, const struct order *order, const struct devbus_json *patch,
	struct devbus_error *ret_error)
{
	struct section *section;
	int r;

	if (devbus_json_type(patch) != DEVBUS_JSON_OBJECT)
		return refuse(ret_error, -EINVAL, DEVBUS_E_INVALID_ARGS, "values must be an object");
	if ((r = check_limits(patch, ret_error)) < 0 ||
		(r = find_target(sections, order, &section, ret_error)) < 0)
		return r;
	if (done_before(section, order))
		return 0;
	r = set(sections, section, order, patch, ret_error);
	if (r < 0)
		forget_if_empty(sections, section);
	return r;
}

/* The values of a kept revision; 0 is the vendor's. */
static int kept_values(struct section *section, uint64_t revision, struct devbus_json **ret_values)
{
	struct devbus_json *change = NULL;
	int r = 0;

	if (revision > 0 && (r = history_read(&section->history, revision, &change)) < 0)
		return r;
	struct devbus_json *values =
		devbus_json_copy(change ? devbus_json_get(change, "values") : section->vendor);

	devbus_json_free(change);
	if (!values)
		return -ENOMEM;
	*ret_values = values;
	return 0;
}

/* The newest readable revision below the one in force; 0, the vendor's, is always there. */
static uint64_t previous_revision(struct section *section)
{
	struct devbus_json *change = NULL;
	uint64_t revision = 0;

	if (section->revision > 0 &&
		history_latest(&section->history, section->revision - 1, &revision, &change) == 0)
		devbus_json_free(change);
	return revision;
}

int sections_rollback(struct sections *sections, const struct order *order, int64_t revision,
	struct devbus_error *ret_error)
{
	struct devbus_json *values;
	struct section *section;

	if (!sections_find(sections, order->section))
		return refuse(ret_error, -ENOENT, DEVBUS_E_NOT_FOUND, "There is no section \"%.64s\".",
			order->section);
	int r = find_target(sections, order, &section, ret_error);

	if (r < 0 || done_before(section, order))
		return r;
	if ((r = check_revision(section, order, ret_error)) < 0)
		return r;
	uint64_t target = revision < 0 ? previous_revision(section) : (uint64_t)revision;

	if ((r = kept_values(section, target, &values)) < 0)
		return refuse(ret_error, r, DEVBUS_E_NOT_FOUND,
			"Revision %" PRIu64 " of section %s is not kept; history names those that are.",
			target, section->name);
	return bring_into_force(sections, section, values,
		make_change(order, "rollback_to", devbus_json_new_number((double)target)), ret_error);
}
