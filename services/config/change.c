// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* A change goes one way: who asks -> may it (revision, limits, schema) -> onto disk, on trial. What ends the trial is in trials.c. */
#include "change.h"
#include "mask.h"
#include "refusal.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

static int find_target(struct sections *sections, const struct order *order, struct section **ret_section,
	struct devbus_error *ret_error)
{
	struct section *section = sections_find(sections, order->section);

	if (!section)
		return refuse(ret_error, -ENOENT, DEVBUS_E_NOT_FOUND,
			"There is no section \"%.64s\"; get names all. That of a new service is there when it has run once.",
			order->section);
	if (!schemas_known(&sections->schemas, order->section))
		return refuse(ret_error, -EBUSY, DEVBUS_E_BUSY,
			"Section %s cannot be changed yet: nobody has said what may be in it. Start its service, and try again.",
			order->section);
	*ret_section = section;
	return 0;
}

enum { NOT_KNOWN = 2 };

/* What came of the order when it was begun before, perhaps in a life that ended before it could answer. */
static int find_known(struct section *section, const char *command, struct devbus_error *ret_error)
{
	struct devbus_json *change = NULL;
	uint64_t revision;

	if (!command)
		return NOT_KNOWN;
	if (section->trial.stage != TRIAL_NONE && strcmp(section->trial.command, command) == 0)
		return 1;
	if (history_by_command(&section->history, command, &revision, &change) < 0)
		return NOT_KNOWN;
	int r = history_undone(change, ret_error) ? -ECANCELED : 0;

	devbus_json_free(change);
	return r;
}

/* NOT_KNOWN: to be begun, and *ret_section may be changed; anything else is the answer to the caller. */
static int prepare(struct sections *sections, const struct order *order, struct section **ret_section,
	struct devbus_error *ret_error)
{
	int r = find_target(sections, order, ret_section, ret_error);

	if (r == 0)
		r = find_known(*ret_section, order->command, ret_error);
	if (r != NOT_KNOWN)
		return r;
	if ((*ret_section)->trial.stage != TRIAL_NONE)
		return refuse(ret_error, -EBUSY, DEVBUS_E_BUSY,
			"Section %s is on trial: revision %" PRIu64 " is not confirmed yet.", order->section,
			(*ret_section)->revision);
	return NOT_KNOWN;
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

	if (r == 0)
		r = schemas_check(&sections->schemas, section->name, values, ret_error);
	return r == -ENOMEM ? refuse_errno(ret_error, r) : r;
}

/* The history's entry: who, when, and @name: @what (taken). NULL when memory is short. */
static struct devbus_json *make_entry(const struct order *order, const char *name, struct devbus_json *what)
{
	const char *command = order->command ? order->command : "(local)"; /* no id of a command */
	struct devbus_json *change = devbus_json_new_object();
	int r[] = {
		devbus_json_set(change, name, what),
		devbus_json_set(change, "time", devbus_json_new_string(order->time)),
		devbus_json_set(change, "by", devbus_json_new_string(order->by)),
		devbus_json_set(change, "command", devbus_json_new_string(command)),
	};

	if (r[0] == 0 && r[1] == 0 && r[2] == 0 && r[3] == 0)
		return change;
	devbus_json_free(change);
	return NULL;
}

/* The last steps of every change. @values and @entry are taken. */
static int begin(struct sections *sections, struct section *section, const struct order *order,
	struct devbus_json *values, struct devbus_json *entry, struct devbus_error *ret_error)
{
	int r = check_values(sections, section, values, ret_error);

	if (r == 0 && !entry)
		r = refuse_errno(ret_error, -ENOMEM);
	if (r < 0 || devbus_json_equal(values, section->values)) {
		devbus_json_free(values);
	} else if ((r = section_begin(&sections->folders, section, order->command, values, entry)) < 0) {
		devbus_log(DEVBUS_LOG_ERROR, "section %s was not written: %s", section->name, strerror(-r));
		refuse_errno(ret_error, r);
	} else {
		r = 1;
	}
	devbus_json_free(entry);
	return r;
}

/* @patch is taken. */
static int merge(struct sections *sections, struct section *section, const struct order *order,
	struct devbus_json *patch, struct devbus_error *ret_error)
{
	struct devbus_json *values = devbus_json_copy(section->values);

	mask_strip(schemas_find(&sections->schemas, section->name), patch);
	if (!values || !patch || devbus_json_merge(&values, patch) < 0) {
		devbus_json_free(values);
		devbus_json_free(patch);
		return refuse_errno(ret_error, -ENOMEM);
	}
	return begin(sections, section, order, values, make_entry(order, "patch", patch), ret_error);
}

int change_check_patch(const struct devbus_json *patch, struct devbus_error *ret_error)
{
	if (devbus_json_type(patch) != DEVBUS_JSON_OBJECT)
		return refuse(ret_error, -EINVAL, DEVBUS_E_INVALID_ARGS, "values must be an object");
	return check_limits(patch, ret_error);
}

int change_set(struct sections *sections, const struct order *order, const struct devbus_json *patch,
	struct devbus_error *ret_error)
{
	struct section *section;
	int r;

	if ((r = change_check_patch(patch, ret_error)) < 0 ||
		(r = prepare(sections, order, &section, ret_error)) != NOT_KNOWN ||
		(r = check_revision(section, order, ret_error)) < 0)
		return r;
	return merge(sections, section, order, devbus_json_copy(patch), ret_error);
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

int change_rollback(struct sections *sections, const struct order *order, int64_t revision,
	struct devbus_error *ret_error)
{
	struct devbus_json *values;
	struct section *section;
	int r = prepare(sections, order, &section, ret_error);

	if (r != NOT_KNOWN || (r = check_revision(section, order, ret_error)) < 0)
		return r;
	uint64_t target = revision < 0 ? previous_revision(section) : (uint64_t)revision;

	if ((r = kept_values(section, target, &values)) < 0)
		return refuse(ret_error, r, DEVBUS_E_NOT_FOUND,
			"Revision %" PRIu64 " of section %s is not kept; history names those that are.",
			target, section->name);
	return begin(sections, section, order, values,
		make_entry(order, "rollback_to", devbus_json_new_number((double)target)), ret_error);
}

const struct section *change_latest(struct sections *sections, const char *command)
{
	struct devbus_json *change, *newest = NULL;
	struct section *section, *latest = NULL;
	uint64_t revision;

	for (size_t i = 0; (section = sections_at(sections, i)); i++)
		if (find_known(section, command, NULL) != NOT_KNOWN)
			return section;
	for (size_t i = 0; (section = sections_at(sections, i)); i++) {
		if (history_latest(&section->history, UINT64_MAX, &revision, &change) < 0)
			continue;
		if (newest && strcmp(history_time(change), history_time(newest)) < 0) {
			devbus_json_free(change);
			continue;
		}
		devbus_json_free(newest);
		newest = change;
		latest = section;
	}
	devbus_json_free(newest);
	return latest;
}
