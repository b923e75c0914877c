// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * These are no field tables because a value may be null: a number that is absent, or an old one, would be taken for a
 * measurement by a reader that does not look at the quality.
 */
#include "message.h"

#include <stdio.h>

/* An object under construction: after the first failure nothing more happens and the end is NULL. */
struct builder {
	struct devbus_json *object;
	int error;
};

static struct builder begin(void)
{
	return (struct builder) { .object = devbus_json_new_object() };
}

static void put(struct builder *builder, const char *name, struct devbus_json *value)
{
	int r = devbus_json_set(builder->object, name, value);

	if (r < 0)
		builder->error = r;
}

static void put_text(struct builder *builder, const char *name, const char *text)
{
	put(builder, name, devbus_json_new_string(text));
}

static void put_number(struct builder *builder, const char *name, double number)
{
	put(builder, name, devbus_json_new_number(number));
}

static void put_measured(struct builder *builder, const char *name, bool measured, double number)
{
	put(builder, name, measured ? devbus_json_new_number(number) : devbus_json_new_null());
}

static struct devbus_json *end(struct builder *builder)
{
	if (!builder->error)
		return builder->object;
	devbus_json_free(builder->object);
	return NULL;
}

static void put_state(
	struct builder *builder, const struct channel *channel, const char *time, int64_t now_ms)
{
	const struct reading *reading = &channel->current;
	const char *problem = reading_problem(reading);

	put_measured(builder, "value", reading_has_value(reading), reading->value);
	put_text(builder, "unit", channel->plan.unit);
	put_text(builder, "quality", reading_quality(reading));
	put_text(builder, "time", time);
	if (problem && reading_has_value(reading))
		put_number(builder, "age_ms", (double)(now_ms - channel->read_ms));
	if (problem)
		put_text(builder, "message", problem);
}

struct devbus_json *message_state(const struct channel *channel, const char *time, int64_t now_ms)
{
	struct builder builder = begin();

	put_state(&builder, channel, time, now_ms);
	return end(&builder);
}

struct devbus_json *message_reading(const struct channel *channel, const char *time, int64_t now_ms)
{
	struct builder builder = begin();

	put_text(&builder, "sensor", channel->sensor.id);
	put_state(&builder, channel, time, now_ms);
	return end(&builder);
}

/* What a report may tell, in the order in which it does. */
struct told {
	const char *name;
	unsigned bit; /* of enum aggregate */
	bool there;
	double number;
};

#define TOLD_COUNT 5

static void tell_all(const struct channel *channel, struct told told[TOLD_COUNT])
{
	const struct window *window = &channel->window;
	const bool any = window->count > 0, last = (any || window->errors > 0) && !window->last.error;
	const struct told all[TOLD_COUNT] = {
		{ "min", AGGREGATE_MIN, any, window->min },
		{ "max", AGGREGATE_MAX, any, window->max },
		{ "mean", AGGREGATE_MEAN, any, any ? window_mean(window) : 0 },
		{ "count", AGGREGATE_COUNT, true, (double)window->count },
		{ "last", AGGREGATE_LAST, last, window->last.value },
	};

	for (size_t i = 0; i < TOLD_COUNT; i++)
		told[i] = all[i];
}

struct devbus_json *message_report(const struct channel *channel, int64_t interval_ms)
{
	struct builder builder = begin();
	struct told told[TOLD_COUNT];

	tell_all(channel, told);
	for (size_t i = 0; i < TOLD_COUNT; i++)
		if (channel->plan.aggregates & told[i].bit)
			put_measured(&builder, told[i].name, told[i].there, told[i].number);
	put_number(&builder, "errors", (double)channel->window.errors);
	put_text(&builder, "unit", channel->plan.unit);
	put_text(&builder, "quality", reading_quality(&channel->current));
	put_number(&builder, "interval_ms", (double)interval_ms);
	return end(&builder);
}

/* {"n":"@id/@what"}: RFC 8428 4.5.1 allows '/' in a name. */
static struct builder begin_record(const char *id, const char *what)
{
	char name[SENSOR_ID_SIZE + 16];
	struct builder builder = begin();

	snprintf(name, sizeof name, "%s%s%s", id, *what ? "/" : "", what);
	put_text(&builder, "n", name);
	return builder;
}

int message_append_senml(struct devbus_json *pack, const struct channel *channel)
{
	struct told told[TOLD_COUNT];
	int r = 0;

	tell_all(channel, told);
	for (size_t i = 0; r == 0 && i < TOLD_COUNT; i++) {
		if (!(channel->plan.aggregates & told[i].bit) || !told[i].there)
			continue;
		struct builder builder =
			begin_record(channel->sensor.id, told[i].bit == AGGREGATE_LAST ? "" : told[i].name);

		if (told[i].bit == AGGREGATE_COUNT)
			put_text(&builder, "u", "count");
		else if (channel->plan.unit[0])
			put_text(&builder, "u", channel->plan.unit);
		put_number(&builder, "v", told[i].number);
		r = devbus_json_append(pack, end(&builder));
	}
	if (r == 0 && channel->current.error) {
		struct builder builder = begin_record(channel->sensor.id, "quality");

		put_text(&builder, "vs", reading_quality(&channel->current));
		r = devbus_json_append(pack, end(&builder));
	}
	return r;
}

struct devbus_json *message_sensor(const struct channel *channel)
{
	const struct sensor *sensor = &channel->sensor;
	struct builder builder = begin();

	put_text(&builder, "id", sensor->id);
	put_text(&builder, "unit", channel->plan.unit);
	put_text(&builder, "kind", sensor->quantity->kind);
	put_text(&builder, "source", sensor->source.path);
	put_text(&builder, "chip", sensor->chip);
	put_text(&builder, "device", sensor->device);
	put_text(&builder, "attribute", sensor->source.attribute);
	put_text(&builder, "label", sensor->label);
	put_text(&builder, "quality", reading_quality(&channel->current));
	put_number(&builder, "sample_interval_ms", channel->plan.sample_ms);
	put_number(&builder, "report_interval_ms", channel->plan.report_ms);
	return end(&builder);
}

static struct builder begin_alarm(const char *sensor, const char *alarm, bool set)
{
	struct builder builder = begin();

	put_text(&builder, "sensor", sensor);
	put_text(&builder, "alarm", alarm);
	put_text(&builder, "state", set ? "set" : "clear");
	return builder;
}

struct devbus_json *message_alarm(const struct channel *channel, const struct alarm *alarm)
{
	struct builder builder = begin_alarm(channel->sensor.id, alarm->name, alarm->set);
	const struct reading *reading = &channel->current;

	put_text(&builder, "when", alarm_words[alarm->when]);
	if (alarm->when != ALARM_BAD)
		put_number(&builder, "limit", alarm->limit);
	put_measured(&builder, "value", reading_has_value(reading), reading->value);
	put_text(&builder, "unit", channel->plan.unit);
	put_text(&builder, "quality", reading_quality(reading));
	return end(&builder);
}

struct devbus_json *message_alarm_gone(const char *sensor, const char *alarm, const char *cause)
{
	struct builder builder = begin_alarm(sensor, alarm, false);

	put_text(&builder, "cause", cause);
	return end(&builder);
}
