// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* The ways in which a request is answered: in the handler, from a timer, by another service, or not at all. */
#include "probe.h"
#include <errno.h>
#include <stdlib.h>
#include <time.h>

/* ---- echo, add, busy, block: the answer in the handler */

const struct devbus_field echo_fields[] = { DEVBUS_FIELD(struct echo, value), { 0 } };

int on_echo(struct devbus_request *request, const void *args, void *userdata)
{
	(void)userdata;
	return devbus_reply(request, echo_fields, args);
}

const struct devbus_field add_fields[] = {
	DEVBUS_FIELD(struct add, a, .min = 0, .max = 1000, .flags = DEVBUS_REQUIRED),
	DEVBUS_FIELD(struct add, b, .min = 0, .max = 1000, .initial = 1),
	{ 0 },
};

struct sum {
	int32_t sum;
};
const struct devbus_field sum_fields[] = { DEVBUS_FIELD(struct sum, sum), { 0 } };

int on_add(struct devbus_request *request, const void *args, void *userdata)
{
	const struct add *add = args;

	(void)userdata;
	return devbus_reply(request, sum_fields, &(struct sum) { add->a + add->b });
}

int refuse_busy(struct devbus_request *request, const void *args, void *userdata)
{
	(void)args, (void)userdata;
	return devbus_fail(request, DEVBUS_E_BUSY, "always busy");
}

const struct devbus_field error_fields[] = { DEVBUS_FIELD(struct error, number), { 0 } };

int on_error(struct devbus_request *request, const void *args, void *userdata)
{
	const struct error *error = args;

	(void)request, (void)userdata;
	return -error->number;
}

const struct devbus_field wait_fields[] = { DEVBUS_FIELD(struct wait, ms, .max = 60000), { 0 } };

int on_block(struct devbus_request *request, const void *args, void *userdata)
{
	const struct wait *wait = args;
	const struct timespec time = { wait->ms / 1000, wait->ms % 1000 * 1000000L };

	(void)userdata;
	nanosleep(&time, NULL);
	return devbus_reply(request, NULL, NULL);
}

/* ---- later, progress: the answer comes from a timer */

static void answer_now(struct devbus *bus, void *userdata)
{
	(void)bus;
	devbus_reply(userdata, NULL, NULL);
}

int on_later(struct devbus_request *request, const void *args, void *userdata)
{
	const struct wait *wait = args;
	struct probe *self = userdata;

	return devbus_after(self->bus, wait->ms ? wait->ms : 1, answer_now, request, NULL);
}

const struct devbus_field work_fields[] = {
	DEVBUS_FIELD(struct work, steps, .max = 100, .initial = 2),
	DEVBUS_FIELD(struct work, interval_ms, .min = 1, .max = 60000, .initial = 10),
	DEVBUS_FIELD(struct work, fail),
	{ 0 },
};

struct working {
	struct devbus_request *request;
	struct work work;
	uint32_t done;
};

static void work_on(struct devbus *bus, void *userdata)
{
	struct working *working = userdata;
	struct devbus_request *request = working->request;

	if (working->done < working->work.steps) {
		working->done++;
		devbus_progress(request, (int)(100 * working->done / working->work.steps), "work", "step %u",
			(unsigned)working->done);
		devbus_after(bus, working->work.interval_ms, work_on, working, NULL);
		return;
	}
	if (working->work.fail)
		devbus_fail(request, "too-bad", "asked to fail");
	else
		devbus_reply(request, NULL, NULL);
	free(working);
}

int on_progress(struct devbus_request *request, const void *args, void *userdata)
{
	struct probe *self = userdata;
	struct working *working = malloc(sizeof *working);

	if (!working)
		return -ENOMEM;
	*working = (struct working) { request, *(const struct work *)args, 0 };
	return devbus_after(self->bus, working->work.interval_ms, work_on, working, NULL);
}

struct resumed {
	bool resumed;
};
static const struct devbus_field resumed_fields[] = { DEVBUS_FIELD(struct resumed, resumed), { 0 } };

int on_resume(struct devbus_request *request, const void *args, void *userdata)
{
	(void)args, (void)userdata;
	return devbus_reply(request, resumed_fields, &(struct resumed) { true });
}

/* ---- call: another service's answer is ours */

const struct devbus_field call_fields[] = {
	DEVBUS_FIELD(struct call, service, .flags = DEVBUS_REQUIRED | DEVBUS_TOPIC_LEVEL),
	DEVBUS_FIELD(struct call, method, .flags = DEVBUS_REQUIRED | DEVBUS_TOPIC_LEVEL),
	DEVBUS_FIELD(struct call, args),
	DEVBUS_FIELD(struct call, timeout_ms, .max = 60000),
	{ 0 },
};

static void on_outcome(struct devbus *bus, const struct devbus_outcome *outcome, void *userdata)
{
	(void)bus;
	if (outcome->code)
		devbus_fail(userdata, outcome->code, "%s", outcome->message);
	else
		devbus_reply_json(userdata, devbus_json_copy(outcome->result));
}

int on_call(struct devbus_request *request, const void *args, void *userdata)
{
	const struct call *call = args;
	struct probe *self = userdata;

	return devbus_call(self->bus,
		&(struct devbus_call) {
			.service = call->service,
			.method = call->method,
			.args_json = call->args ? devbus_json_copy(call->args) : devbus_json_new_object(),
			.timeout_ms = call->timeout_ms,
			.handler = on_outcome,
			.userdata = request,
		},
		NULL);
}
