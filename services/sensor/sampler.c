// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * Reports are made at the sample that is nearest to their time, and the time of the next one is counted from when
 * this one was due: a report interval that is no multiple of the sample interval then keeps its mean rate.
 */
#include "sampler.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct channel *find_channel(const struct sampler *sampler, const char *id)
{
	for (size_t i = 0; i < sampler->count; i++)
		if (strcmp(sampler->channels[i].sensor.id, id) == 0)
			return &sampler->channels[i];
	return NULL;
}

static void tell(const struct sampler *sampler, struct channel *channel, const struct reading *reading)
{
	channel->told = *reading;
	channel->ever_told = true;
	sampler->sink->state(sampler->userdata, &channel->sensor, reading);
}

/* A sensor that is gone says so once, and gives away what it had gathered. */
static void retire(const struct sampler *sampler, struct channel *channel, int64_t now_ms)
{
	const struct reading gone = { .error = -ENODEV };

	window_add(&channel->window, &gone);
	tell(sampler, channel, &gone);
	sampler->sink->report(
		sampler->userdata, &channel->sensor, &channel->window, now_ms - sampler->window_start_ms);
}

/* Channels for what is there now: those with a known id keep their window, whatever hwmonN they are now. */
static int rescan(struct sampler *sampler, int64_t now_ms)
{
	struct catalog catalog;
	int r = catalog_scan(sampler->root, sampler->disk, &catalog);

	if (r < 0)
		return r;
	struct channel *channels = calloc(catalog.count ? catalog.count : 1, sizeof *channels);

	if (!channels) {
		catalog_free(&catalog);
		return -ENOMEM;
	}
	for (size_t i = 0; i < catalog.count; i++) {
		struct channel *old = find_channel(sampler, catalog.sensors[i].id);

		if (old && old->sensor.quantity == catalog.sensors[i].quantity) {
			channels[i] = *old;
			old->sensor.id[0] = '\0';
		}
		channels[i].sensor = catalog.sensors[i];
	}
	for (size_t i = 0; i < sampler->count; i++)
		if (sampler->channels[i].sensor.id[0])
			retire(sampler, &sampler->channels[i], now_ms);
	free(sampler->channels);
	sampler->channels = channels;
	sampler->count = catalog.count;
	sampler->scanned_ms = now_ms;
	sampler->vanished = false;
	catalog_free(&catalog);
	return 0;
}

int sampler_open(struct sampler *sampler, const char *root_path, const char *disk,
	const struct sampler_sink *sink, void *userdata, int64_t now_ms)
{
	int root = open(root_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (root < 0)
		return -errno;
	*sampler = (struct sampler) {
		.root = root,
		.disk = disk,
		.sink = sink,
		.userdata = userdata,
		.window_start_ms = now_ms,
	};
	int r = rescan(sampler, now_ms);

	if (r < 0)
		close(root);
	return r;
}

void sampler_close(struct sampler *sampler)
{
	close(sampler->root);
	free(sampler->channels);
}

void sampler_configure(struct sampler *sampler, uint32_t sample_ms, uint32_t report_ms)
{
	sampler->sample_ms = sample_ms;
	sampler->report_ms = report_ms;
	sampler->report_due_ms = sampler->window_start_ms + report_ms;
}

struct reading sampler_read(const struct sampler *sampler, const struct sensor *sensor)
{
	struct reading reading = { 0 };

	reading.error = sensor->source.read(sampler->root, &sensor->source, &reading.value);
	return reading;
}

static bool is_news(const struct channel *channel, const struct reading *reading)
{
	if (!channel->ever_told || reading->error != channel->told.error)
		return true;
	return !reading->error &&
	       fabs(reading->value - channel->told.value) > channel->sensor.quantity->dead_band;
}

static void sample(struct sampler *sampler, struct channel *channel, bool report)
{
	struct reading reading = sampler_read(sampler, &channel->sensor);

	window_add(&channel->window, &reading);
	if (report || is_news(channel, &reading))
		tell(sampler, channel, &reading);
	if (reading.error == -ENOENT || reading.error == -ENODEV)
		sampler->vanished = true;
}

static void report_all(struct sampler *sampler, int64_t now_ms)
{
	for (size_t i = 0; i < sampler->count; i++) {
		struct channel *channel = &sampler->channels[i];

		sampler->sink->report(sampler->userdata, &channel->sensor, &channel->window,
			now_ms - sampler->window_start_ms);
		channel->window = (struct window) { 0 };
	}
	sampler->window_start_ms = now_ms;
	sampler->report_due_ms += sampler->report_ms;
	if (sampler->report_due_ms <= now_ms)
		sampler->report_due_ms = now_ms + sampler->report_ms;
}

int sampler_tick(struct sampler *sampler, int64_t now_ms)
{
	bool report = now_ms + sampler->sample_ms / 2 >= sampler->report_due_ms;
	int64_t rescan_ms = sampler->vanished ? SAMPLER_RESCAN_SOON_MS : SAMPLER_RESCAN_MS;
	int r = now_ms - sampler->scanned_ms >= rescan_ms ? rescan(sampler, now_ms) : 0;

	for (size_t i = 0; i < sampler->count; i++)
		sample(sampler, &sampler->channels[i], report);
	if (report)
		report_all(sampler, now_ms);
	return r;
}

const struct sensor *sampler_find(const struct sampler *sampler, const char *id)
{
	const struct channel *channel = *id ? find_channel(sampler, id) : NULL;

	return channel ? &channel->sensor : NULL;
}
