// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * The two clocks of a device, kept apart: the monotonic one decides, the wall clock only labels, because
 * it steps when it is set and stands at 1970 on a device without a battery. Both come in through a struct,
 * so that tests turn time by hand.
 */
#ifndef DEVBUS_INTERNAL_CLOCK_H
#define DEVBUS_INTERNAL_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

/* Where time comes from. A copy with another userdata is a clock of its own. */
struct clock {
	int64_t (*monotonic_ms)(void *userdata);
	int64_t (*wall_ms)(void *userdata); /* since 1970 UTC */
	int64_t (*boot_ms)(void *userdata); /* since boot, suspend included */
	bool (*synced)(void *userdata); /* whether wall_ms can be trusted */
	void *userdata; /* borrowed; clock_system: const char *, a mode of clock_synced(), NULL: "auto" */
};
extern const struct clock clock_system;

/* CLOCK_MONOTONIC, in ms: the clock that timerfd_create(2) counts by. Does not advance in suspend. */
int64_t clock_monotonic_ms(void);

/* CLOCK_REALTIME, in ms since 1970 UTC. */
int64_t clock_wall_ms(void);

/*
 * Whether the wall clock is to be trusted. @mode: "always", "never", else ("auto", NULL) what the kernel says: adjtimex(2)
 * without TIME_ERROR and STA_UNSYNC, or /run/systemd/timesync/synchronized exists, which systemd-timesyncd
 * makes at its first synchronisation after boot. One or two system calls, about 1 us: cheap enough for each event.
 */
bool clock_synced(const char *mode);

/*
 * The wall clock, for what is refused or forgotten because of its time: a step of it, if it is wrong, must not make everything old
 * at once. So it is also counted on from when it was first looked at while it was synchronised, by the time since boot, and the
 * earlier one of the two holds. Corrections below 1000 s, ntpd's bound between a correction and a fault, are followed, and so is any step
 * that was seen to come with a new synchronisation. Zeroed: not looked at yet.
 */
struct clock_trust {
	bool known;
	int64_t apart_ms; /* what to add to the time since boot */
};

/* False: the clock is not synchronised, *@ret_wall_ms stays. To be called now and then, so that there is something to count on from. */
bool clock_trusted_ms(const struct clock *clock, struct clock_trust *trust, int64_t *ret_wall_ms);

/*
 * The id of this boot, a new one at each start of the kernel, from @file (NULL: /proc/sys/kernel/random/boot_id).
 * Returns 0, -EBADMSG (its first line is not 1..36 characters of [0-9A-Za-z-]) or a negative errno of open(2) or read(2).
 */
#define CLOCK_BOOT_ID_SIZE 37
int clock_boot_id(const char *file, char ret_boot_id[CLOCK_BOOT_ID_SIZE]);

#endif
