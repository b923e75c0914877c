// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * The revisions of a section that are kept: one file per revision, SECTION/REVISION.json
 * {"revision","time","command","by","values"} and "patch" or "rollback_to", and "undone" (an error) if it did not hold. One file each, so that a change costs one small write, and damage to
 * one of them takes nothing else along.
 */
#ifndef DEVBUS_CONFIG_HISTORY_H
#define DEVBUS_CONFIG_HISTORY_H

#include <devbus/devbus.h>
#include <stdint.h>

/* How many revisions of a section are kept. */
#define HISTORY_MAX 50

/* The kept revisions of one section, ascending. */
struct history {
	int folder; /* fd of the section's folder */
	uint64_t revisions[HISTORY_MAX + 1];
	size_t count;
};

/* Opens the folder @name in @parent, made if absent. Older ones than HISTORY_MAX are removed. 0 or a negative errno. */
int history_open(int parent, const char *name, struct history *ret_history);
void history_close(struct history *history);

/* Keeps @change, an object with the member revision, which must be higher than those kept. 0 or a negative errno. */
int history_add(struct history *history, uint64_t revision, const struct devbus_json *change);

/* Forgets the revisions above @revision that are not marked as undone: changes that were begun and not completed. */
void history_drop_above(struct history *history, uint64_t revision);

/* Marks a kept revision as undone. 0, -ENOENT (not kept) or another negative errno. */
int history_mark_undone(struct history *history, uint64_t revision, const struct devbus_error *why);

/* Whether @change is marked, and why. */
bool history_undone(const struct devbus_json *change, struct devbus_error *ret_why);

/* When @change was made, "" if it does not say; of one form, so two of them compare as text. */
const char *history_time(const struct devbus_json *change);

/* The highest revision that was ever used, as far as it is kept. */
uint64_t history_top(const struct history *history);

/*
 * A kept revision, owned by the caller; checked to have this revision and "values", an object. One that is damaged is put aside as
 * REVISION.json.damaged, named in the log and no longer kept. Returns 0, -ENOENT (not kept), -EBADMSG (damaged) or another
 * negative errno.
 */
int history_read(struct history *history, uint64_t revision, struct devbus_json **ret_change);

/* The highest kept one that can be read and is not undone, not above @most. 0, -ENOENT or another negative errno. */
int history_latest(
	struct history *history, uint64_t most, uint64_t *ret_revision, struct devbus_json **ret_change);

/* The kept change that command @id made. 0, -ENOENT or another negative errno. */
int history_by_command(
	struct history *history, const char *id, uint64_t *ret_revision, struct devbus_json **ret_change);

#endif
