// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * The only place where two threads meet: one piece of work at a time is handed to a helper thread, and comes back to
 * the loop's thread when it is done. Between the two hand-overs the work belongs to the helper
 * alone, so nothing in it needs a lock.
 */
#ifndef DEVBUS_INTERNAL_HANDOFF_H
#define DEVBUS_INTERNAL_HANDOFF_H

#include "loop.h"
#include <stdbool.h>

struct handoff;

/*
 * The kinds of function: @work runs in the helper thread (all signals blocked); @done gets the work back in the loop's thread; @free_work
 * frees it when nobody waits for it any more (in whatever thread).
 */
struct handoff_functions {
	void (*work)(void *work);
	void (*done)(void *work, void *userdata);
	void (*free_work)(void *work);
};

/* @functions and @loop are borrowed. 0 or a negative errno. */
int handoff_new(struct loop *loop, const struct handoff_functions *functions, void *userdata,
	struct handoff **ret_handoff);

/* Starts @work (taken, on success only). 0, -EBUSY (one is running), -EAGAIN, -ENOMEM. */
int handoff_start(struct handoff *handoff, void *work);

/* Whether work is with the helper, or is done and not yet back. */
bool handoff_busy(const struct handoff *handoff);

/* Waits until the work is back (done is called from here). 0, or -ETIMEDOUT after @timeout_ms. */
int handoff_wait(struct handoff *handoff, uint32_t timeout_ms);

/* Work still running is abandoned: it ends by itself and is freed. Returns whether there was any. NULL is fine. */
bool handoff_free(struct handoff *handoff);

#endif
