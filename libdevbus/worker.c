// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* The hand-over to a thread, for services. What the thread needs is in the work, since the worker may be freed before it ends. */
#include "bus.h"
#include "handoff.h"

#include <devbus/worker.h>
#include <errno.h>
#include <stdlib.h>

struct devbus_worker {
	struct devbus *bus;
	const struct devbus_worker_functions *functions;
	void *userdata;
	struct handoff *handoff;
};

struct parcel {
	const struct devbus_worker_functions *functions;
	void *work;
};

static void run(void *argument)
{
	struct parcel *parcel = argument;

	parcel->functions->run(parcel->work);
}

static void done(void *argument, void *userdata)
{
	struct devbus_worker *worker = userdata;
	struct parcel *parcel = argument;
	struct devbus *bus = worker->bus;
	int64_t entered_ms;

	if (!parcel->functions->done)
		return;
	entered_ms = bus_enter(bus);
	parcel->functions->done(bus, parcel->work, worker->userdata); /* may free the worker */
	bus_leave(bus, entered_ms, "handler of", "work done");
}

static void free_parcel(void *argument)
{
	struct parcel *parcel = argument;

	if (parcel->functions->free)
		parcel->functions->free(parcel->work);
	free(parcel);
}

static const struct handoff_functions parcel_functions = { run, done, free_parcel };

int devbus_worker_new(struct devbus *bus, const struct devbus_worker_functions *functions, void *userdata,
	struct devbus_worker **ret_worker)
{
	struct devbus_worker *worker = malloc(sizeof *worker);
	int r;

	if (!worker)
		return -ENOMEM;
	*worker = (struct devbus_worker) { .bus = bus, .functions = functions, .userdata = userdata };
	r = handoff_new(bus->loop, &parcel_functions, worker, &worker->handoff);
	if (r < 0) {
		free(worker);
		return r;
	}
	*ret_worker = worker;
	return 0;
}

int devbus_worker_start(struct devbus_worker *worker, void *work)
{
	struct parcel *parcel = malloc(sizeof *parcel);
	int r;

	if (!parcel)
		return -ENOMEM;
	*parcel = (struct parcel) { worker->functions, work };
	r = handoff_start(worker->handoff, parcel);
	if (r < 0)
		free(parcel);
	return r;
}

bool devbus_worker_busy(const struct devbus_worker *worker)
{
	return handoff_busy(worker->handoff);
}

void devbus_worker_free(struct devbus_worker *worker)
{
	if (!worker)
		return;
	handoff_free(worker->handoff);
	free(worker);
}
