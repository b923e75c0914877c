// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * Time that stands until a test turns it. It begins one second after boot, so that the kernel's timer behind a loop, which counts
 * real time, is always due already: waiting never takes long, and what is due is decided by this clock alone.
 */
#ifndef DEVBUS_TEST_FAKE_CLOCK_H
#define DEVBUS_TEST_FAKE_CLOCK_H

#include "clock.h"

#define FAKE_CLOCK_BOOT_MS 1000
#define FAKE_CLOCK_WALL_MS INT64_C(1800000000000) /* 2027-01-15T08:00:00.000Z */

struct fake_clock {
	struct clock clock;
	int64_t monotonic_ms, wall_ms;
	int64_t step_ms; /* added at each look at the monotonic clock: for what waits in a loop of its own */
	bool synced;
};

static inline int64_t fake_clock_monotonic_ms(void *userdata)
{
	struct fake_clock *fake = userdata;

	fake->monotonic_ms += fake->step_ms;
	return fake->monotonic_ms;
}

static inline int64_t fake_clock_wall_ms(void *userdata)
{
	return ((struct fake_clock *)userdata)->wall_ms;
}

static inline int64_t fake_clock_boot_ms(void *userdata)
{
	return ((struct fake_clock *)userdata)->monotonic_ms;
}

static inline bool fake_clock_synced(void *userdata)
{
	return ((struct fake_clock *)userdata)->synced;
}

static inline void fake_clock_init(struct fake_clock *fake)
{
	*fake = (struct fake_clock) {
		.clock = { fake_clock_monotonic_ms, fake_clock_wall_ms, fake_clock_boot_ms, fake_clock_synced,
			fake },
		.monotonic_ms = FAKE_CLOCK_BOOT_MS,
		.wall_ms = FAKE_CLOCK_WALL_MS,
		.synced = true,
	};
}

/* Both clocks go on by @ms. */
static inline void fake_clock_turn(struct fake_clock *fake, int64_t ms)
{
	fake->monotonic_ms += ms;
	fake->wall_ms += ms;
}

#endif
