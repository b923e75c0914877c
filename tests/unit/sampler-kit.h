// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * A sampler on a small tree, with a clock of the test's own and readings that come at once, except those of a channel that hangs.
 * What it tells of the sensor KIT_ID is recorded.
 */
#ifndef DEVBUS_TEST_SAMPLER_KIT_H
#define DEVBUS_TEST_SAMPLER_KIT_H

#include "sensor-tree.h"
#include "services/sensor/sampler.h"

#define KIT_ID "chip-temp1"
#define KIT_TEMP "sys/class/hwmon/hwmon0/temp1_input"
#define KIT_ALARMS_MAX 16

struct sampler_kit {
	struct sensor_tree tree;
	struct sampler sampler;
	int64_t now_ms;
	const char *hung; /* this sensor does not answer; NULL: all do */
	/* what was told of KIT_ID */
	unsigned states, reports;
	struct reading state;
	struct window window;
	char unit[UNIT_SIZE]; /* of the last report */
	int64_t interval_ms;
	/* alarms of all sensors: "chip-temp1 hot set" */
	unsigned alarms;
	char alarm[KIT_ALARMS_MAX][160];
	const char *remembered; /* this alarm was set before */
};
extern struct sampler_kit sampler_kit;

/* Fixtures: a chip with one temperature of 20 Cel, sampled every second and reported every ten. */
void sampler_kit_set_up(void);
void sampler_kit_tear_down(void);

/* A section of the configuration; it must be good. */
void sampler_kit_configure(const char *text);

/* What plan_check() says about a section; "" when it is good. Good until the next call. */
const char *sampler_kit_refusal(const char *text);

/* @count samples of one interval, the first at once; or all that happens in @ms. */
void sampler_kit_run(unsigned count);
void sampler_kit_pass(int64_t ms);

void sampler_kit_temp(const char *text);

/* The channel of KIT_ID. */
struct channel *sampler_kit_channel(void);

#endif
