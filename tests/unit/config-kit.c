// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* Real files: what these tests are about is what is on the disk. */
#include "config-kit.h"
#include "json-text.h"
#include "unit.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

char config_dir[64];
struct sections *sections;
struct devbus_error config_error;
const char *config_time = NOW;

static void path_of(const char *path, char full[256])
{
	snprintf(full, 256, "%s/%s", config_dir, path);
}

static void open_sections(void)
{
	char state[256], vendor[256];

	path_of("state", state);
	path_of("vendor", vendor);
	ck_assert_int_eq(sections_open(state, vendor, &sections), 0);
}

void config_set_up(void)
{
	char folder[256];

	config_time = NOW;
	snprintf(config_dir, sizeof config_dir, "/tmp/devbus-config-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(config_dir));
	path_of("state", folder);
	ck_assert_int_eq(mkdir(folder, 0700), 0);
	path_of("vendor", folder);
	ck_assert_int_eq(mkdir(folder, 0700), 0);
	open_sections();
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *place)
{
	(void)status;
	(void)type;
	(void)place;
	return remove(path);
}

void config_tear_down(void)
{
	sections_close(sections);
	sections = NULL;
	nftw(config_dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void config_restart(void)
{
	sections_close(sections);
	open_sections();
}

/* With an owner that takes everything. */
static int keep(const char *section, int r)
{
	ck_assert_msg((r < 0) == (config_error.code[0] != '\0'), "%d: %s", r, config_error.code);
	if (r > 0)
		ck_assert_int_eq(section_keep(&sections->folders, sections_find(sections, section)), 0);
	return r;
}

static int begin(const struct order *order, const char *values)
{
	struct devbus_json *patch = parse(values);

	config_error = (struct devbus_error) { "", "" };
	int r = change_set(sections, order, patch, &config_error);

	devbus_json_free(patch);
	return r;
}

static int set(const struct order *order, const char *values)
{
	return keep(order->section, begin(order, values));
}

int config_begin(const char *section, const char *values, const char *command)
{
	return begin(&(const struct order) { section, command, "cloud", config_time, -1 }, values);
}

int config_schema(const char *section, const char *text)
{
	struct devbus_json *schema = text ? parse(text) : NULL;
	int r = sections_schema(sections, section, schema);

	devbus_json_free(schema);
	return r;
}

void config_own(const char *section)
{
	ck_assert_int_eq(config_schema(section, "{\"properties\":{},\"additionalProperties\":true}"), 1);
}

int config_set(const char *section, const char *values)
{
	return config_set_if(section, values, -1);
}

int config_set_if(const char *section, const char *values, int64_t if_revision)
{
	return set(&(const struct order) { section, NULL, "cli", config_time, if_revision }, values);
}

int config_set_by(const char *section, const char *values, const char *command)
{
	return set(&(const struct order) { section, command, "cloud", config_time, -1 }, values);
}

int config_rollback(const char *section, int64_t revision)
{
	config_error = (struct devbus_error) { "", "" };
	return keep(section,
		change_rollback(sections, &(const struct order) { section, NULL, "cli", config_time, -1 },
			revision, &config_error));
}

void config_assert(const char *section, const char *expected)
{
	const struct section *found = sections_find(sections, section);

	ck_assert_msg(found, "there is no section %s", section);
	struct devbus_json *answer = answer_state(sections, found);

	assert_prints(answer, expected);
	devbus_json_free(answer);
}

void config_write(const char *path, const char *text)
{
	char full[256];

	path_of(path, full);
	FILE *file = fopen(full, "we");

	ck_assert_ptr_nonnull(file);
	fputs(text, file);
	fclose(file);
}

bool config_exists(const char *path)
{
	char full[256];

	path_of(path, full);
	return access(full, F_OK) == 0;
}

void config_delete(const char *path)
{
	char full[256];

	path_of(path, full);
	ck_assert_int_eq(unlink(full), 0);
}
