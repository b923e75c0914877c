// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
#include "asker.h"
#include "answers.h"

#include <errno.h>
#include <stdlib.h>

struct asker *asker_new(struct sections *sections, struct devbus_request *request)
{
	struct asker *asker = calloc(1, sizeof *asker);

	if (asker)
		*asker = (struct asker) { .sections = sections, .request = request, .open = 1 };
	return asker;
}

static void answer(const struct asker *asker, const struct section *section)
{
	struct devbus_json *all = NULL;

	if (asker->why.code[0])
		devbus_fail(asker->request, asker->why.code, "%s", asker->why.message);
	else if (!asker->all)
		devbus_reply_json(asker->request, answer_section(asker->sections, section));
	else if (answer_all(asker->sections, &all) == -EMSGSIZE)
		devbus_reply(asker->request, NULL, NULL); /* it is done, but too much to show */
	else
		devbus_reply_json(asker->request, all);
}

void asker_done(struct asker *asker, const struct section *section, const struct devbus_error *why)
{
	if (!asker)
		return;
	if (why && !asker->why.code[0])
		asker->why = *why;
	if (asker->open == 1)
		answer(asker, section);
	asker_drop(asker);
}

void asker_drop(struct asker *asker)
{
	if (asker && --asker->open == 0)
		free(asker);
}
