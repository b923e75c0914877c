// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* How sensors, readings and alarms look in JSON. New objects, owned by the caller; NULL when memory is short. */
#ifndef DEVBUS_SENSOR_MESSAGE_H
#define DEVBUS_SENSOR_MESSAGE_H

#include "sampler.h"
#include <devbus/devbus.h>

/*
 * {"value","unit","quality","time"}; without a good value also "message", and the value is null; or an old one with its "age_ms" while the
 * quality is "stale".
 */
struct devbus_json *message_state(const struct channel *channel, const char *time, int64_t now_ms);

/* The same with "sensor": the id. */
struct devbus_json *message_reading(const struct channel *channel, const char *time, int64_t now_ms);

/*
 * {"min","max","mean","count","last","errors","unit","quality","interval_ms"}, of the first five those that the plan wants: what is null
 * was never read. "quality" and "last" are of the last reading, not of the best.
 */
struct devbus_json *message_report(const struct channel *channel, int64_t interval_ms);

/*
 * Appends the same to the SenML pack @pack (RFC 8428), an array: a record ID for the last value and ID/min, ID/max, ID/mean, ID/count for the
 * others; and ID/quality, a string, when that is not good. Returns 0 or -ENOMEM.
 */
int message_append_senml(struct devbus_json *pack, const struct channel *channel);

/* {"id","unit","kind","source","chip","device","attribute","label","quality","sample_interval_ms","report_interval_ms"} */
struct devbus_json *message_sensor(const struct channel *channel);

/* {"sensor","alarm","state","when","limit","value","unit","quality"}; @cause (may be NULL) says why it was cleared if not by a value. */
struct devbus_json *message_alarm(const struct channel *channel, const struct alarm *alarm);
struct devbus_json *message_alarm_gone(const char *sensor, const char *alarm, const char *cause);

#endif
