// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * Commands that were accepted before this process started and have no final state: after a crash, a power cut, or a
 * reboot that one of them ordered. They are not forgotten and not run again unnoticed (protocol 4.4).
 */
#include "serve.h"
#include <stdlib.h>
#include <string.h>

/* A command that ends its service each time must not hold it down for ever. */
enum { RESUMES_MAX = 5 };

struct left {
	struct left *next;
	char id[ENVELOPE_ID_MAX + 1], method[TOPIC_LEVEL_MAX + 1];
	char *args;
};

struct leftovers {
	struct left *first, **end;
};

static void collect(const struct store_command *record, void *userdata)
{
	struct leftovers *leftovers = userdata;
	struct left *left = calloc(1, sizeof *left);

	if (!left)
		return; /* stays unfinished until the next start */
	strncpy(left->id, record->id, sizeof left->id - 1);
	strncpy(left->method, record->method, sizeof left->method - 1);
	left->args = record->args ? strdup(record->args) : NULL;
	*leftovers->end = left;
	leftovers->end = &left->next;
}

static void resume(struct devbus *bus, const struct left *left)
{
	struct devbus_request *request;
	struct devbus_json *args = NULL;
	unsigned times = 0;
	int r;

	if (request_new(bus, &command_door, left->method, &request) < 0)
		return;
	strcpy(request->id, left->id);
	request->accepted = true;
	request->method = server_method(bus, left->method, true);
	r = store_command_resumed(bus->store, left->id, &times);
	if (r == 0 && times > RESUMES_MAX)
		devbus_fail(request, DEVBUS_E_INTERRUPTED,
			"taken up %u times, and the service ended each time", times);
	else if (left->args && devbus_json_parse(left->args, strlen(left->args), &args, NULL) < 0)
		devbus_fail(request, DEVBUS_E_INTERRUPTED, "its arguments cannot be read any more");
	else
		request_resume(request, args);
	devbus_json_free(args);
}

int commands_resume(struct devbus *bus)
{
	struct leftovers leftovers = { NULL, &leftovers.first };
	int r = store_command_unfinished(bus->store, collect, &leftovers);

	for (struct left *left; (left = leftovers.first);) {
		leftovers.first = left->next;
		resume(bus, left);
		free(left->args);
		free(left);
	}
	return r;
}
