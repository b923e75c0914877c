// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* The twin of devbus_call() for programs without a loop of their own: everything else goes on while it waits. */
#include "bus.h"
#include <errno.h>

enum { WAIT_STEP_MS = 1000 };

struct waiting {
	bool decided;
	int result;
	struct devbus_json **ret_result;
	struct devbus_error *ret_error;
};

static void on_decided(struct devbus *bus, const struct devbus_outcome *outcome, void *userdata)
{
	struct waiting *waiting = userdata;

	(void)bus;
	waiting->decided = true;
	if (outcome->code) {
		error_set(waiting->ret_error, outcome->code, "%s", outcome->message);
		waiting->result = -EREMOTEIO;
	} else if (waiting->ret_result) {
		*waiting->ret_result = devbus_json_copy(outcome->result);
		waiting->result = *waiting->ret_result ? 0 : -ENOMEM;
	}
}

int devbus_call_wait(struct devbus *bus, const struct devbus_call *call, struct devbus_json **ret_result,
	struct devbus_error *ret_error)
{
	struct waiting waiting = { .ret_result = ret_result, .ret_error = ret_error };
	struct devbus_call copy = *call;
	uint64_t id = 0;
	int r;

	copy.handler = on_decided;
	copy.userdata = &waiting;
	r = devbus_call(bus, &copy, &id);
	while (r == 0 && !waiting.decided)
		r = loop_dispatch(bus->loop, WAIT_STEP_MS);
	if (r < 0 && !waiting.decided)
		devbus_cancel(bus, id); /* its handler must not find us gone */
	return r < 0 ? r : waiting.result;
}
