// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* Which revisions there are is known from the names of the files alone: nothing beside them can disagree with them. */
#include "history.h"
#include "files.h"
#include "limits.h"

#include <devbus/devbus.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAME_SIZE 40

static void file_name(uint64_t revision, char name[NAME_SIZE])
{
	snprintf(name, NAME_SIZE, "%" PRIu64 ".json", revision);
}

/* "12.json" is 12; anything else is no revision: 0. */
static uint64_t revision_of(const char *name)
{
	char again[NAME_SIZE];
	uint64_t revision = strtoull(name, NULL, 10);

	file_name(revision, again);
	return strcmp(name, again) == 0 ? revision : 0;
}

static void forget(struct history *history, size_t i)
{
	history->count--;
	memmove(&history->revisions[i], &history->revisions[i + 1],
		(history->count - i) * sizeof history->revisions[0]);
}

static void drop(struct history *history, size_t i)
{
	char name[NAME_SIZE];

	file_name(history->revisions[i], name);
	unlinkat(history->folder, name, 0);
	forget(history, i);
}

/* Sorted in; of more than there is room for, the lowest goes. */
static void insert(struct history *history, uint64_t revision)
{
	size_t i = history->count;

	for (; i > 0 && history->revisions[i - 1] > revision; i--)
		history->revisions[i] = history->revisions[i - 1];
	history->revisions[i] = revision;
	if (++history->count > HISTORY_MAX)
		drop(history, 0);
}

static int found(const char *name, void *userdata)
{
	uint64_t revision = revision_of(name);

	if (revision > 0)
		insert(userdata, revision);
	return 0;
}

int history_open(int parent, const char *name, struct history *ret_history)
{
	int folder = devbus_folder(parent, name);

	if (folder < 0)
		return folder;
	*ret_history = (struct history) { .folder = folder };
	int r = files_each(folder, found, ret_history);

	if (r < 0)
		history_close(ret_history);
	return r;
}

void history_close(struct history *history)
{
	close(history->folder);
}

int history_add(struct history *history, uint64_t revision, const struct devbus_json *change)
{
	char name[NAME_SIZE];

	file_name(revision, name);
	int r = devbus_file_write_json(history->folder, name, change);

	if (r == 0)
		insert(history, revision);
	return r;
}

static void put_aside(struct history *history, size_t i)
{
	char name[NAME_SIZE], aside[NAME_SIZE + 10];

	file_name(history->revisions[i], name);
	snprintf(aside, sizeof aside, "%s.damaged", name);
	devbus_log(DEVBUS_LOG_ERROR, "kept revision %s is damaged: renamed to %s", name, aside);
	renameat(history->folder, name, history->folder, aside);
	forget(history, i);
}

/* A change that says itself which revision it is, and has values. */
static bool is_whole(const struct devbus_json *change, uint64_t revision)
{
	double number;

	return devbus_json_number(devbus_json_get(change, "revision"), &number) == 0 &&
	       number == (double)revision &&
	       devbus_json_type(devbus_json_get(change, "values")) == DEVBUS_JSON_OBJECT;
}

static int read_at(struct history *history, size_t i, struct devbus_json **ret_change)
{
	struct devbus_json *change = NULL;
	char name[NAME_SIZE];

	file_name(history->revisions[i], name);
	int r = devbus_file_read_json(history->folder, name, LIMIT_FILE_BYTES, &change, NULL);

	if (r == 0 && !is_whole(change, history->revisions[i]))
		r = -EBADMSG;
	if (r < 0) {
		devbus_json_free(change);
		if (r == -EBADMSG || r == -EFBIG)
			put_aside(history, i);
		return r;
	}
	*ret_change = change;
	return 0;
}

int history_read(struct history *history, uint64_t revision, struct devbus_json **ret_change)
{
	for (size_t i = 0; i < history->count; i++)
		if (history->revisions[i] == revision)
			return read_at(history, i, ret_change);
	return -ENOENT;
}

/* ---- undone */

bool history_undone(const struct devbus_json *change, struct devbus_error *ret_why)
{
	const struct devbus_json *undone = devbus_json_get(change, "undone");
	const char *code = devbus_json_string(devbus_json_get(undone, "code"));
	const char *message = devbus_json_string(devbus_json_get(undone, "message"));

	if (!undone)
		return false;
	if (ret_why) {
		snprintf(ret_why->code, sizeof ret_why->code, "%s", code ? code : DEVBUS_E_INTERNAL);
		snprintf(ret_why->message, sizeof ret_why->message, "%s", message ? message : "");
	}
	return true;
}

static int mark(struct devbus_json *change, const struct devbus_error *why)
{
	struct devbus_json *undone;
	int r = devbus_json_set(change, "undone", devbus_json_new_object());

	if (r < 0)
		return r;
	undone = devbus_json_get(change, "undone");
	r = devbus_json_set(undone, "code", devbus_json_new_string(why->code));
	return r < 0 ? r : devbus_json_set(undone, "message", devbus_json_new_string(why->message));
}

int history_mark_undone(struct history *history, uint64_t revision, const struct devbus_error *why)
{
	struct devbus_json *change = NULL;
	char name[NAME_SIZE];
	int r = history_read(history, revision, &change);

	if (r < 0)
		return r;
	file_name(revision, name);
	r = mark(change, why);
	if (r == 0)
		r = devbus_file_write_json(history->folder, name, change);
	devbus_json_free(change);
	return r;
}

void history_drop_above(struct history *history, uint64_t revision)
{
	for (size_t i = history->count; i-- > 0 && history->revisions[i] > revision;) {
		struct devbus_json *change = NULL;

		if (read_at(history, i, &change) == 0 && !history_undone(change, NULL))
			drop(history, i);
		devbus_json_free(change);
	}
}

const char *history_time(const struct devbus_json *change)
{
	const char *time = devbus_json_string(devbus_json_get(change, "time"));

	return time ? time : "";
}

uint64_t history_top(const struct history *history)
{
	return history->count > 0 ? history->revisions[history->count - 1] : 0;
}

/* ---- looking for one */

int history_latest(
	struct history *history, uint64_t most, uint64_t *ret_revision, struct devbus_json **ret_change)
{
	for (size_t i = history->count; i-- > 0;) {
		uint64_t revision = history->revisions[i];
		struct devbus_json *change;

		if (revision > most || read_at(history, i, &change) < 0)
			continue;
		if (!history_undone(change, NULL)) {
			*ret_revision = revision;
			*ret_change = change;
			return 0;
		}
		devbus_json_free(change);
	}
	return -ENOENT;
}

int history_by_command(
	struct history *history, const char *id, uint64_t *ret_revision, struct devbus_json **ret_change)
{
	for (size_t i = history->count; i-- > 0;) {
		uint64_t revision = history->revisions[i];
		struct devbus_json *change;

		if (read_at(history, i, &change) < 0)
			continue;
		const char *command = devbus_json_string(devbus_json_get(change, "command"));

		if (command && strcmp(command, id) == 0) {
			*ret_revision = revision;
			*ret_change = change;
			return 0;
		}
		devbus_json_free(change);
	}
	return -ENOENT;
}
