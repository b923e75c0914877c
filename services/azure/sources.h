// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * Whose tokens may be believed. The broker holds an event to be delivered once this process has it; when it is killed then, the event
 * is gone, and the token behind it would confirm it all the same. What was lost came before the first token that is heard after a
 * start, so no token of that generation is passed on: its service is asked to send all again, under a new one (protocol 6.5).
 */
#ifndef AZURE_SOURCES_H
#define AZURE_SOURCES_H

#include <stdbool.h>
#include <stddef.h>

#define SOURCES_SERVICE_SIZE 65
#define SOURCES_GENERATION_SIZE 17

struct source {
	char service[SOURCES_SERVICE_SIZE];
	char doubtful[SOURCES_GENERATION_SIZE]; /* its generation when it was first heard */
};

struct sources {
	struct source *list;
	size_t count;
};

/* Whether nothing can be missing before @token of @service. False as well when memory is short. */
bool sources_believe(struct sources *sources, const char *service, const char *token);

/* Something of @service is lost, or of all (NULL): what comes next is the first that is heard. */
void sources_forget(struct sources *sources, const char *service);

#endif
