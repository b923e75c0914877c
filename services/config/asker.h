// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* Who waits for one or several changes, and is answered once, when the last of them is decided. */
#ifndef DEVBUS_CONFIG_ASKER_H
#define DEVBUS_CONFIG_ASKER_H

#include "sections.h"
#include <devbus/devbus.h>

struct asker {
	struct sections *sections;
	struct devbus_request *request;
	unsigned open; /* changes not decided yet */
	bool all; /* the answer is all sections */
	struct devbus_error why; /* the first that failed; code "": none */
};

/* For one change; more: count them in ->open. NULL: memory is short. */
struct asker *asker_new(struct sections *sections, struct devbus_request *request);

/*
 * One of its changes is decided, about @section: @why it failed, or NULL. With the last one the request is answered, and @asker is gone. NULL
 * is fine. @section may be NULL when @why or asker->all is set.
 */
void asker_done(struct asker *asker, const struct section *section, const struct devbus_error *why);

/* The same without an answer. */
void asker_drop(struct asker *asker);

#endif
