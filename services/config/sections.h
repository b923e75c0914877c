// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * All sections and their schemas: what the methods do, without the bus. Functions that a caller's request ends in return 0 or
 * 1 (1: something changed), or a negative errno with @ret_error for the caller.
 */
#ifndef DEVBUS_CONFIG_SECTIONS_H
#define DEVBUS_CONFIG_SECTIONS_H

#include "section.h"
#include <devbus/devbus.h>

struct sections;

/*
 * Reads all sections below @state_dir; @vendor_dir (NULL or "": none) holds NAME.json with the values a section has before it is
 * ever set. Returns 0 or a negative errno (said in the log).
 */
int sections_open(const char *state_dir, const char *vendor_dir, struct sections **ret_sections);
void sections_close(struct sections *sections); /* NULL is fine */

/* Section number @i, in the order of names; NULL past the last. Borrowed until the next change. */
struct section *sections_at(struct sections *sections, size_t i);
struct section *sections_find(struct sections *sections, const char *name); /* NULL: unknown */

/* What is wrong, for a person: the first problem found at the start that no change has repaired since. NULL: nothing. */
const char *sections_problem(const struct sections *sections);

/* Who asks for a change. */
struct order {
	const char *section;
	const char *command; /* id; NULL: a local call. An id that made a kept change makes no second one */
	const char *time; /* RFC 3339 */
	int64_t if_revision; /* negative: whatever is in force */
};

/*
 * Merges @patch (RFC 7396) into the section, which is made if new. With a schema the whole result must fit it. Values that do not
 * change keep the revision.
 */
int sections_set(struct sections *sections, const struct order *order, const struct devbus_json *patch,
	struct devbus_error *ret_error);

/* Makes the values of @revision (negative: the one before the one in force; 0: the vendor's) the next revision. */
int sections_rollback(struct sections *sections, const struct order *order, int64_t revision,
	struct devbus_error *ret_error);

/* The owner of section @name published @schema (NULL: took it back). 0 or a negative errno, said in the log. */
int sections_schema(struct sections *sections, const char *name, const struct devbus_json *schema);

/* [a-z0-9_-]{1,64} (protocol 1.3), and not the item under which services publish their schema. */
bool sections_name_valid(const char *name);

#endif
