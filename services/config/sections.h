// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * All sections and their schemas, without the bus. There is a section for each schema, each file of the vendor's, and each that was
 * ever set.
 */
#ifndef DEVBUS_CONFIG_SECTIONS_H
#define DEVBUS_CONFIG_SECTIONS_H

#include "schemas.h"
#include "section.h"

struct sections {
	struct section_folders folders;
	struct section list[LIMIT_SECTIONS]; /* sorted by name */
	size_t count;
	struct schemas schemas;
};

/*
 * Reads all sections below @state_dir; @vendor_dir (NULL or "": none) holds NAME.json with the values a section has before it is
 * ever set. Returns 0 or a negative errno (said in the log).
 */
int sections_open(const char *state_dir, const char *vendor_dir, struct sections **ret_sections);
void sections_close(struct sections *sections); /* NULL is fine */

/* Section number @i, in the order of names; NULL past the last. Borrowed until sections_schema(). */
struct section *sections_at(struct sections *sections, size_t i);
struct section *sections_find(struct sections *sections, const char *name); /* NULL: unknown */

/* What is wrong, for a person: the first problem found at the start that no change has repaired since. NULL: nothing. */
const char *sections_problem(const struct sections *sections);

/*
 * The owner of section @name published @schema (NULL: took it back). 1: the section is there, and is to be published anew; 0:
 * nothing is new, or the section is gone; a negative errno, said in the log.
 */
int sections_schema(struct sections *sections, const char *name, const struct devbus_json *schema);

/* [a-z0-9_-]{1,64} (protocol 1.3), and not the item under which services publish their schema. */
bool sections_name_valid(const char *name);

#endif
