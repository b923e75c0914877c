// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* How sensors and readings look in JSON. New objects, owned by the caller; NULL when memory is short. */
#ifndef DEVBUS_SENSOR_MESSAGE_H
#define DEVBUS_SENSOR_MESSAGE_H

#include "catalog.h"
#include "window.h"
#include <devbus/devbus.h>

/* {"value","unit","quality","time"}; without a good value: null and a "message". */
struct devbus_json *message_state(
	const struct sensor *sensor, const struct reading *reading, const char *time);

/* The same with "sensor": the id. */
struct devbus_json *message_reading(
	const struct sensor *sensor, const struct reading *reading, const char *time);

/*
 * {"min","max","mean","count","errors","last","unit","quality","interval_ms"}: what is null was never read. "quality" and "last"
 * are of the last reading, not of the best.
 */
struct devbus_json *message_report(
	const struct sensor *sensor, const struct window *window, int64_t interval_ms);

/* {"id","unit","kind","source","label"} */
struct devbus_json *message_sensor(const struct sensor *sensor);

#endif
