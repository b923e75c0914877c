// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * What is on disk decides what a restarted service does, so the order of writes matters: the record is there before the delay
 * begins, says "rebooting" before the reboot is asked for, and says "ended" before an order is called off. It is asked for again
 * after a crash in the same boot, since nobody knows whether it was; the device goes down once all the same.
 */
#include "order.h"
#include "wall.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define FIRMWARE_TIMEOUT_MS 2000 /* for its answer; none is no veto */
#define SETTLE_MS 1000 /* for the last event to reach the cloud; it is on disk in any case */
#define PACE_MIN_MS 1000

static void stop_asking(struct order *order)
{
	if (order->asking)
		devbus_cancel(order->bus, order->call);
	order->asking = false;
	backends_stop(&order->backends);
}

void order_drop(struct order *order)
{
	alarm_stop(&order->due);
	devbus_timer_stop(order->pace);
	order->pace = NULL;
	order->settling = false;
	stop_asking(order);
}

static int save(struct order *order, const char *phase)
{
	order->record.schema = RECORD_SCHEMA;
	snprintf(order->record.phase, sizeof(order->record.phase), "%s", phase);
	int r = devbus_file_save(order->state_dir_fd, RECORD_FILE, record_fields, &order->record);
	if (r < 0)
		devbus_log(DEVBUS_LOG_ERROR, RECORD_FILE ": %s", strerror(-r));
	return r;
}

void order_fail(struct order *order, const char *code, const char *format, ...)
{
	struct record *record = &order->record;
	va_list args;
	va_start(args, format);
	vsnprintf(record->error_message, sizeof(record->error_message), format, args);
	va_end(args);
	snprintf(record->error_code, sizeof(record->error_code), "%s", code);
	struct devbus_request *request = order->request;
	backends_cancel(&order->backends); /* what hangs must not reboot the device later on */
	order_drop(order);
	order->request = NULL;
	order->step = STEP_IDLE;
	save(order, "ended");
	devbus_log(DEVBUS_LOG_WARNING, "no reboot: %s: %s", code, record->error_message);
	if (request)
		devbus_fail(request, code, "%s", record->error_message);
}

/* Whether the order is on disk with this phase; if not, it has failed. */
static bool enter(struct order *order, const char *phase)
{
	int r = save(order, phase);
	if (r < 0)
		order_fail(order, r == -ENOSPC ? DEVBUS_E_NO_SPACE : DEVBUS_E_IO_ERROR, RECORD_FILE ": %s",
			strerror(-r));
	return r == 0;
}

uint64_t order_rest_s(const struct order *order)
{
	uint64_t now_ms = boot_clock_ms();
	uint64_t rest_ms = order->record.due_ms > now_ms ? order->record.due_ms - now_ms : 0;
	return (rest_ms + 999) / 1000;
}

/* A local call cannot be answered after the reboot, so it is answered when nothing stands in the way any more. */
static void answer_local(struct order *order)
{
	if (!order->request || devbus_request_id(order->request))
		return;
	struct devbus_request *request = order->request;
	struct devbus_json *result = devbus_json_new_object();
	order->request = NULL;
	devbus_json_set(result, "state", devbus_json_new_string("waiting"));
	devbus_json_set(result, "due_in_s", devbus_json_new_number((double)order_rest_s(order)));
	devbus_reply_json(request, result);
}

/* Whether the alarm is set; if not, the order has failed. */
static bool arm(struct order *order, uint64_t rest_ms, devbus_timer_handler *handler)
{
	int r = alarm_set(&order->due, order->bus, rest_ms, handler, order);
	if (r < 0)
		order_fail(order, DEVBUS_E_INTERNAL, "timer: %s", strerror(-r));
	return r == 0;
}

/* ---- the reboot */

static void on_deadline(struct devbus *bus, void *userdata)
{
	struct order *order = userdata;
	(void)bus;
	order_fail(order, DEVBUS_E_TIMEOUT,
		"the device is still up %" PRIu32 " s after it was told to reboot", order->reboot_timeout_s);
}

static void on_answer_to_reboot(enum answer answer, const struct devbus_error *error, void *userdata)
{
	if (answer == ANSWER_NO)
		order_fail(userdata, error->code, "%s", error->message);
}

static void ask_for_reboot(struct order *order)
{
	int r = backends_run(&order->backends, on_answer_to_reboot, order);
	if (r < 0)
		order_fail(order, DEVBUS_E_INTERNAL, "timer: %s", strerror(-r));
}

static void on_settled(struct devbus *bus, int64_t took_ms, void *userdata)
{
	struct order *order = userdata;
	(void)bus;
	(void)took_ms;
	if (!order->settling)
		return;
	order->settling = false;
	ask_for_reboot(order);
}

/* A token that came back has pushed the events before it to the cloud. */
static void settle(struct order *order)
{
	order->settling = devbus_echo(order->bus, SETTLE_MS, on_settled, order) == 0;
	if (!order->settling)
		ask_for_reboot(order);
}

static void go(struct order *order)
{
	order_drop(order);
	answer_local(order);
	order->record.ordered_ms = boot_clock_ms();
	order->record.wall_ms = wall_trusted_ms(order->bus);
	order->record.tries = 1;
	if (!enter(order, "rebooting"))
		return;
	order->step = STEP_REBOOTING;
	if (order->request)
		devbus_progress(order->request, 100, "rebooting", "the device goes down");
	if (arm(order, (uint64_t)order->reboot_timeout_s * 1000, on_deadline))
		settle(order);
}

/* ---- who must agree: the firmware service, and whoever holds an inhibitor */

static void agreed(struct order *order)
{
	if (order->step == STEP_ASKING)
		go(order);
	else
		answer_local(order);
}

static void on_checked(enum answer answer, const struct devbus_error *error, void *userdata)
{
	if (answer == ANSWER_NO)
		order_fail(userdata, error->code, "%s", error->message);
	else
		agreed(userdata);
}

static void on_firmware(struct devbus *bus, const struct devbus_outcome *outcome, void *userdata)
{
	struct order *order = userdata;
	const char *state = devbus_json_string(devbus_json_get(outcome->result, "state"));
	(void)bus;
	order->asking = false;
	if (record_vetoes(state)) {
		order_fail(order, DEVBUS_E_BUSY, "a firmware update is %s", state);
		return;
	}
	int r = backends_check(&order->backends, on_checked, order);
	if (r < 0)
		order_fail(order, DEVBUS_E_INTERNAL, "timer: %s", strerror(-r));
}

static void ask(struct order *order)
{
	struct devbus_call call = {
		.service = "firmware",
		.method = "status",
		.timeout_ms = FIRMWARE_TIMEOUT_MS,
		.handler = on_firmware,
		.userdata = order,
	};
	if (order->record.force) {
		agreed(order);
		return;
	}
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
	stop_asking(order);
	order->step = STEP_ASKING;
	ask(order);
}

static void tell_waiting(struct devbus *bus, void *userdata)
{
	struct order *order = userdata;
	(void)bus;
	if (order->request)
		devbus_progress(order->request, record_percent(&order->record, boot_clock_ms()), "waiting",
			"reboot in %" PRIu64 " s", order_rest_s(order));
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
	return arm(order, rest_ms, on_due);
}

void order_start(struct order *order, struct devbus_request *request, uint32_t delay_s)
{
	order->request = request;
	order->record.delay_ms = (uint64_t)delay_s * 1000;
	order->record.due_ms = boot_clock_ms() + order->record.delay_ms;
	if (enter(order, "waiting") && wait_for(order, order->record.delay_ms) && delay_s > 0)
		ask(order);
}

void order_continue(struct order *order, struct devbus_request *request, struct decision decision)
{
	order->request = request;
	if (decision.verdict == VERDICT_WAIT) {
		wait_for(order, decision.rest_ms);
		return;
	}
	order->step = STEP_REBOOTING;
	if (!arm(order, decision.rest_ms, on_deadline) || decision.verdict == VERDICT_EXPECT)
		return;
	order->record.tries++;
	if (enter(order, "rebooting"))
		ask_for_reboot(order);
}
