// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* Not devbus_call_wait(): a person must be able to end it with Ctrl-C. */
#include "request.h"
#include "target.h"
#include "wait.h"
#include <errno.h>
#include <string.h>

struct request {
	bool decided;
	struct devbus_error error; /* code "": none */
	struct devbus_json *result;
};

static void on_outcome(struct devbus *bus, const struct devbus_outcome *outcome, void *userdata)
{
	struct request *request = userdata;

	(void)bus;
	request->decided = true;
	if (outcome->code) {
		snprintf(request->error.code, sizeof request->error.code, "%s", outcome->code);
		snprintf(request->error.message, sizeof request->error.message, "%s",
			outcome->message ? outcome->message : "");
	} else {
		request->result = devbus_json_copy(outcome->result);
	}
}

static bool is_decided(void *userdata)
{
	return ((struct request *)userdata)->decided;
}

static int conclude(
	struct request *request, const char *service, const char *method, struct devbus_json **ret_result)
{
	if (*request->error.code) {
		ctl_error("%s/%s: %s: %s", service, method, request->error.code, request->error.message);
		return strcmp(request->error.code, DEVBUS_E_TIMEOUT) ? CTL_NO : CTL_UNREACHABLE;
	}
	if (!request->result) {
		ctl_error("%s", strerror(ENOMEM));
		return CTL_NO;
	}
	*ret_result = request->result;
	return CTL_OK;
}

static int call(struct devbus *bus, struct devbus_call *call, struct devbus_json **ret_result)
{
	struct request request = { 0 };
	int r;

	call->handler = on_outcome;
	call->userdata = &request;
	if ((r = devbus_call(bus, call, NULL)) >= 0)
		r = ctl_wait(bus, is_decided, &request, CTL_FOREVER); /* the library counts the time */
	if (r == -EINTR)
		return CTL_INTERRUPTED;
	if (r < 0) {
		ctl_error("%s/%s: %s", call->service, call->method, strerror(-r));
		return CTL_NO;
	}
	return conclude(&request, call->service, call->method, ret_result);
}

int request_make(const struct ctl_globals *globals, const char *service, const char *method,
	struct devbus_json *args, uint32_t timeout_ms, struct devbus_json **ret_result)
{
	struct devbus *bus = NULL;
	int64_t deadline_ms = ctl_deadline(timeout_ms);
	int result = target_open(globals, TARGET_CALLER, NULL, timeout_ms, &bus);

	if (result != CTL_OK) {
		devbus_json_free(args);
		return result;
	}
	int64_t left_ms = deadline_ms - ctl_now_ms();
	struct devbus_call request = {
		.service = service,
		.method = method,
		.args_json = args,
		.timeout_ms = left_ms > 1 ? (uint32_t)left_ms : 1,
	};
	result = call(bus, &request, ret_result);
	devbus_close(bus);
	return result;
}
