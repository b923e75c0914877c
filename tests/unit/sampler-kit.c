// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* The sampler is moved as the service moves it: it is woken when it says so, and answers come after that. */
#include "sampler-kit.h"
#include "json-text.h"
#include "unit.h"

#include <stdio.h>
#include <string.h>

struct sampler_kit sampler_kit;

#define ORDERS_MAX 1024

static struct ordered {
	uint32_t number;
	struct source source;
} orders[ORDERS_MAX];
static size_t order_count;

static void on_order(void *userdata, uint32_t number, const struct source *source)
{
	(void)userdata;
	ck_assert_uint_lt(order_count, ORDERS_MAX);
	orders[order_count++] = (struct ordered) { number, *source };
}

static bool is_watched(const struct channel *channel)
{
	return strcmp(channel->sensor.id, KIT_ID) == 0;
}

static void on_state(void *userdata, const struct channel *channel)
{
	(void)userdata;
	if (!is_watched(channel))
		return;
	sampler_kit.states++;
	sampler_kit.state = channel->current;
}

static void on_report(void *userdata, const struct channel *channel, int64_t interval_ms)
{
	(void)userdata;
	if (!is_watched(channel))
		return;
	sampler_kit.reports++;
	sampler_kit.window = channel->window;
	sampler_kit.interval_ms = interval_ms;
	snprintf(sampler_kit.unit, sizeof sampler_kit.unit, "%s", channel->plan.unit);
}

static void on_alarm(void *userdata, const struct channel *channel, const struct alarm *alarm)
{
	(void)userdata;
	ck_assert_uint_lt(sampler_kit.alarms, KIT_ALARMS_MAX);
	snprintf(sampler_kit.alarm[sampler_kit.alarms++], sizeof sampler_kit.alarm[0], "%s %s %s",
		channel->sensor.id, alarm->name, alarm->set ? "set" : "clear");
}

static bool on_alarm_was_set(void *userdata, const char *id, const char *alarm)
{
	(void)userdata;
	return strcmp(id, KIT_ID) == 0 && sampler_kit.remembered &&
	       strcmp(alarm, sampler_kit.remembered) == 0;
}

static const struct sampler_sink sink = { on_order, on_state, on_report, on_alarm, on_alarm_was_set };

static struct sampler_setup setup = {
	.disk = "",
	.places = { .file_dirs = "sys run", .exec_dir = "/nonexistent" },
};

static bool hangs(uint32_t number)
{
	const struct channel *hung =
		sampler_kit.hung ? sampler_find(&sampler_kit.sampler, sampler_kit.hung) : NULL;

	return hung && hung->number == number;
}

/* One turn of the service's loop: tick, then the answers. */
static void turn(void)
{
	size_t kept = 0;

	ck_assert_int_eq(sampler_tick(&sampler_kit.sampler, sampler_kit.now_ms), 0);
	for (size_t i = 0; i < order_count; i++) {
		const struct ordered ordered = orders[i];
		double value = 0;

		if (hangs(ordered.number)) {
			orders[kept++] = ordered;
			continue;
		}
		ck_assert(ordered.source.read != NULL);
		int error = ordered.source.read(sampler_kit.sampler.root, &ordered.source, &value);

		sampler_result(&sampler_kit.sampler, ordered.number, error, value, sampler_kit.now_ms);
	}
	order_count = kept;
}

void sampler_kit_pass(int64_t ms)
{
	int64_t end_ms = sampler_kit.now_ms + ms;

	for (turn(); sampler_due_ms(&sampler_kit.sampler) <= end_ms; turn()) {
		int64_t due_ms = sampler_due_ms(&sampler_kit.sampler);

		/* Whoever wants to be woken again at once would spin. */
		ck_assert_int_gt(due_ms, sampler_kit.now_ms);
		sampler_kit.now_ms = due_ms;
	}
	sampler_kit.now_ms = end_ms;
}

void sampler_kit_run(unsigned count)
{
	const struct channel *channel = sampler_kit_channel();
	uint32_t sample_ms =
		channel ? channel->plan.sample_ms : sampler_kit.sampler.section.sample_interval_ms;

	for (; count > 0; count--)
		sampler_kit_pass(sample_ms - 1), sampler_kit.now_ms++;
}

void sampler_kit_temp(const char *text)
{
	tree_write(&sampler_kit.tree, KIT_TEMP, text);
}

struct channel *sampler_kit_channel(void)
{
	return sampler_find(&sampler_kit.sampler, KIT_ID);
}

static int read_section(const char *text, struct section *section, struct devbus_error *error)
{
	struct devbus_json *object = parse(text);
	int r = devbus_fields_read(section_fields, object, section, error);

	devbus_json_free(object);
	return r;
}

void sampler_kit_configure(const char *text)
{
	struct devbus_error error = { "", "" };
	struct section section;

	ck_assert_msg(read_section(text, &section, &error) == 0, "%s", error.message);
	ck_assert_msg(plan_check(&section, &setup.places, &error) == 0, "%s", error.message);
	ck_assert_int_eq(sampler_configure(&sampler_kit.sampler, &section, sampler_kit.now_ms), 0);
	devbus_fields_clear(section_fields, &section);
}

const char *sampler_kit_refusal(const char *text)
{
	static struct devbus_error error;
	struct section section;

	error = (struct devbus_error) { "", "" };
	if (read_section(text, &section, &error) < 0)
		return error.message;
	plan_check(&section, &setup.places, &error);
	devbus_fields_clear(section_fields, &section);
	return error.message;
}

void sampler_kit_set_up(void)
{
	sampler_kit = (struct sampler_kit) { .now_ms = 5000000 };
	order_count = 0;
	tree_make(&sampler_kit.tree, NULL);
	tree_write(&sampler_kit.tree, "sys/class/hwmon/hwmon0/name", "chip");
	sampler_kit_temp("20000");
	setup.root = sampler_kit.tree.path;
	ck_assert_int_eq(
		sampler_open(&sampler_kit.sampler, &setup, &sink, &sampler_kit, sampler_kit.now_ms), 0);
}

void sampler_kit_tear_down(void)
{
	sampler_close(&sampler_kit.sampler);
	tree_remove(&sampler_kit.tree);
}
