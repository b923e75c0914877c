// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * When to read, and what of it is worth telling. Knows neither bus nor clock: time comes in, what is to be published goes to
 * a sink, so tests run hours in a millisecond.
 *
 * A state is told when the quality changes, when the value has moved by more than the dead band of its kind since it was last
 * told, and with each report. A busy system whose memory and load change at every sample would otherwise send all of it all of the time.
 */
#ifndef DEVBUS_SENSOR_SAMPLER_H
#define DEVBUS_SENSOR_SAMPLER_H

#include "catalog.h"
#include "window.h"

/* How often the tree is looked at for new devices, and how soon again when a source has vanished. */
#define SAMPLER_RESCAN_MS 30000
#define SAMPLER_RESCAN_SOON_MS 1000

struct sampler_sink {
	/* @reading is news. */
	void (*state)(void *userdata, const struct sensor *sensor, const struct reading *reading);
	/* What @window gathered in @interval_ms; it has at least one reading. */
	void (*report)(void *userdata, const struct sensor *sensor, const struct window *window,
		int64_t interval_ms);
};

/* A sensor with what was read of it lately. */
struct channel {
	struct sensor sensor;
	struct window window;
	struct reading told; /* the last state that went to the sink */
	bool ever_told;
};

struct sampler {
	int root; /* fd of the folder that stands for / */
	const char *disk; /* borrowed */
	const struct sampler_sink *sink;
	void *userdata;
	struct channel *channels;
	size_t count;
	uint32_t sample_ms, report_ms;
	int64_t window_start_ms, report_due_ms, scanned_ms;
	bool vanished; /* a source is not where it was at the last scan */
};

/*
 * Opens the folder @root_path and scans it. @sink, @userdata and @disk are borrowed until sampler_close(). Times are of any
 * clock that only goes forward. Returns 0, -ENOMEM or the negative errno of opening the folder.
 */
int sampler_open(struct sampler *sampler, const char *root_path, const char *disk,
	const struct sampler_sink *sink, void *userdata, int64_t now_ms);
void sampler_close(struct sampler *sampler);

/* New intervals, from now on; the running windows go on. The next report is due @report_ms after their start. */
void sampler_configure(struct sampler *sampler, uint32_t sample_ms, uint32_t report_ms);

/* One sample of all sensors: to be called every sample_ms. Returns 0 or -ENOMEM of a re-scan (the old sensors stay). */
int sampler_tick(struct sampler *sampler, int64_t now_ms);

/* A fresh reading of one sensor, beside the windows. */
struct reading sampler_read(const struct sampler *sampler, const struct sensor *sensor);

/* NULL: no such sensor. Borrowed until the next tick. */
const struct sensor *sampler_find(const struct sampler *sampler, const char *id);

#endif
