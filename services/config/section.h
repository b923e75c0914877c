// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * One section on disk: sections/NAME.json {"revision","values"} is what is in force, history/NAME/ what was.
 *
 * A change is written to the history first and to the section file then. So at any instant the section file is one whole
 * revision, the history holds that revision too, and at most one entry above it, which no caller was told about.
 */
#ifndef DEVBUS_CONFIG_SECTION_H
#define DEVBUS_CONFIG_SECTION_H

#include "history.h"
#include <stdbool.h>

#define SECTION_NAME_SIZE 65

/* The folders of all sections. */
struct section_folders {
	int sections, history; /* fds */
	int vendor; /* fd; negative: none */
};

struct section {
	char name[SECTION_NAME_SIZE];
	uint64_t revision; /* 0: never set: the vendor's values, or none */
	struct devbus_json *values; /* an object */
	struct devbus_json *vendor; /* an object; revision 0 */
	struct history history;
	/* What was found wrong at the start; "" when nothing was, or when a change has mended it since. */
	char problem[256];
};

/*
 * Reads section @name. A damaged file is put aside (NAME.json.damaged) and the last good kept revision takes its place; if there
 * is none, the vendor's values. What happened is in the log and in ret_section->problem.
 * Returns 0 or a negative errno of reading or writing.
 */
int section_open(const struct section_folders *folders, const char *name, struct section *ret_section);
void section_close(struct section *section);

/*
 * Makes @values (taken, also on failure) the next revision, @change being its entry for the history without "revision" and
 * "values", which are added to it. Returns 0 or a negative errno: the old revision stays in force.
 */
int section_store(const struct section_folders *folders, struct section *section, struct devbus_json *values,
	struct devbus_json *change);

#endif
