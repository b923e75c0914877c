// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* Answers are bounded here, because one that is larger than the payload limit would be lost as "internal". */
#include "answers.h"
#include "limits.h"
#include "mask.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static size_t size_of(const struct devbus_json *value)
{
	char *text = devbus_json_print(value);
	size_t size = text ? strlen(text) : SIZE_MAX;

	free(text);
	return size;
}

static int put_state(
	struct devbus_json *object, const struct sections *sections, const struct section *section)
{
	const struct devbus_json *schema = schemas_find(&sections->schemas, section->name);
	int r = devbus_json_set(object, "revision", devbus_json_new_number((double)section->revision));

	if (r == 0 && schema)
		r = devbus_json_set(object, "values", mask_shown(schema, section->values));
	return r;
}

static int put_trial(struct devbus_json *object, const struct trial *trial)
{
	const char *who = trial->stage == TRIAL_OWNER ? "owner" : "cloud";
	int r = devbus_json_set(object, "trial", devbus_json_new_object());
	struct devbus_json *shown = devbus_json_get(object, "trial");

	if (r == 0)
		r = devbus_json_set(shown, "waits_for", devbus_json_new_string(who));
	return r < 0 ? r : devbus_json_set(shown, "before", devbus_json_new_number((double)trial->revision));
}

static int put_section(
	struct devbus_json *object, const struct sections *sections, const struct section *section)
{
	int r = put_state(object, sections, section);

	if (r == 0 && section->reported)
		r = devbus_json_set(object, "reported", devbus_json_copy(section->reported));
	return r < 0 || section->trial.stage == TRIAL_NONE ? r : put_trial(object, &section->trial);
}

static struct devbus_json *whole_or_none(struct devbus_json *object, int r)
{
	if (r == 0)
		return object;
	devbus_json_free(object);
	return NULL;
}

static struct devbus_json *new_named(const struct section *section)
{
	struct devbus_json *object = devbus_json_new_object();

	return whole_or_none(
		object, devbus_json_set(object, "section", devbus_json_new_string(section->name)));
}

struct devbus_json *answer_state(const struct sections *sections, const struct section *section)
{
	struct devbus_json *object = new_named(section);

	return whole_or_none(object, put_state(object, sections, section));
}

struct devbus_json *answer_section(const struct sections *sections, const struct section *section)
{
	struct devbus_json *object = new_named(section);

	return whole_or_none(object, put_section(object, sections, section));
}

struct devbus_json *answer_secrets(const struct sections *sections, const struct section *section)
{
	const struct devbus_json *schema = schemas_find(&sections->schemas, section->name);
	struct devbus_json *object = devbus_json_new_object();
	int r = devbus_json_set(object, "revision", devbus_json_new_number((double)section->revision));

	if (r == 0)
		r = devbus_json_set(object, "values", mask_secrets(schema, section->values));
	return whole_or_none(object, r);
}

int answer_all(struct sections *sections, struct devbus_json **ret_answer)
{
	struct devbus_json *answer = devbus_json_new_object();
	int r = devbus_json_set(answer, "sections", devbus_json_new_object());
	struct devbus_json *all = devbus_json_get(answer, "sections");
	const struct section *section;

	for (size_t i = 0; r == 0 && (section = sections_at(sections, i)); i++) {
		r = devbus_json_set(all, section->name, devbus_json_new_object());
		if (r == 0)
			r = put_section(devbus_json_get(all, section->name), sections, section);
	}
	if (r == 0 && size_of(answer) > LIMIT_ANSWER_BYTES)
		r = -EMSGSIZE;
	if (r < 0)
		devbus_json_free(answer);
	else
		*ret_answer = answer;
	return r;
}

/* ---- history */

/* A change on the way into the answer. */
struct entry {
	struct section *section;
	uint64_t revision;
	char time[32];
};

static size_t collect(struct section *section, struct entry *entries, size_t count)
{
	struct history *history = &section->history;

	/* Copied, because reading forgets what is damaged. */
	struct history names = *history;

	for (size_t i = names.count; i-- > 0;) {
		struct devbus_json *change;

		if (history_read(history, names.revisions[i], &change) < 0)
			continue;
		entries[count] = (struct entry) { section, names.revisions[i], "" };
		strncat(entries[count].time, history_time(change), sizeof entries[count].time - 1);
		count++;
		devbus_json_free(change);
	}
	return count;
}

/* Newest first. Within a section the revision is the truth, also when the clock was wrong. */
static int compare(const void *left, const void *right)
{
	const struct entry *a = left, *b = right;

	if (a->section == b->section)
		return (a->revision < b->revision) - (a->revision > b->revision);
	return strcmp(b->time, a->time);
}

static int mask_patch(const struct devbus_json *schema, struct devbus_json *change)
{
	const struct devbus_json *patch = devbus_json_get(change, "patch");

	if (patch && schema)
		return devbus_json_set(change, "patch", mask_shown(schema, patch));
	devbus_json_remove(change, "patch");
	return 0;
}

/* The kept change without its values, with the section's name. NULL: it cannot be read or memory is short. */
static struct devbus_json *read_entry(const struct sections *sections, const struct entry *entry)
{
	const char *name = entry->section->name;
	struct devbus_json *change;

	if (history_read(&entry->section->history, entry->revision, &change) < 0)
		return NULL;
	devbus_json_remove(change, "values");
	int r = devbus_json_set(change, "section", devbus_json_new_string(name));

	return whole_or_none(change, r < 0 ? r : mask_patch(schemas_find(&sections->schemas, name), change));
}

/* Whether all entries are in @list now. */
static bool fill(
	const struct sections *sections, struct devbus_json *list, const struct entry *entries, size_t count)
{
	size_t room = LIMIT_ANSWER_BYTES;

	for (size_t i = 0; i < count; i++) {
		struct devbus_json *change = i < HISTORY_MAX ? read_entry(sections, &entries[i]) : NULL;
		size_t size = change ? size_of(change) : SIZE_MAX;

		if (size >= room || devbus_json_append(list, change) < 0) {
			if (size >= room)
				devbus_json_free(change);
			return false;
		}
		room -= size + 1;
	}
	return true;
}

struct devbus_json *answer_history(struct sections *sections, struct section *section)
{
	struct entry *entries = calloc(LIMIT_SECTIONS * HISTORY_MAX, sizeof *entries);
	struct devbus_json *answer = devbus_json_new_object(), *list = devbus_json_new_array();
	size_t count = 0;

	if (entries && section)
		count = collect(section, entries, count);
	for (size_t i = 0; entries && !section && sections_at(sections, i); i++)
		count = collect(sections_at(sections, i), entries, count);
	if (count > 1)
		qsort(entries, count, sizeof *entries, compare);
	bool whole = entries && fill(sections, list, entries, count);
	int r = devbus_json_set(answer, "changes", list);

	free(entries);
	if (r == 0 && devbus_json_set(answer, "truncated", devbus_json_new_bool(!whole)) == 0)
		return answer;
	devbus_json_free(answer);
	return NULL;
}
