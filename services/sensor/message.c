// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * These are no field tables because a value may be null: a number that is absent, or an old one, would be taken for a
 * measurement by a reader that does not look at the quality.
 */
#include "message.h"

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
	struct builder *builder, const struct sensor *sensor, const struct reading *reading, const char *time)
{
	const char *problem = reading_problem(reading);

	put_measured(builder, "value", !problem, reading->value);
	put_text(builder, "unit", sensor->quantity->unit);
	put_text(builder, "quality", reading_quality(reading));
	put_text(builder, "time", time);
	if (problem)
		put_text(builder, "message", problem);
}

struct devbus_json *message_state(
	const struct sensor *sensor, const struct reading *reading, const char *time)
{
	struct builder builder = begin();

	put_state(&builder, sensor, reading, time);
	return end(&builder);
}

struct devbus_json *message_reading(
	const struct sensor *sensor, const struct reading *reading, const char *time)
{
	struct builder builder = begin();

	put_text(&builder, "sensor", sensor->id);
	put_state(&builder, sensor, reading, time);
	return end(&builder);
}

struct devbus_json *message_report(
	const struct sensor *sensor, const struct window *window, int64_t interval_ms)
{
	struct builder builder = begin();
	bool any = window->count > 0;

	put_measured(&builder, "min", any, window->min);
	put_measured(&builder, "max", any, window->max);
	put_measured(&builder, "mean", any, any ? window_mean(window) : 0);
	put_number(&builder, "count", (double)window->count);
	put_number(&builder, "errors", (double)window->errors);
	put_measured(&builder, "last", !window->last.error, window->last.value);
	put_text(&builder, "unit", sensor->quantity->unit);
	put_text(&builder, "quality", reading_quality(&window->last));
	put_number(&builder, "interval_ms", (double)interval_ms);
	return end(&builder);
}

struct devbus_json *message_sensor(const struct sensor *sensor)
{
	struct builder builder = begin();

	put_text(&builder, "id", sensor->id);
	put_text(&builder, "unit", sensor->quantity->unit);
	put_text(&builder, "kind", sensor->quantity->kind);
	put_text(&builder, "source", sensor->source.path);
	put_text(&builder, "label", sensor->label);
	return end(&builder);
}
