// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* Only tokens of durable events count, GENERATION:NUMBER: what is kept in memory only cannot be sent again. */
#include "sources.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct source *find(const struct sources *sources, const char *service)
{
	for (size_t i = 0; i < sources->count; i++)
		if (strcmp(sources->list[i].service, service) == 0)
			return &sources->list[i];
	return NULL;
}

static struct source *add(struct sources *sources, const char *service)
{
	struct source *list = realloc(sources->list, (sources->count + 1) * sizeof *list);

	if (!list)
		return NULL;
	sources->list = list;
	list += sources->count++;
	snprintf(list->service, sizeof list->service, "%s", service);
	return list;
}

bool sources_believe(struct sources *sources, const char *service, const char *token)
{
	size_t length = strcspn(token, ":");
	struct source *source;

	if (length >= SOURCES_GENERATION_SIZE || token[length] != ':' || token[length + 1] < '0' ||
		token[length + 1] > '9')
		return true;
	source = find(sources, service);
	if (source)
		return strncmp(source->doubtful, token, length) != 0 || source->doubtful[length];
	source = add(sources, service);
	if (source)
		snprintf(source->doubtful, sizeof source->doubtful, "%.*s", (int)length, token);
	return false;
}

void sources_forget(struct sources *sources, const char *service)
{
	struct source *source = service ? find(sources, service) : NULL;

	if (source)
		*source = sources->list[--sources->count];
	if (service)
		return;
	free(sources->list);
	*sources = (struct sources) { NULL, 0 };
}
