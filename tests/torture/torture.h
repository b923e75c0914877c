// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * A scenario uses one feature of the library as a program would, and is lived through as often as something in it can fail: each
 * time something else does. Whatever fails, what was promised holds once the world is in order again.
 */
#ifndef DEVBUS_TEST_TORTURE_H
#define DEVBUS_TEST_TORTURE_H

#include "faults.h"

struct scenario {
	const char *name;
	void (*prepare)(void); /* all is well; NULL: nothing to do */
	void (*act)(void); /* things fail */
	void (*check)(void); /* all is well again: what was promised? Cleans up. */
};

enum { LIFE_S = 60, /* a life that takes longer hangs */ LINK_SCENARIOS = 3 };

/* Each list ends with { 0 }. */
extern const struct scenario value_scenarios[], disk_scenarios[], bus_scenarios[], event_scenarios[],
	command_scenarios[], link_scenarios[LINK_SCENARIOS + 1]; /* the last in real time */

/* Ends this life with a finding. Takes no memory while @condition holds. */
#define hold(condition)                                                                                      \
	do {                                                                                                 \
		if (!(condition))                                                                            \
			found(__FILE__, __LINE__, #condition);                                               \
	} while (0)
void found(const char *file, int line, const char *text) __attribute__((noreturn));

/* What a function returned: 0 or the error of what failed; anything else is a finding. */
#define told(result) told_at(result, __FILE__, __LINE__, #result)
int told_at(int result, const char *file, int line, const char *text);

#endif
