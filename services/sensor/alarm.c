// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* Two lines, one to set and one to clear: what trembles between them changes nothing. */
#include "alarm.h"

#include <stddef.h>

const char *const alarm_words[] = { "above", "below", "bad", NULL };

static bool sets(const struct alarm *alarm, const struct reading *reading)
{
	switch (alarm->when) {
	case ALARM_ABOVE:
		return reading->value > alarm->limit;
	case ALARM_BELOW:
		return reading->value < alarm->limit;
	default:
		return reading->error != 0;
	}
}

static bool clears(const struct alarm *alarm, const struct reading *reading)
{
	switch (alarm->when) {
	case ALARM_ABOVE:
		return reading->value <= alarm->limit - alarm->hysteresis;
	case ALARM_BELOW:
		return reading->value >= alarm->limit + alarm->hysteresis;
	default:
		return reading->error == 0;
	}
}

enum alarm_change alarm_feed(struct alarm *alarm, const struct reading *reading, int64_t now_ms)
{
	if (reading->error != 0 && alarm->when != ALARM_BAD)
		return ALARM_SAME;
	if (alarm->set) {
		if (!clears(alarm, reading))
			return ALARM_SAME;
		alarm->set = alarm->waiting = false;
		return ALARM_CLEAR;
	}
	if (!sets(alarm, reading)) {
		alarm->waiting = false;
		return ALARM_SAME;
	}
	if (!alarm->waiting)
		alarm->since_ms = now_ms;
	alarm->waiting = true;
	if (now_ms - alarm->since_ms < alarm->delay_ms)
		return ALARM_SAME;
	alarm->set = true;
	return ALARM_SET;
}
