// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * One section on disk: sections/NAME.json is what is in force, history/NAME/ what was.
 *
 * A change is written to the history first and to the section file then. So at any instant the section file is one whole
 * revision, the history holds that revision too, and at most one entry above it that no caller was told about.
 *
 * A change is a trial until its owner has taken it, and the cloud has confirmed it where that is asked for. The file of a trial holds the
 * revision before as well, so that after a crash at any instant the trial goes on, or is undone. Numbers are never used
 * again: a revision that was undone stays in the history, marked so, and a late answer to it fits nothing else.
 */
#ifndef DEVBUS_CONFIG_SECTION_H
#define DEVBUS_CONFIG_SECTION_H

#include "deadline.h"
#include "history.h"
#include "limits.h"
#include "vendor.h"
#include <stdbool.h>

#define COMMAND_ID_SIZE 65 /* protocol 4.1 */

/* Where all sections are kept, and what they must fit. */
struct section_folders {
	int sections, history; /* fds */
	struct vendor vendor;
};

enum trial_stage {
	TRIAL_NONE, /* what is in force stays */
	TRIAL_OWNER, /* the owner has not answered yet */
	TRIAL_CLOUD, /* the owner has taken it, the cloud has not confirmed it yet */
};

struct trial {
	enum trial_stage stage;
	char command[COMMAND_ID_SIZE]; /* id of what ordered it; "": a local call */
	uint64_t revision; /* the one before, which comes back if it fails */
	struct devbus_json *values;
	struct deadline until; /* of the cloud's confirmation */
};

struct section {
	char name[SECTION_NAME_SIZE];
	uint64_t revision; /* 0: never set: the vendor's values, or none */
	struct devbus_json *values; /* an object */
	struct devbus_json *vendor; /* an object; revision 0 */
	struct trial trial;
	struct history history;

	/* not on disk */
	struct devbus_json *reported; /* what the owner says; NULL: nothing yet */
	struct deadline answer_until; /* of the owner, while it is on trial */
	struct asker *asker; /* who is told how the trial ends; NULL: nobody */

	/* What was found wrong at the start; "" when nothing was, or when a change has mended it since. */
	char problem[256];
};

/*
 * Reads section @name. A file that is damaged, or was changed to what does not fit the schema, is put aside (NAME.json.damaged) and the last good kept
 * revision takes its place; if there is none, the vendor's values. What happened is in the log and in ret_section->problem.
 * Returns 0 or a negative errno of reading or writing.
 */
int section_open(const struct section_folders *folders, const char *name, struct section *ret_section);
void section_close(struct section *section);

/*
 * Makes @values (taken, also on failure) the next revision, on trial for @command. @change is its entry for the history without "revision" and
 * "values", which are added to it. Returns 0 or a negative errno: the old revision stays in force.
 */
int section_begin(const struct section_folders *folders, struct section *section, const char *command,
	struct devbus_json *values, struct devbus_json *change);

/* The next stage of a trial, or its ends. 0, or a negative errno of writing: then it stands as it stood, and may be asked again. */
int section_await_cloud(const struct section_folders *folders, struct section *section, int64_t within_ms);
int section_keep(const struct section_folders *folders, struct section *section);
int section_undo(
	const struct section_folders *folders, struct section *section, const struct devbus_error *why);

#endif
