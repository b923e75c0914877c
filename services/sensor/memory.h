// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * Which alarms are set, on disk and as the retained state `alarms`: a restart must not set an alarm again that the cloud knows, and must clear
 * the one that is over by then.
 */
#ifndef DEVBUS_SENSOR_MEMORY_H
#define DEVBUS_SENSOR_MEMORY_H

#include <devbus/devbus.h>

struct memory;

/* Reads what was kept in the state folder; a damaged file counts as none, and is told. Returns 0 or a negative errno. */
int memory_open(struct devbus *bus, struct memory **ret_memory);
void memory_free(struct memory *memory); /* NULL is fine */

bool memory_is_set(const struct memory *memory, const char *sensor, const char *alarm);

/* Notes it, on disk when this returns. */
void memory_note(struct memory *memory, const char *sensor, const char *alarm, bool set);

/*
 * Forgets alarms that @sensors, the member `sensors` of the section, does not have any more, and calls @handler for each.
 */
typedef void memory_handler(void *userdata, const char *sensor, const char *alarm);
void memory_forget(
	struct memory *memory, const struct devbus_json *sensors, memory_handler *handler, void *userdata);

#endif
