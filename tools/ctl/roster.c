// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* See roster.h. */
#include "roster.h"
#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char prefix[] = "service/", suffix[] = "/status";

static int name_of(const char *topic, char ret_name[65])
{
	size_t length = strlen(topic), around = strlen(prefix) + strlen(suffix);

	if (length <= around || length - around > 64)
		return -EINVAL;
	memcpy(ret_name, topic + strlen(prefix), length - around);
	ret_name[length - around] = '\0';
	return 0;
}

/* Where @name is, or would be. */
static size_t position(const struct roster *roster, const char *name)
{
	size_t i = 0;

	while (i < roster->count && strcmp(roster->entries[i].name, name) < 0)
		i++;
	return i;
}

static bool is_at(const struct roster *roster, size_t i, const char *name)
{
	return i < roster->count && !strcmp(roster->entries[i].name, name);
}

static double number_in(const struct devbus_json *status, const char *member)
{
	double number = NAN;

	devbus_json_number(devbus_json_get(status, member), &number);
	return number;
}

static bool is_stale(const struct devbus_json *known, const struct devbus_json *news)
{
	const char *state = devbus_json_string(devbus_json_get(news, "state"));

	return state && !strcmp(state, "lost") &&
	       number_in(news, "incarnation") < number_in(known, "incarnation");
}

static void remove_at(struct roster *roster, size_t i)
{
	devbus_json_free(roster->entries[i].status);
	roster->count--;
	memmove(&roster->entries[i], &roster->entries[i + 1],
		(roster->count - i) * sizeof roster->entries[0]);
}

static int insert_at(struct roster *roster, size_t i, const char *name)
{
	if (roster->count == ROSTER_MAX)
		return -ENOSPC;
	memmove(&roster->entries[i + 1], &roster->entries[i],
		(roster->count - i) * sizeof roster->entries[0]);
	roster->count++;
	snprintf(roster->entries[i].name, sizeof roster->entries[i].name, "%s", name);
	roster->entries[i].status = NULL;
	return 0;
}

int roster_update(struct roster *roster, const char *topic, const struct devbus_json *status)
{
	char name[65];
	int r = name_of(topic, name);

	if (r < 0)
		return r;
	size_t i = position(roster, name);
	if (!status) {
		if (is_at(roster, i, name))
			remove_at(roster, i);
		return 0;
	}
	if (!is_at(roster, i, name) && (r = insert_at(roster, i, name)) < 0)
		return r;
	struct roster_entry *entry = &roster->entries[i];
	if (entry->status && is_stale(entry->status, status))
		return 0;
	devbus_json_free(entry->status);
	entry->status = devbus_json_copy(status);
	return entry->status ? 0 : -ENOMEM;
}

const struct devbus_json *roster_find(const struct roster *roster, const char *name)
{
	size_t i = position(roster, name);

	return is_at(roster, i, name) ? roster->entries[i].status : NULL;
}

void roster_clear(struct roster *roster)
{
	while (roster->count)
		remove_at(roster, roster->count - 1);
}

/* ---- the table */

#define CELL_SIZE 256

static void cell_name(const struct roster_entry *entry, char text[CELL_SIZE])
{
	snprintf(text, CELL_SIZE, "%s", entry->name);
}

static void copy_text(const struct roster_entry *entry, const char *member, char text[CELL_SIZE])
{
	const char *value = devbus_json_string(devbus_json_get(entry->status, member));

	snprintf(text, CELL_SIZE, "%s", value ? value : "-");
}

static void copy_number(const struct roster_entry *entry, const char *member, char text[CELL_SIZE])
{
	double number = number_in(entry->status, member);

	if (isnan(number))
		snprintf(text, CELL_SIZE, "-");
	else
		snprintf(text, CELL_SIZE, "%.0f", number);
}

static void cell_state(const struct roster_entry *entry, char text[CELL_SIZE])
{
	copy_text(entry, "state", text);
}

static void cell_version(const struct roster_entry *entry, char text[CELL_SIZE])
{
	copy_text(entry, "version", text);
}

static void cell_pid(const struct roster_entry *entry, char text[CELL_SIZE])
{
	copy_number(entry, "pid", text);
}

static void cell_incarnation(const struct roster_entry *entry, char text[CELL_SIZE])
{
	copy_number(entry, "incarnation", text);
}

static void cell_reason(const struct roster_entry *entry, char text[CELL_SIZE])
{
	copy_text(entry, "reason", text);
	if (!strcmp(text, "-"))
		*text = '\0';
}

/* The protocol's UTC as local time, to the second. */
static void cell_since(const struct roster_entry *entry, char text[CELL_SIZE])
{
	struct tm utc = { 0 }, local;

	copy_text(entry, "time", text);
	const char *end = strptime(text, "%Y-%m-%dT%H:%M:%S", &utc);
	if (!end)
		return;
	time_t seconds = timegm(&utc);
	if (localtime_r(&seconds, &local))
		strftime(text, CELL_SIZE, "%Y-%m-%d %H:%M:%S", &local);
}

static const struct {
	const char *title;
	void (*fill)(const struct roster_entry *entry, char text[CELL_SIZE]);
	bool styled; /* by its state */
} columns[] = {
	{ "SERVICE", cell_name, false },
	{ "STATE", cell_state, true },
	{ "VERSION", cell_version, false },
	{ "PID", cell_pid, false },
	{ "SINCE", cell_since, false },
	{ "INCARNATION", cell_incarnation, false },
	{ "REASON", cell_reason, false },
};
#define COLUMNS (sizeof columns / sizeof *columns)

static void measure(const struct roster_view *view, int widths[COLUMNS])
{
	char text[CELL_SIZE];

	for (size_t c = 0; c < COLUMNS; c++) {
		widths[c] = (int)strlen(columns[c].title);
		for (size_t i = 0; i < view->count; i++) {
			columns[c].fill(view->entries[i], text);
			if ((int)strlen(text) > widths[c])
				widths[c] = (int)strlen(text);
		}
	}
	widths[COLUMNS - 1] = 0; /* no blanks at the end of the line */
}

static void print_row(
	const struct roster_entry *entry, const struct pretty *pretty, const int widths[COLUMNS])
{
	char text[CELL_SIZE];

	for (size_t c = 0; c < COLUMNS; c++) {
		columns[c].fill(entry, text);
		if (c)
			fputs("  ", pretty->out);
		pretty_text(pretty, columns[c].styled ? pretty_state(text) : PRETTY_PLAIN, text, widths[c]);
	}
	fputc('\n', pretty->out);
}

void roster_print(const struct roster_view *view, struct pretty pretty)
{
	int widths[COLUMNS];

	measure(view, widths);
	for (size_t c = 0; c < COLUMNS; c++) {
		if (c)
			fputs("  ", pretty.out);
		pretty_text(&pretty, PRETTY_BOLD, columns[c].title, widths[c]);
	}
	fputc('\n', pretty.out);
	for (size_t i = 0; i < view->count; i++)
		print_row(view->entries[i], &pretty, widths);
}
