// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* Readings, and what is kept of them over a report interval. Pure. */
#ifndef DEVBUS_SENSOR_WINDOW_H
#define DEVBUS_SENSOR_WINDOW_H

#include <stdint.h>

/* A value, or the reason why there is none: so a stale value can never pass for a good one. */
struct reading {
	int error; /* 0, or the negative errno of a failed read: @value means nothing then */
	double value;
};

const char *reading_quality(const struct reading *reading); /* "good" or "error" */
const char *reading_problem(const struct reading *reading); /* for people; NULL when it is good */

struct window {
	uint64_t count; /* of good readings; 0: min, max and sum mean nothing */
	uint64_t errors; /* of failed ones */
	double min, max, sum;
	struct reading last;
};

void window_add(struct window *window, const struct reading *reading);
double window_mean(const struct window *window); /* of at least one good reading */

#endif
