// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * Commands that were accepted before this process started and have no final state: after a crash, a power cut, or a
 * reboot that one of them ordered. They are not forgotten and not run again unnoticed (protocol 4.4).
 */
#include "serve.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A command that ends its service each time must not hold it down for ever. */
enum { RESUMES_MAX = 5 };

/* Whatever needs memory is made before the first function of the service runs: all are taken up, or none yet. */
struct left {
	struct left *next;
	struct devbus_request *request;
	struct devbus_json *args;
	bool readable;
};

struct leftovers {
	struct devbus *bus;
	struct left *first, **end;
	int r; /* a negative errno: some are missing */
};

static int collect_one(struct leftovers *leftovers, const struct store_command *record)
{
	struct left *left = calloc(1, sizeof *left);
	int r;

	if (!left)
		return -ENOMEM;
	*leftovers->end = left;
	leftovers->end = &left->next;
	r = request_new(leftovers->bus, &command_door, record->method, &left->request);
	if (r < 0)
		return r;
	snprintf(left->request->id, sizeof left->request->id, "%s", record->id);
	left->request->accepted = true;
	left->request->method = server_method(leftovers->bus, left->request->name, true);
	if (record->args)
		r = devbus_json_parse(record->args, strlen(record->args), &left->args, NULL);
	left->readable = r == 0;
	return r == -ENOMEM ? r : 0;
}

static void collect(const struct store_command *record, void *userdata)
{
	struct leftovers *leftovers = userdata;

	if (leftovers->r == 0)
		leftovers->r = collect_one(leftovers, record);
}

static void resume(struct devbus *bus, const struct left *left)
{
	unsigned times = 0;
	int r = store_command_resumed(bus->store, left->request->id, &times);

	if (r == 0 && times > RESUMES_MAX)
		devbus_fail(left->request, DEVBUS_E_INTERRUPTED,
			"taken up %u times, and the service ended each time", times);
	else if (!left->readable)
		devbus_fail(left->request, DEVBUS_E_INTERRUPTED, "its arguments cannot be read any more");
	else
		request_resume(left->request, left->args);
}

int commands_resume(struct devbus *bus)
{
	struct leftovers leftovers = { .bus = bus, .end = &leftovers.first };
	int r = store_command_unfinished(bus->store, collect, &leftovers);

	if (r == 0)
		r = leftovers.r;
	for (struct left *left; (left = leftovers.first);) {
		leftovers.first = left->next;
		if (r == 0)
			resume(bus, left);
		else if (left->request)
			request_free(left->request);
		devbus_json_free(left->args);
		free(left);
	}
	return r;
}
