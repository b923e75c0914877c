// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * The calls of Paho that wait for the broker, as pieces of work for the helper thread. While a piece is away, the connection in it is
 * the helper's alone.
 */
#ifndef DEVBUS_INTERNAL_LINK_WORK_H
#define DEVBUS_INTERNAL_LINK_WORK_H

#include "paho.h"

enum task { TASK_CONNECT, TASK_SUBSCRIBE, TASK_UNSUBSCRIBE, TASK_DISCONNECT };

struct work {
	enum task task;
	struct paho *paho; /* NULL: none, or none came of it */
	char reason[PAHO_REASON_SIZE]; /* of a failure */
	struct link_options options; /* strings owned */
	struct link_filter *filters; /* strings owned */
	int *reasons; /* the broker's answer to each filter; < 0: none */
	size_t count;
};

/* Copies all but @paho. NULL: out of memory. */
struct work *work_new(enum task task, struct paho *paho, const struct link_options *options,
	const struct link_filter *filters, size_t count);

/* Does it, in the helper thread; for struct handoff_functions, like the next. */
void work_do(void *work);

/* Frees it and the connection in it, if one still is. */
void work_free(void *work);

#endif
