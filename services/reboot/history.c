// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
#include "history.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define REBOOTS_KEPT_MAX 60

const struct devbus_field history_fields[] = {
	DEVBUS_FIELD(struct history, schema, .initial = HISTORY_SCHEMA, .min = 1, .max = HISTORY_SCHEMA),
	DEVBUS_FIELD(struct history, boot_id, .flags = DEVBUS_REQUIRED),
	DEVBUS_FIELD(struct history, base_ms),
	DEVBUS_FIELD(struct history, last_ms),
	DEVBUS_FIELD(struct history, short_boots),
	DEVBUS_FIELD(struct history, orders, .flags = DEVBUS_OMIT_EMPTY),
	DEVBUS_FIELD(struct history, crash, .flags = DEVBUS_OMIT_EMPTY),
	{ 0 },
};

static uint64_t max(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static bool is_recent(const struct devbus_json *order, uint64_t sum_ms)
{
	double at_ms;
	return devbus_json_number(order, &at_ms) == 0 && at_ms + HISTORY_WINDOW_MS > (double)sum_ms;
}

unsigned history_orders(const struct history *history, uint64_t now_ms)
{
	const struct devbus_json *order = devbus_json_first(history->orders);
	unsigned count = 0;
	for (; order; order = devbus_json_next(order))
		count += is_recent(order, history->base_ms + now_ms);
	return count;
}

/* The recent ones, the newest of them if there are very many, and @sum_ms. NULL: no memory. */
static struct devbus_json *orders_with(const struct history *history, uint64_t sum_ms)
{
	struct devbus_json *orders = devbus_json_new_array();
	size_t left = devbus_json_count(history->orders);
	const struct devbus_json *order = devbus_json_first(history->orders);
	int r = 0;
	for (; order && r == 0; order = devbus_json_next(order), left--)
		if (left < REBOOTS_KEPT_MAX && is_recent(order, sum_ms))
			r = devbus_json_append(orders, devbus_json_copy(order));
	if (r == 0)
		r = devbus_json_append(orders, devbus_json_new_number((double)sum_ms));
	if (r == 0)
		return orders;
	devbus_json_free(orders);
	return NULL;
}

int history_boot(struct history *history, const struct record *record, const char *boot_id,
	const struct guards *guards)
{
	if (strcmp(history->boot_id, boot_id) == 0)
		return 0;
	bool ordered = record_caused_boot(record, history->boot_id, boot_id);
	uint64_t lasted_ms = ordered ? max(record->ordered_ms, history->last_ms) : history->last_ms;
	if (ordered) {
		struct devbus_json *orders = orders_with(history, history->base_ms + lasted_ms);
		if (!orders)
			return -ENOMEM;
		devbus_json_free(history->orders);
		history->orders = orders;
	}
	bool is_short = *history->boot_id && lasted_ms < (uint64_t)guards->short_boot_s * 1000;
	history->short_boots = is_short ? history->short_boots + 1 : 0;
	history->base_ms += lasted_ms;
	history->last_ms = 0;
	history->schema = HISTORY_SCHEMA;
	snprintf(history->boot_id, sizeof(history->boot_id), "%s", boot_id);
	return 0;
}

bool history_loops(const struct history *history, const struct guards *guards, uint64_t now_ms)
{
	return guards->short_boots_max > 0 && history->short_boots >= guards->short_boots_max &&
	       now_ms < (uint64_t)guards->short_boot_s * 1000;
}

static int refuse(struct devbus_error *error, const char *code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static int refuse(struct devbus_error *error, const char *code, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	snprintf(error->code, sizeof(error->code), "%s", code);
	vsnprintf(error->message, sizeof(error->message), format, args);
	va_end(args);
	return -EPERM;
}

int history_admit(const struct history *history, const struct guards *guards, uint64_t now_ms,
	uint64_t due_ms, bool force, struct devbus_error *ret_error)
{
	uint64_t min_uptime_ms = (uint64_t)guards->min_uptime_s * 1000;
	if (history_loops(history, guards, now_ms))
		return refuse(ret_error, "reboot-loop",
			"%" PRIu32 " boots in a row were shorter than %" PRIu32
			" s; possible again in %" PRIu64 " s",
			history->short_boots, guards->short_boot_s, guards->short_boot_s - now_ms / 1000);
	if (guards->reboots_per_hour > 0 && history_orders(history, now_ms) >= guards->reboots_per_hour)
		return refuse(ret_error, "rate-limited",
			"%" PRIu32 " reboots in one hour of uptime is the most", guards->reboots_per_hour);
	if (!force && due_ms < min_uptime_ms)
		return refuse(ret_error, "too-early",
			"the device is up for %" PRIu64 " s and must be for %" PRIu32 " s, unless forced",
			now_ms / 1000, guards->min_uptime_s);
	return 0;
}

uint64_t history_next_mark_ms(const struct guards *guards, uint64_t now_ms)
{
	uint64_t short_ms = (uint64_t)guards->short_boot_s * 1000;
	uint64_t end_ms = max(short_ms, HISTORY_WINDOW_MS);
	if (now_ms < short_ms)
		return short_ms - now_ms;
	return now_ms < end_ms ? end_ms - now_ms : 0;
}
