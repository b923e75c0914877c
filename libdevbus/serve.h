// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * Requests: what comes in through either of the two doors, a local call or a command from the cloud, and is answered by
 * one of the service's methods (protocol 4 and 5). The doors differ in how an answer leaves; that is `struct door`.
 */
#ifndef DEVBUS_INTERNAL_SERVE_H
#define DEVBUS_INTERNAL_SERVE_H

#include "bus.h"

/*
 * How an answer leaves. Its caller then frees the request, unless DOOR_KEPT is returned: the door does that itself, once the answer is
 * out.
 */
enum { DOOR_KEPT = 1 };
struct door {
	int (*succeed)(struct devbus_request *request, struct devbus_json *result); /* @result is taken */
	int (*fail)(struct devbus_request *request, const char *code, const char *message);
	/* Makes the promise to do it, between `admit` and the handler; NULL: none is made. < 0: refused, and answered. */
	int (*accept)(struct devbus_request *request);
};
extern const struct door command_door;

/* What an accepted command came to. In the request itself: there is no room to fail for want of memory. */
struct final {
	struct devbus_json *result; /* owned; NULL: it failed */
	struct devbus_error error;
	bool waits; /* the disk or the memory refuses to take it for now */
};

struct devbus_request {
	struct devbus_request *next, **link; /* of the server's pending ones */
	struct devbus *bus;
	const struct door *door;
	const struct devbus_method *method; /* NULL: none of that name (any more) */
	char name[TOPIC_LEVEL_MAX + 1];
	const struct devbus_json *args; /* borrowed while the handler runs; NULL: absent */
	bool *answered; /* told to whoever runs the handler; NULL: nobody */

	/* a call */
	char *response_topic;
	void *correlation;
	size_t correlation_size;

	/* a command */
	char id[ENVELOPE_ID_MAX + 1];
	bool accepted;
	struct final final;
};

/* Whether setting pending_calls_max allows one more; what was accepted before a restart is taken up in any case. */
bool request_may_come(const struct devbus *bus);

/* A new one among the server's pending. 0 or -ENOMEM. */
int request_new(
	struct devbus *bus, const struct door *door, const char *name, struct devbus_request **ret_request);
void request_free(struct devbus_request *request);

/* Finds the method of that name that may be used through the door; NULL: none. */
const struct devbus_method *server_method(const struct devbus *bus, const char *name, bool from_cloud);

/* Reads the arguments, asks `admit`, accepts, and runs the handler. Answers when any of them says no. */
void request_run(struct devbus_request *request, const struct devbus_json *args);

/* Runs the method's `resume`, or fails the request as interrupted. */
void request_resume(struct devbus_request *request, const struct devbus_json *args);

/* ---- command.c: the door to the cloud */

/* The one command that is none, but a confirmation (protocol 6.5). */
#define COMMAND_ACK "ack"

int commands_open(struct devbus *bus);
int commands_resume(struct devbus *bus); /* what was left unfinished: command-resume.c */
int command_progress(struct devbus_request *request, int percent, const char *step, const char *message);

#endif
