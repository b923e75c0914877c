// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * That the order was taken is no reboot: the proof is that we are gone. So the only end that is told here is that of the time.
 */
#include "restart.h"
#include "reason.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_MS 5000 /* it asks us first, and waits for 2 s */
#define RETRY_MS 1000

struct restart {
	struct devbus *bus;
	struct devbus_timer *deadline, *retry;
	uint64_t call;
	bool calling;
	char reason[201];
	char last[256]; /* what became of the last order */
	restart_failed *failed;
	void *userdata;
};

static void order(struct devbus *bus, void *userdata);

void restart_free(struct restart *restart)
{
	if (!restart)
		return;
	devbus_timer_stop(restart->deadline);
	devbus_timer_stop(restart->retry);
	if (restart->calling)
		devbus_cancel(restart->bus, restart->call);
	free(restart);
}

static void on_deadline(struct devbus *bus, void *userdata)
{
	struct restart *restart = userdata;
	struct devbus_error error;
	(void)bus;
	restart->deadline = NULL;
	reason_set(
		&error, -ETIMEDOUT, DEVBUS_E_TIMEOUT, "the device was not rebooted: %.200s", restart->last);
	restart->failed(restart->userdata, &error);
}

/* The same answer each second is one line in the log. */
static void order_later(struct restart *restart, const char *code, const char *message)
{
	char answer[sizeof(restart->last)];
	snprintf(answer, sizeof(answer), "%.31s: %.200s", code, message);
	if (strcmp(answer, restart->last) != 0)
		devbus_log(DEVBUS_LOG_WARNING, "reboot: %s", answer);
	memcpy(restart->last, answer, sizeof(answer));
	if (devbus_after(restart->bus, RETRY_MS, order, restart, &restart->retry) < 0)
		devbus_log(DEVBUS_LOG_ERROR, "timer: out of memory");
}

static void on_outcome(struct devbus *bus, const struct devbus_outcome *outcome, void *userdata)
{
	struct restart *restart = userdata;
	(void)bus;
	restart->calling = false;
	if (!outcome->code) {
		snprintf(restart->last, sizeof(restart->last), "the reboot service took the order");
		return;
	}
	order_later(restart, outcome->code, outcome->message ? outcome->message : "");
}

static void order(struct devbus *bus, void *userdata)
{
	struct restart *restart = userdata;
	struct devbus_json *args = devbus_json_new_object();
	devbus_json_set(args, "reason", devbus_json_new_string(restart->reason));
	restart->retry = NULL;
	struct devbus_call call = {
		.service = "reboot",
		.method = "start",
		.args_json = args,
		.timeout_ms = ANSWER_MS,
		.handler = on_outcome,
		.userdata = restart,
	};
	int r = devbus_call(bus, &call, &restart->call);
	restart->calling = r == 0;
	if (r < 0)
		order_later(restart, DEVBUS_E_INTERNAL, strerror(-r));
}

int restart_start(struct devbus *bus, const char *reason, uint32_t timeout_ms, restart_failed *failed,
	void *userdata, struct restart **ret_restart)
{
	struct restart *restart = calloc(1, sizeof(*restart));
	if (!restart)
		return -ENOMEM;
	restart->bus = bus;
	restart->failed = failed;
	restart->userdata = userdata;
	snprintf(restart->reason, sizeof(restart->reason), "%s", reason);
	snprintf(restart->last, sizeof(restart->last), "no answer of the reboot service");
	int r = devbus_after(bus, timeout_ms, on_deadline, restart, &restart->deadline);
	if (r == 0)
		r = devbus_after(bus, 1, order, restart, &restart->retry);
	if (r < 0) {
		restart_free(restart);
		return r;
	}
	*ret_restart = restart;
	return 0;
}
