// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* Which lanes were slow lately. */
#ifndef DEVBUS_SENSOR_LANE_H
#define DEVBUS_SENSOR_LANE_H

#include <stdbool.h>
#include <stdint.h>

/* How long a lane stays slow after it last was; then it is tried once more among the others. */
#define LANE_SLOW_MS 60000
#define LANES_MAX 64

struct slow_lanes {
	struct slow_lane {
		uint64_t lane;
		int64_t until_ms;
	} lanes[LANES_MAX];
};

bool lane_is_slow(const struct slow_lanes *slow, uint64_t lane, int64_t now_ms);

/* Notes it, in place of the one that is over first. */
void lane_make_slow(struct slow_lanes *slow, uint64_t lane, int64_t now_ms);

#endif
