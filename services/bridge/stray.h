// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * Commands that no service will ever take, because none of that name exists (protocol 4.6). A command is held until it is certain
 * who exists.
 */
#ifndef BRIDGE_STRAY_H
#define BRIDGE_STRAY_H

#include <devbus/devbus.h>

#define STRAY_NAME_SIZE 65
#define STRAY_HELD_MAX 256 /* the oldest goes first: its sender repeats it (protocol 4.4) */

struct stray {
	struct stray *next;
	char service[STRAY_NAME_SIZE];
	char command[STRAY_NAME_SIZE];
	char id[STRAY_NAME_SIZE]; /* "": it cannot be read, the command is malformed */
};

/*
 * Reads a message on cloud/command/SERVICE/COMMAND. Returns 0 with *@ret_stray, which the caller frees, -EINVAL (nobody may be
 * answered: no such topic, names that no service can have, or the reserved `ack`) or -ENOMEM.
 */
int stray_read(const char *topic, const void *payload, size_t size, struct stray **ret_stray);

/* The event that answers it at @time, the first and last of the stream @stream (protocol 4.2, 6.2). NULL: memory is short. */
struct devbus_json *stray_answer(const struct stray *stray, const char *time, const char *stream);

/* First in, first out. */
struct stray_queue {
	struct stray *first;
	size_t count;
};

/* Takes @stray. Returns the one that had to go for it, or NULL; the caller frees it. */
struct stray *stray_hold(struct stray_queue *queue, struct stray *stray);

/* The oldest one, now the caller's; NULL: none. */
struct stray *stray_take(struct stray_queue *queue);

void stray_clear(struct stray_queue *queue);

#endif
