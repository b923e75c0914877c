// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * Which of two versions is newer. The rule is SemVer 2.0.0 section 11, widened to what firmware is really
 * called: any number of dotted parts, and a leading "v". devbus-firmware(8) carries it for people.
 */
#ifndef FIRMWARE_VERSION_H
#define FIRMWARE_VERSION_H

#include <stdbool.h>

#define VERSION_MAX 64 /* bytes, without the NUL */

/* Whether @text is 1..64 of [A-Za-z0-9.+-], beginning with a letter or digit. */
bool version_valid(const char *text);

/*
 * Below, at or above 0 as @a is older than, as old as or newer than @b. What follows '+' does not count. Before
 * the first '-': parts between dots, a missing one counts as 0. Then: with a '-' is older than without;
 * two of them go part by part, and the longer one is newer. A part of digits goes by its value and
 * is older than any other; others go by their ASCII codes.
 */
int version_compare(const char *a, const char *b);

#endif
