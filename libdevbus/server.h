// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* The server's own data, for the three files that are the server: serve.c, request.c and command.c. */
#ifndef DEVBUS_INTERNAL_SERVER_H
#define DEVBUS_INTERNAL_SERVER_H

#include "serve.h"

struct server {
	const struct devbus_method *methods;
	void *userdata;
	struct devbus_request *pending, **end; /* oldest first */
	size_t pending_count;
	size_t journal_count,
		rejected_count; /* ids in the journal, and those of them that were rejected, or some more */
	struct loop_timer *prune, *retry;
};

#endif
