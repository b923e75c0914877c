// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* One object, {"SENSOR":{"ALARM":"since when"}}: it is the file and the state. It changes when an alarm does, which is rare. */
#include "memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_NAME "alarms.json"
#define FILE_LIMIT_BYTES (256 * 1024)

struct memory {
	struct devbus *bus;
	int folder;
	struct devbus_json *active;
};

static void load(struct memory *memory)
{
	struct devbus_error error = { "", "" };
	int r = devbus_file_read_json(memory->folder, FILE_NAME, FILE_LIMIT_BYTES, &memory->active, &error);

	if (r == 0 && devbus_json_type(memory->active) == DEVBUS_JSON_OBJECT)
		return;
	if (r != -ENOENT)
		devbus_log(DEVBUS_LOG_WARNING, "%s: %s; alarms that are set may be told once more", FILE_NAME,
			error.message[0] ? error.message
			: r < 0          ? strerror(-r)
					 : "is no object");
	devbus_json_free(memory->active);
	memory->active = devbus_json_new_object();
}

static void tell(const struct memory *memory)
{
	struct devbus_json *state = devbus_json_new_object();
	int r = devbus_json_set(state, "active", devbus_json_copy(memory->active));

	if (r == 0)
		r = devbus_publish_json(memory->bus, DEVBUS_STATE, "alarms", state);
	else
		devbus_json_free(state);
	if (r < 0)
		devbus_log(DEVBUS_LOG_ERROR, "the alarms were not published: %s", strerror(-r));
}

static void save(const struct memory *memory)
{
	int r = devbus_file_write_json(memory->folder, FILE_NAME, memory->active);

	if (r < 0)
		devbus_log(DEVBUS_LOG_ERROR, "%s/%s: %s; after a restart alarms may be told once more",
			devbus_state_dir(memory->bus), FILE_NAME, strerror(-r));
}

int memory_open(struct devbus *bus, struct memory **ret_memory)
{
	struct memory *memory = calloc(1, sizeof *memory);

	if (!memory)
		return -ENOMEM;
	memory->bus = bus;
	memory->folder = devbus_folder(AT_FDCWD, devbus_state_dir(bus));
	if (memory->folder < 0) {
		int r = memory->folder;

		free(memory);
		return r;
	}
	load(memory);
	tell(memory);
	*ret_memory = memory;
	return 0;
}

void memory_free(struct memory *memory)
{
	if (!memory)
		return;
	close(memory->folder);
	devbus_json_free(memory->active);
	free(memory);
}

bool memory_is_set(const struct memory *memory, const char *sensor, const char *alarm)
{
	return devbus_json_get(devbus_json_get(memory->active, sensor), alarm) != NULL;
}

static int set(struct memory *memory, const char *sensor, const char *alarm)
{
	char time[DEVBUS_TIME_SIZE];
	int r = 0;

	devbus_time(time);
	if (!devbus_json_get(memory->active, sensor))
		r = devbus_json_set(memory->active, sensor, devbus_json_new_object());
	if (r == 0)
		r = devbus_json_set(
			devbus_json_get(memory->active, sensor), alarm, devbus_json_new_string(time));
	return r;
}

static void clear(struct memory *memory, const char *sensor, const char *alarm)
{
	struct devbus_json *alarms = devbus_json_get(memory->active, sensor);

	devbus_json_remove(alarms, alarm);
	if (devbus_json_count(alarms) == 0)
		devbus_json_remove(memory->active, sensor);
}

void memory_note(struct memory *memory, const char *sensor, const char *alarm, bool is_set)
{
	if (!is_set)
		clear(memory, sensor, alarm);
	else if (set(memory, sensor, alarm) < 0)
		devbus_log(DEVBUS_LOG_ERROR, "out of memory: %s of %s is not remembered", alarm, sensor);
	save(memory);
	tell(memory);
}

static bool is_defined(const struct devbus_json *sensors, const char *sensor, const char *alarm)
{
	return devbus_json_get(devbus_json_get(devbus_json_get(sensors, sensor), "alarms"), alarm) != NULL;
}

/* The first alarm that nobody defines; false: there is none. */
static bool find_undefined(const struct memory *memory, const struct devbus_json *sensors,
	const char **ret_sensor, const char **ret_alarm)
{
	for (struct devbus_json *i = devbus_json_first(memory->active); i; i = devbus_json_next(i))
		for (struct devbus_json *k = devbus_json_first(i); k; k = devbus_json_next(k))
			if (!is_defined(sensors, devbus_json_name(i), devbus_json_name(k))) {
				*ret_sensor = devbus_json_name(i);
				*ret_alarm = devbus_json_name(k);
				return true;
			}
	return false;
}

void memory_forget(
	struct memory *memory, const struct devbus_json *sensors, memory_handler *handler, void *userdata)
{
	const char *sensor, *alarm;
	bool any = false;

	for (; find_undefined(memory, sensors, &sensor, &alarm); any = true) {
		handler(userdata, sensor, alarm);
		clear(memory, sensor, alarm);
	}
	if (any) {
		save(memory);
		tell(memory);
	}
}
