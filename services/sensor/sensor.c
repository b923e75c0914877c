// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * Puts the parts together: the sampler says what to read and what to tell, the readers read, and one timer wakes the sampler when something
 * is due.
 */
#include "sensor.h"
#include "service.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct devbus_field settings_fields[] = {
	DEVBUS_FIELD(struct settings, root, .initial_text = "/", .description = "Folder that stands for /"),
	DEVBUS_FIELD(struct settings, disk, .initial_text = "/",
		.description = "Path below root whose file system is a sensor"),
	DEVBUS_FIELD(struct settings, exec_dir, .initial_text = DEVBUS_CONFIG_DIR_DEFAULT "/sensors.d",
		.description = "Folder of the programs that the configuration may name as sensors"),
	DEVBUS_FIELD(struct settings, file_dirs, .initial_text = "sys proc run",
		.description =
			"Folders below root in which files of the configuration may be, parted by blanks"),
	{ 0 },
};

int64_t service_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Does what is due. */
static void beat(struct service *service)
{
	int r = sampler_tick(&service->sampler, service_now_ms());

	if (r < 0)
		devbus_log(DEVBUS_LOG_WARNING, "cannot look for new sensors: %s", strerror(-r));
	service_settle(service);
}

static void on_timer(struct devbus *bus, void *userdata)
{
	struct service *service = userdata;

	(void)bus;
	service->timer = NULL;
	beat(service);
}

/* One timer, for whatever is due first. */
static void set_timer(struct service *service)
{
	int64_t due_ms = sampler_due_ms(&service->sampler), now_ms = service_now_ms();
	int64_t query_ms = query_due_ms(service);
	int64_t delay_ms = (query_ms < due_ms ? query_ms : due_ms) - now_ms;
	int r;

	devbus_timer_stop(service->timer);
	service->timer = NULL;
	r = devbus_after(
		service->bus, delay_ms < 1 ? 1 : (uint32_t)delay_ms, on_timer, service, &service->timer);
	if (r < 0) {
		devbus_log(DEVBUS_LOG_ERROR, "sampling ends: %s", strerror(-r));
		devbus_quit(service->bus);
	}
}

void service_settle(void *userdata)
{
	struct service *service = userdata;

	readers_start(service->readers);
	telling_flush(service);
	query_settle(service);
	set_timer(service);
}

static void on_result(void *userdata, uint32_t number, int error, double value)
{
	struct service *service = userdata;

	sampler_result(&service->sampler, number, error, value, service_now_ms());
}

/* ---- configuration */

/* A unit that cannot be made of what the sensor measures is seen only with the sensor. */
static void warn_of_units(const struct service *service)
{
	for (size_t i = 0; i < service->sampler.count; i++) {
		const struct channel *channel = &service->sampler.channels[i];

		if (channel->plan.unit_refused)
			devbus_log(DEVBUS_LOG_WARNING,
				"configuration: sensors.%s.unit cannot be made of %s, which is told instead",
				channel->sensor.id, channel->plan.unit);
	}
}

static int apply(struct service *service, const struct section *section)
{
	int r = sampler_configure(&service->sampler, section, service_now_ms());

	if (r < 0)
		return r;
	telling_forget_alarms(service, section->sensors);
	warn_of_units(service);
	devbus_log(DEVBUS_LOG_INFO, "sampling every %u ms, reporting every %u ms, %zu sensors",
		section->sample_interval_ms, section->report_interval_ms, service->sampler.count);
	beat(service);
	return 0;
}

static int on_config(struct devbus *bus, const void *values, void *userdata)
{
	struct service *service = userdata;
	const struct section *section = values;
	struct devbus_error error = { "", "" };
	int r = plan_check(section, &service->setup.places, &error);

	return r == -EINVAL ? devbus_config_refuse(bus, "%s", error.message)
	       : r < 0      ? r
			    : apply(service, section);
}

/* ---- begin and end */

static int open_sampler(struct service *service)
{
	const struct settings *settings = &service->settings;
	int r;

	service->setup = (struct sampler_setup) {
		.root = settings->root,
		.disk = settings->disk,
		.places = { .file_dirs = settings->file_dirs, .exec_dir = settings->exec_dir },
	};
	r = sampler_open(&service->sampler, &service->setup, &telling_sink, service, service_now_ms());
	if (r < 0) {
		devbus_log(DEVBUS_LOG_ERROR, "setting root: %s: %s", settings->root, strerror(-r));
		return r;
	}
	service->sampling = true;
	if (service->sampler.count == 0)
		devbus_log(DEVBUS_LOG_WARNING, "no sensor below %s", settings->root);
	else
		devbus_log(DEVBUS_LOG_INFO, "%zu sensors below %s", service->sampler.count, settings->root);
	r = programs_new(service->bus, on_result, service_settle, service, &service->programs);
	return r < 0 ? r
		     : readers_new(service->bus, service->sampler.root, on_result, service_settle, service,
			       &service->readers);
}

int sensor_start(struct devbus *bus, void **ret_service)
{
	struct service *service = calloc(1, sizeof *service);
	int r;

	if (!service)
		return -ENOMEM;
	*ret_service = service;
	service->bus = bus;
	if ((r = devbus_settings(bus, settings_fields, &service->settings)) < 0 ||
		(r = memory_open(bus, &service->memory)) < 0 || (r = open_sampler(service)) < 0 ||
		(r = devbus_serve(bus, query_methods, service)) < 0 || (r = telling_start(service)) < 0)
		return r;
	return devbus_config(bus, section_fields, sizeof(struct section), on_config, service);
}

void sensor_stop(void *userdata)
{
	struct service *service = userdata;

	if (!service)
		return;
	devbus_timer_stop(service->timer);
	readers_free(service->readers);
	programs_free(service->programs);
	query_stop(service);
	if (service->sampling)
		sampler_close(&service->sampler);
	devbus_json_free(service->pack);
	memory_free(service->memory);
	free(service);
}
