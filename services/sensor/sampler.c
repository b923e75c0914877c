// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * Reports are made at the sample that is nearest to their time, and the time of the next one is counted from when
 * this one was due: a report interval that is no multiple of the sample interval then keeps its mean rate. If that sample does not
 * come, the report is made without it.
 */
#include "sampler-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

struct channel *sampler_find(const struct sampler *sampler, const char *id)
{
	for (size_t i = 0; *id && i < sampler->count; i++)
		if (strcmp(sampler->channels[i].sensor.id, id) == 0)
			return &sampler->channels[i];
	return NULL;
}

/* ---- telling */

static void feed_alarms(const struct sampler *sampler, struct channel *channel, int64_t now_ms)
{
	for (size_t i = 0; i < channel->plan.alarm_count; i++) {
		struct alarm *alarm = &channel->plan.alarms[i];

		if (alarm_feed(alarm, &channel->current, now_ms) != ALARM_SAME)
			sampler->sink->alarm(sampler->userdata, channel, alarm);
	}
}

static bool is_news(const struct channel *channel)
{
	if (!channel->ever_told || channel->current.error != channel->told.error)
		return true;
	return !channel->current.error &&
	       fabs(channel->current.value - channel->told.value) > channel->plan.dead_band;
}

void sampler_tell(const struct sampler *sampler, struct channel *channel)
{
	channel->told = channel->current;
	channel->ever_told = true;
	sampler->sink->state(sampler->userdata, channel);
}

/* Whether all of the window is what the last report told, as far as the dead band goes. */
static bool is_quiet(const struct channel *channel, int64_t now_ms)
{
	const struct window *window = &channel->window;
	double value = channel->reported.value, band = channel->plan.dead_band;

	if (channel->plan.heartbeat_ms == 0 || !channel->ever_reported ||
		now_ms - channel->reported_ms >= channel->plan.heartbeat_ms)
		return false;
	if (channel->current.error != channel->reported.error || window->errors > 0)
		return false;
	return window->count == 0 || (window->min >= value - band && window->max <= value + band);
}

void sampler_report(const struct sampler *sampler, struct channel *channel, int64_t now_ms)
{
	sampler->sink->report(sampler->userdata, channel, now_ms - channel->window_start_ms);
	channel->reported = channel->current;
	channel->reported_ms = now_ms;
	channel->ever_reported = true;
	channel->window = (struct window) { 0 };
	channel->window_start_ms = now_ms;
}

static void report(const struct sampler *sampler, struct channel *channel, int64_t now_ms)
{
	if (!is_quiet(channel, now_ms)) {
		sampler_tell(sampler, channel);
		sampler_report(sampler, channel, now_ms);
	}
	channel->report_due_ms += channel->plan.report_ms;
	if (channel->report_due_ms <= now_ms)
		channel->report_due_ms = now_ms + channel->plan.report_ms;
}

/* ---- open, configure, close */

int sampler_open(struct sampler *sampler, const struct sampler_setup *setup, const struct sampler_sink *sink,
	void *userdata, int64_t now_ms)
{
	int root = open(setup->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (root < 0)
		return -errno;
	*sampler = (struct sampler) { .root = root, .setup = setup, .sink = sink, .userdata = userdata };
	devbus_fields_initial(section_fields, &sampler->section);
	int r = sampler_rescan(sampler, now_ms);

	if (r < 0)
		close(root);
	return r;
}

void sampler_close(struct sampler *sampler)
{
	close(sampler->root);
	sampler_free_channels(sampler->channels, sampler->count);
	devbus_fields_clear(section_fields, &sampler->section);
}

int sampler_configure(struct sampler *sampler, const struct section *section, int64_t now_ms)
{
	struct section before = sampler->section;

	sampler->section = *section;
	sampler->section.sensors = section->sensors ? devbus_json_copy(section->sensors) : NULL;
	int r = section->sensors && !sampler->section.sensors ? -ENOMEM : sampler_rescan(sampler, now_ms);

	if (r < 0) {
		devbus_fields_clear(section_fields, &sampler->section);
		sampler->section = before;
	} else {
		devbus_fields_clear(section_fields, &before);
	}
	return r;
}

/* ---- reading */

static void order(const struct sampler *sampler, struct channel *channel, int64_t now_ms)
{
	channel->waiting = true;
	channel->ordered_ms = now_ms;
	sampler->sink->order(sampler->userdata, channel->number, &channel->sensor.source);
}

void sampler_ask(struct sampler *sampler, struct channel *channel, int64_t now_ms)
{
	if (channel->waiting)
		return;
	channel->extra = true;
	order(sampler, channel, now_ms);
}

/* While the source keeps us waiting its last value grows old, and then it counts as lost. */
static void wait_for(struct sampler *sampler, struct channel *channel, int64_t now_ms)
{
	int64_t waited_ms = now_ms - channel->ordered_ms;
	int error = waited_ms >= channel->plan.timeout_ms ? -ETIMEDOUT
		    : waited_ms >= channel->plan.stale_ms ? -ESTALE
							  : 0;

	if (!error || channel->current.error == error || channel->current.error == -ETIMEDOUT)
		return;
	if (channel->current.error && channel->current.error != -ESTALE)
		channel->current.value = NAN;
	channel->current.error = error;
	if (error == -ETIMEDOUT)
		window_add(&channel->window, &channel->current);
	feed_alarms(sampler, channel, now_ms);
	sampler_tell(sampler, channel);
}

static int64_t report_without_ms(const struct channel *channel)
{
	return channel->report_due_ms + channel->plan.sample_ms / 2;
}

static void attend(struct sampler *sampler, struct channel *channel, int64_t now_ms)
{
	bool due = now_ms >= channel->sample_due_ms;

	if (due)
		channel->extra = false; /* one that is under way will do */
	if (channel->waiting)
		wait_for(sampler, channel, now_ms);
	else if (due)
		order(sampler, channel, now_ms);
	/* What is missed is left out; the grid is that of the clock. */
	if (due)
		channel->sample_due_ms = now_ms - now_ms % channel->plan.sample_ms + channel->plan.sample_ms;
	if (now_ms >= report_without_ms(channel))
		report(sampler, channel, now_ms);
}

int sampler_tick(struct sampler *sampler, int64_t now_ms)
{
	int r = now_ms >= sampler->scan_due_ms ? sampler_rescan(sampler, now_ms) : 0;

	for (size_t i = 0; i < sampler->count; i++)
		attend(sampler, &sampler->channels[i], now_ms);
	return r;
}

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

int64_t sampler_due_ms(const struct sampler *sampler)
{
	int64_t due_ms = sampler->scan_due_ms;

	for (size_t i = 0; i < sampler->count; i++) {
		const struct channel *channel = &sampler->channels[i];

		due_ms = earlier(due_ms, earlier(channel->sample_due_ms, report_without_ms(channel)));
		if (channel->waiting && channel->current.error != -ETIMEDOUT)
			due_ms = earlier(
				due_ms, channel->ordered_ms + (channel->current.error == -ESTALE
									      ? channel->plan.timeout_ms
									      : channel->plan.stale_ms));
	}
	return due_ms;
}

/* A device that is not where it was is looked for soon. */
static void miss(struct sampler *sampler, int64_t now_ms)
{
	if (!sampler->vanished)
		sampler->scan_due_ms = earlier(sampler->scan_due_ms, now_ms + sampler->rescan_ms);
	sampler->vanished = true;
}

/* JSON has no infinity; and so far below it the sum of a window cannot reach it either. */
static struct reading reading_of(const struct plan *plan, int error, double raw)
{
	double value = error ? 0 : plan_value(plan, raw);

	if (!error && !(fabs(value) <= 1e300))
		return (struct reading) { -ERANGE, 0 };
	return (struct reading) { error, value };
}

void sampler_result(struct sampler *sampler, uint32_t number, int error, double value, int64_t now_ms)
{
	struct channel *channel = NULL;

	for (size_t i = 0; !channel && i < sampler->count; i++)
		if (sampler->channels[i].number == number)
			channel = &sampler->channels[i];
	if (!channel || !channel->waiting)
		return;
	channel->waiting = false;
	if (error == -ESTALE) /* of a network file system; the word is ours */
		error = -EIO;
	channel->current = reading_of(&channel->plan, error, value);
	channel->read_ms = now_ms;
	if (!channel->extra)
		window_add(&channel->window, &channel->current);
	channel->extra = false;
	feed_alarms(sampler, channel, now_ms);
	if (now_ms + channel->plan.sample_ms / 2 >= channel->report_due_ms)
		report(sampler, channel, now_ms);
	else if (is_news(channel))
		sampler_tell(sampler, channel);
	if (error == -ENOENT || error == -ENODEV)
		miss(sampler, now_ms);
}
