// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * One connection of the bridge through the tunnel, from its first byte to its last: in a thread of its own, so that names, TCP and TLS may wait.
 */
#ifndef BRIDGE_CARRY_H
#define BRIDGE_CARRY_H

#include "../reach/reach.h"

#include <limits.h>

enum carry_end {
	CARRY_LOCAL, /* the broker closed it: nothing is wrong beyond it */
	CARRY_STRANGER, /* it was not the broker's bridge */
	CARRY_FAILED, /* `trouble` says what is wrong */
};

struct carriage {
	int local_fd; /* owned */
	struct reach *reach; /* of no other carriage meanwhile */
	unsigned first_address; /* the one to begin with, of those that there are */
	char conf_path[PATH_MAX];

	enum carry_end end;
	char trouble[REACH_TEXT_SIZE];
};

/* As of <devbus/worker.h>: @work is a struct carriage. */
void carry_run(void *work);
void carry_free(void *work);

#endif
