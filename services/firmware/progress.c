// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* The integer division counts the full tens, so a jump over several of them is one message. */
#include "progress.h"

#define STEP_PERCENT 10
#define INTERVAL_MS 1000

int progress_percent(uint64_t bytes, uint64_t size_bytes)
{
	if (size_bytes == 0)
		return -1;
	if (bytes >= size_bytes)
		return 100;
	return (int)((double)bytes * 100.0 / (double)size_bytes);
}

bool progress_due(struct progress *progress, int percent, int64_t now_ms)
{
	bool step = percent / STEP_PERCENT > progress->percent / STEP_PERCENT;
	bool late = now_ms - progress->told_ms >= INTERVAL_MS;
	if (progress->told && !step && !late)
		return false;
	*progress = (struct progress) { true, percent, now_ms };
	return true;
}
