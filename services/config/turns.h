// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* Changes that wait until the one before them, of the same section, is decided. In the order in which they came. */
#ifndef DEVBUS_CONFIG_TURNS_H
#define DEVBUS_CONFIG_TURNS_H

#include "limits.h"
#include <devbus/devbus.h>

struct asker;

enum change_kind { CHANGE_SET, CHANGE_ROLLBACK };

struct change {
	enum change_kind kind;
	const char *section;
	const struct devbus_json *values; /* CHANGE_SET */
	int64_t revision; /* CHANGE_ROLLBACK: as in change_rollback() */
	int64_t if_revision;
};

struct turn {
	struct turn *next;
	struct asker *asker;
	struct change change; /* its pointers are to the members here */
	char section[SECTION_NAME_SIZE];
	struct devbus_json *values;
};

/* Puts a copy of @change at the end of *@turns. 0 or -ENOMEM. */
int turns_add(struct turn **turns, struct asker *asker, const struct change *change);

/* Takes the first that waits for @section out of *@turns; NULL: none. */
struct turn *turns_take(struct turn **turns, const char *section);

void turn_free(struct turn *turn);

#endif
