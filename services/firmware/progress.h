// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * How often to tell how far it is: often enough for a person who watches, rarely enough for a metered link. Pure.
 */
#ifndef FIRMWARE_PROGRESS_H
#define FIRMWARE_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
	bool told; /* anything yet */
	int percent; /* last told; negative: the size is not known */
	int64_t told_ms;
};

/* 0..100, rounded down; negative: @size_bytes is 0, not known. */
int progress_percent(uint64_t bytes, uint64_t size_bytes);

/*
 * Whether to tell @percent now (monotonic @now_ms), and notes it if so: the first, each full ten percent, and others a
 * second after the last at the earliest.
 */
bool progress_due(struct progress *progress, int percent, int64_t now_ms);

#endif
