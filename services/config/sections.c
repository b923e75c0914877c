// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* Which sections there are: what the disk holds, and what owners register. */
#include "sections.h"
#include "files.h"

#include <devbus/devbus.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
		r = folders->vendor.copies = devbus_folder(state, "vendor");
	if (r >= 0)
		r = schemas_open(&sections->schemas, state, "schemas");
	close(state);
	return r < 0 ? r : open_vendor(vendor_dir ? vendor_dir : "", &folders->vendor.folder);
}

static int discover_all(struct sections *sections)
{
	const int folders[] = { sections->folders.vendor.folder, sections->folders.vendor.copies,
		sections->folders.history, sections->folders.sections };
	struct section *section;
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof folders / sizeof folders[0]; i++)
		if (folders[i] >= 0)
			r = files_each(folders[i], discover, sections);
	for (size_t i = 0; r == 0 && i < LIMIT_SECTIONS; i++)
		if (sections_name_valid(sections->schemas.entries[i].section))
			r = need(sections, sections->schemas.entries[i].section, &section);
	return r;
}

int sections_open(const char *state_dir, const char *vendor_dir, struct sections **ret_sections)
{
	struct sections *sections = calloc(1, sizeof *sections);

	if (!sections)
		return -ENOMEM;
	sections->folders = (struct section_folders) { -1, -1, { -1, -1, &sections->schemas } };
	sections->schemas.folder = -1;
	int r = open_folders(sections, state_dir, vendor_dir);

	if (r == 0)
		r = discover_all(sections);
	if (r < 0) {
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
	close_folder(sections->folders.vendor.folder);
	close_folder(sections->folders.vendor.copies);
	free(sections);
}

/* ---- schemas */

/* A section that was there only because its owner had registered it. */
static bool forget_if_empty(struct sections *sections, struct section *section)
{
	size_t i = (size_t)(section - sections->list);

	if (section->revision > 0 || section->history.count > 0 || section->trial.stage != TRIAL_NONE ||
		section->problem[0] || devbus_json_count(section->vendor) > 0)
		return false;
	unlinkat(sections->folders.history, section->name, AT_REMOVEDIR);
	section_close(section);
	sections->count--;
	memmove(section, section + 1, (sections->count - i) * sizeof *section);
	return true;
}

/* What is in force stays, and can be mended; but whoever looks after the device should know. */
static void check_again(struct sections *sections, struct section *section)
{
	struct devbus_error error = { "", "" };

	/* A section that nobody ever set may lack what is required. */
	if (section->problem[0] || devbus_json_count(section->values) == 0 ||
		schemas_check(&sections->schemas, section->name, section->values, &error) == 0)
		return;
	snprintf(section->problem, sizeof section->problem, "the values of %s do not fit its schema: %.150s",
		section->name, error.message);
	devbus_log(DEVBUS_LOG_WARNING, "%s", section->problem);
}

int sections_schema(struct sections *sections, const char *name, const struct devbus_json *schema)
{
	struct section *section;
	int r = schemas_put(&sections->schemas, name, schema), known = need(sections, name, &section);

	if (known < 0)
		devbus_log(DEVBUS_LOG_ERROR, "section %s: %s", name, strerror(-known));
	else if (schema)
		check_again(sections, section);
	else if (forget_if_empty(sections, section))
		return 0;
	if (r < 0 && r != -EINVAL)
		devbus_log(DEVBUS_LOG_ERROR, "schema of %s: %s", name, strerror(-r));
	return known < 0 ? known : r;
}
