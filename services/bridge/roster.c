// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * What proves a life: a status that comes when the epoch is settled, an incarnation above the one that we knew, or an answer. A
 * retained status proves nothing, and one that comes before the epoch is settled may have waited for us since before the
 * broker's death.
 */
#include "roster.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void roster_begin(struct roster *roster, const char *own, int64_t now_ms)
{
	memset(roster, 0, sizeof *roster);
	roster->own = own;
	roster->epoch_ms = now_ms;
}

void roster_clear(struct roster *roster)
{
	for (size_t i = 0; i < roster->count; i++)
		devbus_json_free(roster->entries[i].status);
	free(roster->entries);
	roster->entries = NULL;
	roster->count = roster->size = 0;
}

/* ---- entries */

static struct roster_entry *find(const struct roster *roster, const char *name)
{
	for (size_t i = 0; i < roster->count; i++)
		if (strcmp(roster->entries[i].name, name) == 0)
			return &roster->entries[i];
	return NULL;
}

static struct roster_entry *add(struct roster *roster, const char *name)
{
	struct roster_entry *entry;

	if (roster->count == ROSTER_MAX || strlen(name) >= ROSTER_NAME_SIZE)
		return NULL;
	if (roster->count == roster->size) {
		size_t size = roster->size ? 2 * roster->size : 8;
		struct roster_entry *grown = realloc(roster->entries, size * sizeof *grown);

		if (!grown)
			return NULL;
		roster->entries = grown;
		roster->size = size;
	}
	entry = &roster->entries[roster->count++];
	memset(entry, 0, sizeof *entry);
	snprintf(entry->name, sizeof entry->name, "%s", name);
	return entry;
}

static void forget(struct roster *roster, struct roster_entry *entry)
{
	if (!entry)
		return;
	devbus_json_free(entry->status);
	*entry = roster->entries[--roster->count];
}

/* ---- epochs */

static void unsettle(struct roster *roster, int64_t now_ms)
{
	roster->settled = false;
	roster->epoch_ms = now_ms;
	for (size_t i = 0; i < roster->count; i++)
		roster->entries[i].proven = roster->entries[i].asked = false;
}

static void settle(struct roster *roster, int64_t now_ms)
{
	if (roster->settled) /* nothing had been kept for us */
		unsettle(roster, now_ms);
	roster->settled = true;
	roster->epoch_ms = now_ms;
	roster->epoch++;
}

bool roster_settle_late(struct roster *roster, bool connected, int64_t now_ms)
{
	if (!roster->settled && !connected)
		roster->epoch_ms = now_ms;
	if (roster->settled || now_ms - roster->epoch_ms < ROSTER_SETTLE_MAX_MS)
		return false;
	settle(roster, now_ms);
	return true;
}

/* ---- messages */

static const char *text_of(const struct devbus_json *status, const char *member)
{
	const char *text = devbus_json_string(devbus_json_get(status, member));

	return text ? text : "";
}

static double incarnation_of(const struct devbus_json *status)
{
	double incarnation = 0;

	devbus_json_number(devbus_json_get(status, "incarnation"), &incarnation);
	return incarnation;
}

static bool says_alive(const struct devbus_json *status)
{
	static const char *const alive[] = { "starting", "online", "degraded" };

	for (size_t i = 0; i < sizeof alive / sizeof *alive; i++)
		if (strcmp(text_of(status, "state"), alive[i]) == 0)
			return true;
	return false;
}

/* Each connection has an incarnation of its own, so a new number is a new connection. */
static bool heard_self(struct roster *roster, const struct roster_message *message, int64_t now_ms)
{
	const struct devbus_json *status = message->status;

	if (!status || message->retained || !says_alive(status) ||
		incarnation_of(status) == roster->own_incarnation)
		return false;
	roster->own_incarnation = incarnation_of(status);
	snprintf(roster->boot_id, sizeof roster->boot_id, "%s", text_of(status, "boot_id"));
	settle(roster, now_ms);
	return true;
}

/* Written before this boot: whoever wrote it is gone. */
static bool of_another_boot(const struct roster *roster, const struct devbus_json *status)
{
	const char *boot_id = text_of(status, "boot_id");

	return *boot_id && *roster->boot_id && strcmp(boot_id, roster->boot_id) != 0;
}

static void heard_other(struct roster *roster, const struct roster_message *message)
{
	const struct devbus_json *status = message->status;
	struct roster_entry *entry = find(roster, message->name);
	double incarnation = incarnation_of(status);
	bool known = entry;
	struct devbus_json *copy;

	if (known && incarnation < entry->incarnation && strcmp(text_of(status, "state"), "lost") == 0)
		return; /* the will of an earlier connection (protocol 3.2) */
	copy = devbus_json_copy(status);
	if (!copy || (!known && !(entry = add(roster, message->name)))) {
		devbus_json_free(copy);
		return;
	}
	devbus_json_free(entry->status);
	entry->status = copy;
	entry->alive = says_alive(status);
	if (!of_another_boot(roster, status) &&
		((roster->settled && !message->retained) || (known && incarnation > entry->incarnation)))
		entry->proven = true;
	if (incarnation > entry->incarnation)
		entry->incarnation = incarnation;
}

bool roster_heard(struct roster *roster, const struct roster_message *message, int64_t now_ms)
{
	if (roster->settled && (message->retained || !message->connected))
		unsettle(roster, now_ms);
	if (strcmp(message->name, roster->own) == 0)
		return heard_self(roster, message, now_ms);
	if (!message->status)
		forget(roster, find(roster, message->name));
	else if (*text_of(message->status, "state"))
		heard_other(roster, message);
	return false;
}

bool roster_knows(const struct roster *roster, const char *name)
{
	return strcmp(name, roster->own) == 0 || roster->count == ROSTER_MAX || find(roster, name);
}

/* ---- suspects */

static bool is_suspect(const struct roster_entry *entry)
{
	return entry && entry->alive && !entry->proven;
}

bool roster_has_suspects(const struct roster *roster)
{
	for (size_t i = 0; i < roster->count; i++)
		if (is_suspect(&roster->entries[i]))
			return true;
	return false;
}

const char *roster_ask(struct roster *roster)
{
	for (size_t i = 0; i < roster->count; i++) {
		struct roster_entry *entry = &roster->entries[i];

		if (!is_suspect(entry) || entry->asked)
			continue;
		entry->asked = true;
		return entry->name;
	}
	return NULL;
}

void roster_answered(struct roster *roster, const char *name)
{
	struct roster_entry *entry = find(roster, name);

	if (entry)
		entry->proven = true;
}

void roster_ask_again(struct roster *roster, const char *name)
{
	struct roster_entry *entry = find(roster, name);

	if (entry)
		entry->asked = false;
}

struct devbus_json *roster_lost(struct roster *roster, const char *name, const char *time)
{
	struct roster_entry *entry = find(roster, name);
	struct devbus_json *status;
	int r;

	if (!roster->settled || !is_suspect(entry) || !(status = devbus_json_copy(entry->status)))
		return NULL;
	r = devbus_json_set(status, "state", devbus_json_new_string("lost"));
	if (r == 0)
		r = devbus_json_set(status, "time", devbus_json_new_string(time));
	if (r == 0)
		r = devbus_json_set(status, "incarnation", devbus_json_new_number(entry->incarnation));
	if (r == 0)
		r = devbus_json_set(status, "reason",
			devbus_json_new_string("no sign of life since the broker's return"));
	if (r < 0) {
		devbus_json_free(status);
		return NULL;
	}
	entry->alive = false;
	return status;
}
