// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* What the two halves of the sampler share. */
#ifndef DEVBUS_SENSOR_SAMPLER_INTERNAL_H
#define DEVBUS_SENSOR_SAMPLER_INTERNAL_H

#include "sampler.h"

/* Tells the state of @channel. */
void sampler_tell(const struct sampler *sampler, struct channel *channel);

/* Reports the window of @channel, and begins another. */
void sampler_report(const struct sampler *sampler, struct channel *channel, int64_t now_ms);

/* Looks at the tree. Returns 0 or -ENOMEM (nothing has changed). */
int sampler_rescan(struct sampler *sampler, int64_t now_ms);

void sampler_free_channels(struct channel *channels, size_t count);

#endif
