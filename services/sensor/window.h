// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* Readings, and what is kept of them over a report interval. Pure. */
#ifndef DEVBUS_SENSOR_WINDOW_H
#define DEVBUS_SENSOR_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

/*
 * A value, or the reason why there is none. While a source is late (-ESTALE) the value is the last good one, and not a number if there
 * never was one; after any other error it means nothing.
 */
struct reading {
	int error; /* 0 or a negative errno */
	double value;
};

const char *reading_quality(const struct reading *reading); /* "good", "stale" or "error" */
const char *reading_problem(const struct reading *reading); /* for people; NULL when it is good */
bool reading_has_value(const struct reading *reading);

struct window {
	uint64_t count; /* of good readings; 0: min, max and sum mean nothing */
	uint64_t errors; /* of failed ones */
	double min, max, sum;
	struct reading last;
};

void window_add(struct window *window, const struct reading *reading);
double window_mean(const struct window *window); /* of at least one good reading */

#endif
