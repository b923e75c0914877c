// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * When to read, and what of it is worth telling. Knows neither bus nor clock nor threads: time comes in, readings are ordered and come
 * back at any time or never, and what is to be published goes to a sink. So tests run hours in a millisecond.
 *
 * Samples of one interval are taken on one grid of the clock, so that they are ordered together. A source that does not answer keeps its
 * channel waiting, and only that: its quality becomes "stale", then "error", and it is not asked again until it has answered.
 *
 * A state is told when the quality changes, when the value has moved by more than the dead band since it was last
 * told, and with each report. A busy system whose memory and load change at every sample would otherwise send all of it all of the time.
 */
#ifndef DEVBUS_SENSOR_SAMPLER_H
#define DEVBUS_SENSOR_SAMPLER_H

#include "plan.h"
#include "window.h"

/* How often the tree is looked at for new devices, and how soon again (then ever later) when a source has vanished. */
#define SAMPLER_RESCAN_MS 30000
#define SAMPLER_RESCAN_SOON_MS 1000

/* A sensor with what was read of it lately. */
struct channel {
	uint32_t number; /* its name in orders and results; never given twice */
	struct sensor sensor;
	struct plan plan;
	struct window window;
	int64_t window_start_ms;
	struct reading current; /* what is known now */
	int64_t read_ms; /* when that came; while it is stale: when its value came */
	struct reading told; /* the last state that went to the sink */
	struct reading reported; /* the last value that a report told */
	int64_t reported_ms;
	bool ever_told, ever_reported;
	bool waiting; /* for a reading that was ordered at: */
	int64_t ordered_ms;
	bool extra; /* that one was asked for by somebody, and is in no window */
	int64_t sample_due_ms, report_due_ms;
};

struct sampler_sink {
	/* @source is to be read; the answer goes to sampler_result(). */
	void (*order)(void *userdata, uint32_t number, const struct source *source);
	/* channel->current is news. */
	void (*state)(void *userdata, const struct channel *channel);
	/* What channel->window gathered in @interval_ms. */
	void (*report)(void *userdata, const struct channel *channel, int64_t interval_ms);
	/* @alarm was set or cleared by channel->current. */
	void (*alarm)(void *userdata, const struct channel *channel, const struct alarm *alarm);
	/* Whether that alarm was set when this was last known, perhaps before a restart. */
	bool (*alarm_was_set)(void *userdata, const char *id, const char *alarm);
};

struct sampler_setup {
	const char *root; /* the folder that stands for / */
	const char *disk;
	struct places places;
};

struct sampler {
	int root; /* fd */
	const struct sampler_setup *setup;
	const struct sampler_sink *sink;
	void *userdata;
	struct section section; /* in force */
	struct channel *channels; /* in the order of their ids' naming */
	size_t count;
	uint32_t last_number;
	int64_t scan_due_ms;
	uint32_t rescan_ms; /* until the next scan, while something is missing */
	bool vanished; /* a source is not where it was at the last scan */
};

/*
 * Opens the root and scans it, with the section's initial values. @setup, @sink and @userdata are borrowed until sampler_close(). Times are of
 * any clock that only goes forward. Returns 0, -ENOMEM or the negative errno of opening the folder.
 */
int sampler_open(struct sampler *sampler, const struct sampler_setup *setup, const struct sampler_sink *sink,
	void *userdata, int64_t now_ms);
void sampler_close(struct sampler *sampler);

/*
 * Other wishes, from now on. @section (copied) was checked with plan_check(). Windows go on, except that what was
 * gathered in another unit or scale is reported first. Returns 0, or -ENOMEM (the old section stays in force).
 */
int sampler_configure(struct sampler *sampler, const struct section *section, int64_t now_ms);

/* Does what is due. Returns 0 or -ENOMEM of a re-scan (the old sensors stay). */
int sampler_tick(struct sampler *sampler, int64_t now_ms);

/* When it has to be called next, at the latest. */
int64_t sampler_due_ms(const struct sampler *sampler);

/* The answer to an order: @error 0 or a negative errno, and the source's value. Answers that nobody waits for are ignored. */
void sampler_result(struct sampler *sampler, uint32_t number, int error, double value, int64_t now_ms);

/* Orders a reading beside the windows, unless one is under way. */
void sampler_ask(struct sampler *sampler, struct channel *channel, int64_t now_ms);

/* NULL: no such sensor. Borrowed until the next tick. */
struct channel *sampler_find(const struct sampler *sampler, const char *id);

#endif
