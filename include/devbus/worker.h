// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * Work that may wait (a driver that sleeps, a slow disk, a name server) done beside the loop: handed to a thread of its own,
 * and back to the loop when it is done. No locks: work belongs to the thread from devbus_worker_start() on until its `done`.
 *
 * A worker does one piece of work at a time, so a program has at most as many of these threads as it has workers, however many of
 * them hang. A thread lives only as long as its work.
 */
#ifndef DEVBUS_WORKER_H
#define DEVBUS_WORKER_H

#include <devbus/devbus.h>

#ifdef __cplusplus
extern "C" {
#endif

struct devbus_worker;

/* Static: a thread that was given up may use them until the process ends. */
struct devbus_worker_functions {
	/* In the thread, with all signals blocked. It may call devbus_log() and devbus_time(), and no other function of the bus. */
	void (*run)(void *work);
	/* In the loop's thread: @work is back. May start the next one, and may free the worker. NULL: nothing to do. */
	void (*done)(struct devbus *bus, void *work, void *userdata);
	/* After `done`, or in whatever thread when the worker was freed meanwhile. NULL: @work needs no freeing and outlives the thread. */
	void (*free)(void *work);
};

/* A worker of @bus; it is freed by the caller, before devbus_close(). Returns 0, -ENOMEM or -EMFILE. */
int devbus_worker_new(struct devbus *bus, const struct devbus_worker_functions *functions, void *userdata,
	struct devbus_worker **ret_worker);

/* Starts @work (taken, on success only). Returns 0, -EBUSY (the last one is not back), -EAGAIN (no thread) or -ENOMEM. */
int devbus_worker_start(struct devbus_worker *worker, void *work);

/* Whether work is under way. */
bool devbus_worker_busy(const struct devbus_worker *worker);

/* Work that is under way is given up: its `done` is not called, its thread ends by itself. NULL is fine. */
void devbus_worker_free(struct devbus_worker *worker);

#ifdef __cplusplus
}
#endif
#endif
