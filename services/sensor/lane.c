// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* A short table, since more lanes than there are threads cannot be slow for long without being noticed. */
#include "lane.h"

#include <stddef.h>

bool lane_is_slow(const struct slow_lanes *slow, uint64_t lane, int64_t now_ms)
{
	for (size_t i = 0; i < LANES_MAX; i++)
		if (slow->lanes[i].lane == lane && slow->lanes[i].until_ms > now_ms)
			return true;
	return false;
}

void lane_make_slow(struct slow_lanes *slow, uint64_t lane, int64_t now_ms)
{
	struct slow_lane *place = &slow->lanes[0];

	for (size_t i = 0; i < LANES_MAX; i++) {
		if (slow->lanes[i].lane == lane) {
			place = &slow->lanes[i];
			break;
		}
		if (slow->lanes[i].until_ms < place->until_ms)
			place = &slow->lanes[i];
	}
	*place = (struct slow_lane) { lane, now_ms + LANE_SLOW_MS };
}
