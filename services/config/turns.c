// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
#include "turns.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int turns_add(struct turn **turns, struct asker *asker, const struct change *change)
{
	struct turn *turn = calloc(1, sizeof *turn);

	if (!turn)
		return -ENOMEM;
	turn->asker = asker;
	turn->change = *change;
	turn->values = devbus_json_copy(change->values);
	if (change->values && !turn->values) {
		free(turn);
		return -ENOMEM;
	}
	snprintf(turn->section, sizeof turn->section, "%s", change->section);
	turn->change.section = turn->section;
	turn->change.values = turn->values;
	while (*turns)
		turns = &(*turns)->next;
	*turns = turn;
	return 0;
}

struct turn *turns_take(struct turn **turns, const char *section)
{
	for (struct turn **link = turns; *link; link = &(*link)->next) {
		struct turn *turn = *link;

		if (strcmp(turn->section, section) == 0) {
			*link = turn->next;
			return turn;
		}
	}
	return NULL;
}

void turn_free(struct turn *turn)
{
	devbus_json_free(turn->values);
	free(turn);
}
