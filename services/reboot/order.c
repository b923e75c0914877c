// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * What is on disk decides what a restarted service does, so the order of writes matters: the record is there before the delay
 * begins, says "rebooting" before the command is run, and is gone before an order is called off. The command is
 * therefore run at most once, also across crashes.
 */
#include "order.h"
#include "boot.h"
#include "program.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define FIRMWARE_TIMEOUT_MS 2000 /* for its answer; none is no veto */
#define SETTLE_MS 200 /* for the last event to leave, before the command may end us */
#define COMMAND_POLL_MS 50
#define PACE_MIN_MS 1000

static void ask_firmware(struct order *order);

static void stop_timers(struct order *order)
{
	devbus_timer_stop(order->due);
	devbus_timer_stop(order->pace);
	order->due = order->pace = NULL;
}

static void stop_asking(struct order *order)
{
	if (order->asking)
		devbus_cancel(order->bus, order->call);
	order->asking = false;
}

void order_drop(struct order *order)
{
	stop_timers(order);
	stop_asking(order);
	program_free(order->program);
	order->program = NULL;
}

void order_fail(struct order *order, const char *code, const char *format, ...)
{
	char message[256];
	va_list args;
	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	struct devbus_request *request = order->request;
	order_drop(order);
	order->request = NULL;
	order->step = STEP_IDLE;
	int r = devbus_file_remove(order->state_dir_fd, RECORD_FILE);
	if (r < 0)
		devbus_log(DEVBUS_LOG_ERROR, RECORD_FILE ": %s", strerror(-r));
	devbus_log(DEVBUS_LOG_WARNING, "no reboot: %s: %s", code, message);
	if (request)
		devbus_fail(request, code, "%s", message);
}

/* Whether the order is on disk with this phase; if not, it has failed. */
static bool enter(struct order *order, const char *phase)
{
	order->record.schema = RECORD_SCHEMA;
	snprintf(order->record.phase, sizeof(order->record.phase), "%s", phase);
	int r = devbus_file_save(order->state_dir_fd, RECORD_FILE, record_fields, &order->record);
	if (r < 0)
		order_fail(order, r == -ENOSPC ? DEVBUS_E_NO_SPACE : DEVBUS_E_IO_ERROR, RECORD_FILE ": %s",
			strerror(-r));
	return r == 0;
}

/* A local call cannot be answered after the reboot, so it is answered when nothing stands in the way any more. */
static void answer_local(struct order *order)
{
	if (!order->request || devbus_request_id(order->request))
		return;
	struct devbus_request *request = order->request;
	uint64_t now_ms = boot_clock_ms();
	uint64_t rest_ms = order->record.due_ms > now_ms ? order->record.due_ms - now_ms : 0;
	struct devbus_json *result = devbus_json_new_object();
	order->request = NULL;
	devbus_json_set(result, "state", devbus_json_new_string("waiting"));
	devbus_json_set(result, "due_in_s", devbus_json_new_number((double)((rest_ms + 999) / 1000)));
	devbus_reply_json(request, result);
}

/* ---- the command */

static void on_deadline(struct devbus *bus, void *userdata)
{
	struct order *order = userdata;
	(void)bus;
	order->due = NULL;
	if (order->program)
		program_stop(order->program);
	order_fail(order, DEVBUS_E_TIMEOUT, "the device is still up %" PRIu32 " s after the command",
		order->settings->reboot_timeout_s);
}

static void on_command_poll(struct devbus *bus, void *userdata)
{
	struct order *order = userdata;
	char text[256];
	int status = 0;
	(void)bus;
	if (!program_poll(order->program, &status))
		return;
	program_describe(order->program, status, text, sizeof(text));
	if (status != 0) {
		order_fail(order, DEVBUS_E_IO_ERROR, "%s", text);
		return;
	}
	devbus_timer_stop(order->pace);
	order->pace = NULL;
	program_free(order->program);
	order->program = NULL;
}

static void run_command(struct devbus *bus, void *userdata)
{
	struct order *order = userdata;
	order->pace = NULL;
	devbus_log(DEVBUS_LOG_INFO, "running: %s", order->settings->command);
	int r = program_start(order->settings->command, &order->program);
	if (r < 0) {
		order_fail(order, DEVBUS_E_IO_ERROR, "%s: %s", order->settings->command, strerror(-r));
		return;
	}
	r = devbus_every(bus, COMMAND_POLL_MS, on_command_poll, order, &order->pace);
	if (r < 0)
		devbus_log(DEVBUS_LOG_ERROR, "timer: %s", strerror(-r));
}

/* Whether the timer runs; if not, the order has failed. */
static bool arm(
	struct order *order, struct devbus_timer **timer, uint64_t delay_ms, devbus_timer_handler *handler)
{
	int r = devbus_after(order->bus, delay_ms > 0 ? (uint32_t)delay_ms : 1, handler, order, timer);
	if (r < 0)
		order_fail(order, DEVBUS_E_INTERNAL, "timer: %s", strerror(-r));
	return r == 0;
}

static void go(struct order *order)
{
	stop_timers(order);
	answer_local(order);
	order->record.ordered_ms = boot_clock_ms();
	if (!enter(order, "rebooting"))
		return;
	order->step = STEP_REBOOTING;
	if (order->request)
		devbus_progress(order->request, 100, "rebooting", "%s", order->settings->command);
	if (arm(order, &order->due, (uint64_t)order->settings->reboot_timeout_s * 1000, on_deadline))
		arm(order, &order->pace, SETTLE_MS, run_command);
}

/* ---- the firmware service's veto */

static void on_firmware(struct devbus *bus, const struct devbus_outcome *outcome, void *userdata)
{
	struct order *order = userdata;
	const char *state = devbus_json_string(devbus_json_get(outcome->result, "state"));
	(void)bus;
	order->asking = false;
	if (record_vetoes(state))
		order_fail(order, DEVBUS_E_BUSY, "a firmware update is %s", state);
	else if (order->step == STEP_ASKING)
		go(order);
	else
		answer_local(order);
}

static void ask_firmware(struct order *order)
{
	struct devbus_call call = {
		.service = "firmware",
		.method = "status",
		.timeout_ms = FIRMWARE_TIMEOUT_MS,
		.handler = on_firmware,
		.userdata = order,
	};
	int r = devbus_call(order->bus, &call, &order->call);
	order->asking = r == 0;
	if (r < 0)
		order_fail(order, DEVBUS_E_INTERNAL, "asking the firmware service: %s", strerror(-r));
}

/* ---- the delay */

static void on_due(struct devbus *bus, void *userdata)
{
	struct order *order = userdata;
	(void)bus;
	order->due = NULL;
	stop_asking(order);
	order->step = STEP_ASKING;
	if (order->record.force)
		go(order);
	else
		ask_firmware(order);
}

static void tell_waiting(struct devbus *bus, void *userdata)
{
	struct order *order = userdata;
	uint64_t now_ms = boot_clock_ms();
	uint64_t rest_ms = order->record.due_ms > now_ms ? order->record.due_ms - now_ms : 0;
	(void)bus;
	if (order->request)
		devbus_progress(order->request, record_percent(&order->record, now_ms), "waiting",
			"reboot in %" PRIu64 " s", (rest_ms + 999) / 1000);
}

static bool wait_for(struct order *order, uint64_t rest_ms)
{
	uint64_t pace_ms = order->record.delay_ms / 10;
	order->step = STEP_WAITING;
	tell_waiting(order->bus, order);
	int r = devbus_every(order->bus, pace_ms > PACE_MIN_MS ? (uint32_t)pace_ms : PACE_MIN_MS,
		tell_waiting, order, &order->pace);
	if (r < 0)
		devbus_log(DEVBUS_LOG_WARNING, "no progress events: %s", strerror(-r));
	return arm(order, &order->due, rest_ms, on_due);
}

void order_start(struct order *order, struct devbus_request *request, uint32_t delay_s)
{
	order->request = request;
	order->record.delay_ms = (uint64_t)delay_s * 1000;
	order->record.due_ms = boot_clock_ms() + order->record.delay_ms;
	if (!enter(order, "waiting") || !wait_for(order, order->record.delay_ms))
		return;
	if (order->record.force)
		answer_local(order);
	else if (delay_s > 0)
		ask_firmware(order);
}

void order_continue(struct order *order, struct devbus_request *request, struct decision decision)
{
	order->request = request;
	if (decision.verdict == VERDICT_WAIT) {
		wait_for(order, decision.rest_ms);
		return;
	}
	order->step = STEP_REBOOTING;
	arm(order, &order->due, decision.rest_ms, on_deadline);
}
