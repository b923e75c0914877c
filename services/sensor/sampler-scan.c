// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * Which channels there are: after each look at the tree and each change of the section they are made anew, and what was known under an id
 * goes on under it. So nothing has to be worked out from what changed.
 */
#include "sampler-internal.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A sensor that is gone says so once, and gives away what it had gathered. */
static void retire(const struct sampler *sampler, struct channel *channel, int64_t now_ms)
{
	bool wanted = plan_wants(&sampler->section, channel->sensor.id);

	channel->current = (struct reading) { wanted ? -ENODEV : -ECANCELED, 0 };
	channel->read_ms = now_ms;
	window_add(&channel->window, &channel->current);
	sampler_tell(sampler, channel);
	sampler_report(sampler, channel, now_ms);
}

/* Which alarms are set is known of the channel before this one, or by the sink. */
static void inherit_alarms(
	const struct sampler *sampler, struct channel *channel, const struct channel *before)
{
	for (size_t i = 0; i < channel->plan.alarm_count; i++) {
		struct alarm *alarm = &channel->plan.alarms[i];
		bool known = false;

		for (size_t k = 0; before && k < before->plan.alarm_count && !known; k++) {
			const struct alarm *old = &before->plan.alarms[k];

			known = strcmp(old->name, alarm->name) == 0 && old->when == alarm->when;
			if (known) {
				alarm->set = old->set;
				alarm->waiting = old->waiting;
				alarm->since_ms = old->since_ms;
			}
		}
		if (!known)
			alarm->set = sampler->sink->alarm_was_set(
				sampler->userdata, channel->sensor.id, alarm->name);
	}
}

static void start_channel(struct sampler *sampler, struct channel *channel, int64_t now_ms)
{
	channel->number = ++sampler->last_number;
	channel->current = (struct reading) { -EINPROGRESS, NAN };
	channel->window_start_ms = channel->read_ms = channel->sample_due_ms = now_ms;
	channel->report_due_ms = now_ms + channel->plan.report_ms;
}

/* Whether a reading of the one is a reading of the other. By members: there is padding between them. */
static bool same_source(const struct source *a, const struct source *b)
{
	return a->read == b->read && a->column == b->column && strcmp(a->path, b->path) == 0 &&
	       strcmp(a->attribute, b->attribute) == 0;
}

/* @channel has its sensor and plan; everything else it takes over from the one that had its id. */
static void continue_channel(
	struct sampler *sampler, struct channel *channel, struct channel *before, int64_t now_ms)
{
	const struct sensor sensor = channel->sensor;
	const struct plan plan = channel->plan;
	bool moved = !same_source(&sensor.source, &before->sensor.source);
	bool faster = plan.sample_ms != before->plan.sample_ms;

	if (!plan_same_scale(&plan, &before->plan)) {
		if (before->window.count > 0)
			sampler_report(sampler, before, now_ms);
		before->ever_told = before->ever_reported = false;
		before->current = (struct reading) { -EINPROGRESS, NAN };
		before->sample_due_ms = now_ms;
	}
	if (plan.report_ms != before->plan.report_ms)
		before->report_due_ms = before->window_start_ms + plan.report_ms;
	if (moved || faster)
		before->sample_due_ms = now_ms;
	if (moved) { /* whoever hangs in the old place is not waited for */
		before->number = ++sampler->last_number;
		before->waiting = false;
	}
	*channel = *before;
	channel->sensor = sensor;
	channel->plan = plan;
}

static int make_channels(struct sampler *sampler, const struct catalog *catalog, struct channel *channels)
{
	for (size_t i = 0; i < catalog->count; i++) {
		int r = plan_make(&sampler->section, &catalog->sensors[i], &channels[i].plan);

		if (r < 0)
			return r;
		channels[i].sensor = catalog->sensors[i];
	}
	return 0;
}

void sampler_free_channels(struct channel *channels, size_t count)
{
	for (size_t i = 0; channels && i < count; i++)
		plan_clear(&channels[i].plan);
	free(channels);
}

/* Puts @channels in place: those with a known id go on, those whose id is gone are retired. */
static void replace_channels(struct sampler *sampler, struct channel *channels, size_t count, int64_t now_ms)
{
	for (size_t i = 0; i < count; i++) {
		struct channel *before = sampler_find(sampler, channels[i].sensor.id);

		inherit_alarms(sampler, &channels[i], before);
		if (before) {
			continue_channel(sampler, &channels[i], before, now_ms);
			before->sensor.id[0] = '\0';
		} else {
			start_channel(sampler, &channels[i], now_ms);
		}
	}
	for (size_t i = 0; i < sampler->count; i++)
		if (sampler->channels[i].sensor.id[0])
			retire(sampler, &sampler->channels[i], now_ms);
	sampler_free_channels(sampler->channels, sampler->count);
	sampler->channels = channels;
	sampler->count = count;
}

/* The next look, later each time while something stays away. */
static void plan_scan(struct sampler *sampler, int64_t now_ms)
{
	sampler->rescan_ms = sampler->vanished ? 2 * sampler->rescan_ms : SAMPLER_RESCAN_SOON_MS;
	if (sampler->rescan_ms > SAMPLER_RESCAN_MS)
		sampler->rescan_ms = SAMPLER_RESCAN_MS;
	sampler->scan_due_ms = now_ms + SAMPLER_RESCAN_MS;
	sampler->vanished = false;
}

int sampler_rescan(struct sampler *sampler, int64_t now_ms)
{
	struct catalog catalog = { 0 };
	struct channel *channels = NULL;
	int r = catalog_scan(sampler->root, sampler->setup->disk, &catalog);

	if (r == 0)
		r = plan_apply(&sampler->section, &sampler->setup->places, &catalog);
	if (r == 0 && !(channels = calloc(catalog.count ? catalog.count : 1, sizeof *channels)))
		r = -ENOMEM;
	if (r == 0)
		r = make_channels(sampler, &catalog, channels);
	if (r == 0)
		replace_channels(sampler, channels, catalog.count, now_ms);
	else
		sampler_free_channels(channels, catalog.count);
	catalog_free(&catalog);
	plan_scan(sampler, now_ms);
	return r;
}
