// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* Thresholds: when one is crossed, once, however the value trembles. Pure. */
#ifndef DEVBUS_SENSOR_ALARM_H
#define DEVBUS_SENSOR_ALARM_H

#include "window.h"

#define ALARM_NAME_SIZE 65

enum alarm_when {
	ALARM_ABOVE, /* set: value > limit; clear: value <= limit - hysteresis */
	ALARM_BELOW, /* set: value < limit; clear: value >= limit + hysteresis */
	ALARM_BAD, /* set: the quality is not "good"; clear: it is */
};

struct alarm {
	char name[ALARM_NAME_SIZE];
	enum alarm_when when;
	double limit, hysteresis;
	uint32_t delay_ms; /* how long it must have been so before it is set */
	bool set;
	bool waiting; /* for the delay to be over, since: */
	int64_t since_ms;
};

/* "above", "below", "bad", and NULL: the order is that of enum alarm_when. */
extern const char *const alarm_words[];

enum alarm_change { ALARM_SAME, ALARM_SET, ALARM_CLEAR };

/* What @reading changes. One that has no new value says nothing about a limit. */
enum alarm_change alarm_feed(struct alarm *alarm, const struct reading *reading, int64_t now_ms);

#endif
