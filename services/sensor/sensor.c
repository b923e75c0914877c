// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * Telemetry is volatile on purpose: a reading that is late by an outage is worth less than the next one, and must not
 * push command states out of a queue. The latest values are retained states, so a late-comer sees them at once.
 */
#include "sensor.h"
#include "message.h"
#include "sampler.h"

#include <devbus/devbus.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct settings {
	char root[PATH_MAX];
	char disk[PATH_MAX];
};

static const struct devbus_field settings_fields[] = {
	DEVBUS_FIELD(struct settings, root, .initial_text = "/", .description = "Folder that stands for /"),
	DEVBUS_FIELD(struct settings, disk, .initial_text = "/",
		.description = "Path below root whose file system is a sensor"),
	{ 0 },
};

struct config {
	uint32_t sample_interval_ms;
	uint32_t report_interval_ms;
};

static const struct devbus_field config_fields[] = {
	DEVBUS_FIELD(struct config, sample_interval_ms, .min = 100, .max = 3600000, .initial = 1000,
		.description = "Time between two readings of every sensor, in ms"),
	DEVBUS_FIELD(struct config, report_interval_ms, .min = 100, .max = 86400000, .initial = 10000,
		.description = "Time between two reports to the cloud, in ms; at least sample_interval_ms"),
	{ 0 },
};

struct service {
	struct devbus *bus;
	struct settings settings;
	struct sampler sampler;
	struct devbus_timer *timer;
	struct config config; /* in force; sample_interval_ms 0: no timer runs yet */
};

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void publish(
	struct service *service, enum devbus_publication what, const char *id, struct devbus_json *object)
{
	int r = devbus_publish_json(service->bus, what, id, object);

	if (r < 0)
		devbus_log(DEVBUS_LOG_DEBUG, "%s was not published: %s", id, strerror(-r));
}

static void on_state(void *userdata, const struct sensor *sensor, const struct reading *reading)
{
	char time[DEVBUS_TIME_SIZE];

	devbus_time(time);
	publish(userdata, DEVBUS_STATE, sensor->id, message_state(sensor, reading, time));
	if (reading->error)
		devbus_log(DEVBUS_LOG_DEBUG, "%s (%s): %s", sensor->id, sensor->source.path,
			reading_problem(reading));
}

static void on_report(
	void *userdata, const struct sensor *sensor, const struct window *window, int64_t interval_ms)
{
	publish(userdata, DEVBUS_CLOUD_VOLATILE, sensor->id, message_report(sensor, window, interval_ms));
}

static const struct sampler_sink sink = { on_state, on_report };

static void on_tick(struct devbus *bus, void *userdata)
{
	struct service *service = userdata;
	int r = sampler_tick(&service->sampler, now_ms());

	(void)bus;
	if (r < 0)
		devbus_log(DEVBUS_LOG_WARNING, "cannot look for new sensors: %s", strerror(-r));
}

/* The timer is left alone when only reports change, so samples keep their beat. */
static int set_timer(struct service *service, uint32_t interval_ms)
{
	struct devbus_timer *old = service->timer;

	if (service->config.sample_interval_ms == interval_ms)
		return 0;
	int r = devbus_every(service->bus, interval_ms, on_tick, service, &service->timer);

	if (r == 0)
		devbus_timer_stop(old);
	return r;
}

/* Starts or changes the rhythm. The same configuration comes again with each connect and changes nothing. */
static int apply(struct service *service, const struct config *config)
{
	if (memcmp(&service->config, config, sizeof *config) == 0)
		return 0;
	int r = set_timer(service, config->sample_interval_ms);

	if (r < 0)
		return r;
	service->config = *config;
	sampler_configure(&service->sampler, config->sample_interval_ms, config->report_interval_ms);
	on_tick(service->bus, service);
	devbus_log(DEVBUS_LOG_INFO, "sampling every %u ms, reporting every %u ms", config->sample_interval_ms,
		config->report_interval_ms);
	return 0;
}

static int on_config(struct devbus *bus, const void *values, void *userdata)
{
	const struct config *config = values;

	if (config->report_interval_ms < config->sample_interval_ms)
		return devbus_config_refuse(bus, "report_interval_ms is below sample_interval_ms");
	return apply(userdata, config);
}

struct read_args {
	char sensor[SENSOR_ID_SIZE];
};

static const struct devbus_field read_fields[] = {
	DEVBUS_FIELD(struct read_args, sensor, .flags = DEVBUS_TOPIC_LEVEL,
		.description = "Id of one sensor; absent: all"),
	{ 0 },
};

/* {@name: [...]}, from what @make makes of each sensor, or of @only one. NULL when memory is short. */
static struct devbus_json *each_sensor(const struct service *service, const struct sensor *only,
	const char *name,
	struct devbus_json *(*make)(const struct service *service, const struct sensor *sensor))
{
	struct devbus_json *object = devbus_json_new_object(), *list = devbus_json_new_array();
	int r = 0;

	for (size_t i = 0; r == 0 && i < service->sampler.count; i++) {
		const struct sensor *sensor = &service->sampler.channels[i].sensor;

		if (!only || only == sensor)
			r = devbus_json_append(list, make(service, sensor));
	}
	int set = devbus_json_set(object, name, list);

	if (r == 0 && set == 0)
		return object;
	devbus_json_free(object);
	return NULL;
}

static struct devbus_json *read_one(const struct service *service, const struct sensor *sensor)
{
	struct reading reading = sampler_read(&service->sampler, sensor);
	char time[DEVBUS_TIME_SIZE];

	devbus_time(time);
	return message_reading(sensor, &reading, time);
}

static int on_read(struct devbus_request *request, const void *args, void *userdata)
{
	const struct read_args *read_args = args;
	const struct service *service = userdata;
	const struct sensor *only = sampler_find(&service->sampler, read_args->sensor);

	if (read_args->sensor[0] && !only)
		return devbus_fail(request, DEVBUS_E_NOT_FOUND, "There is no sensor \"%s\"; list names them.",
			read_args->sensor);
	return devbus_reply_json(request, each_sensor(service, only, "readings", read_one));
}

static struct devbus_json *describe_one(const struct service *service, const struct sensor *sensor)
{
	(void)service;
	return message_sensor(sensor);
}

static int on_list(struct devbus_request *request, const void *args, void *userdata)
{
	(void)args;
	return devbus_reply_json(request, each_sensor(userdata, NULL, "sensors", describe_one));
}

static const struct devbus_method methods[] = {
	{ .name = "read",
		.handler = on_read,
		.resume = on_read,
		.args = read_fields,
		.args_size = sizeof(struct read_args),
		.flags = DEVBUS_CLOUD,
		.description = "Reads one sensor, or all, now." },
	{ .name = "list",
		.handler = on_list,
		.resume = on_list,
		.flags = DEVBUS_CLOUD,
		.description = "Names all sensors with unit, kind, source and label." },
	{ 0 },
};

static int open_sampler(struct service *service)
{
	int r = sampler_open(
		&service->sampler, service->settings.root, service->settings.disk, &sink, service, now_ms());

	if (r < 0)
		devbus_log(DEVBUS_LOG_ERROR, "setting root: %s: %s", service->settings.root, strerror(-r));
	else if (service->sampler.count == 0)
		devbus_log(DEVBUS_LOG_WARNING, "no sensor below %s", service->settings.root);
	else
		devbus_log(DEVBUS_LOG_INFO, "%zu sensors below %s", service->sampler.count,
			service->settings.root);
	return r;
}

static int serve(struct service *service)
{
	int r = devbus_serve(service->bus, methods, service);

	return r < 0 ? r
		     : devbus_config(service->bus, config_fields, sizeof(struct config), on_config, service);
}

int sensor_start(struct devbus *bus, void **ret_service)
{
	struct service *service = calloc(1, sizeof *service);
	int r;

	if (!service)
		return -ENOMEM;
	service->bus = bus;
	if ((r = devbus_settings(bus, settings_fields, &service->settings)) < 0 ||
		(r = open_sampler(service)) < 0) {
		free(service);
		return r;
	}
	*ret_service = service;
	return serve(service);
}

void sensor_stop(void *userdata)
{
	struct service *service = userdata;

	if (!service)
		return;
	devbus_timer_stop(service->timer);
	sampler_close(&service->sampler);
	free(service);
}
