// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * Telemetry is volatile on purpose: a reading that is late by an outage is worth less than the next one. Who wants it all the
 * same sets `spool`: while the cloud is away reports are published as reliable or durable events, which the library bounds, keeps
 * and counts like all others. The latest values are retained states, so a late-comer sees them at once. Alarms are durable always.
 */
#include "message.h"
#include "service.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* A pack of so many records is sent at once: some 80 KB, below the payload limit. */
#define PACK_MAX 1000

static void publish(
	struct service *service, enum devbus_publication what, const char *item, struct devbus_json *object)
{
	int r = devbus_publish_json(service->bus, what, item, object);

	if (r < 0)
		devbus_log(what == DEVBUS_CLOUD_DURABLE ? DEVBUS_LOG_ERROR : DEVBUS_LOG_DEBUG,
			"%s was not published: %s", item, strerror(-r));
}

/* ---- states */

static void on_order(void *userdata, uint32_t number, const struct source *source)
{
	struct service *service = userdata;

	if (source->read)
		readers_order(service->readers, number, source);
	else
		programs_order(service->programs, number, source);
}

static void on_state(void *userdata, const struct channel *channel)
{
	char time[DEVBUS_TIME_SIZE];

	devbus_time(time);
	publish(userdata, DEVBUS_STATE, channel->sensor.id, message_state(channel, time, service_now_ms()));
	if (channel->current.error)
		devbus_log(DEVBUS_LOG_DEBUG, "%s (%s): %s", channel->sensor.id, channel->sensor.source.path,
			reading_problem(&channel->current));
}

/* ---- reports */

static enum devbus_publication kind_of_report(const struct service *service)
{
	const char *spool = service->sampler.section.spool;

	if (devbus_connected(service->bus) && !service->cloud_away)
		return DEVBUS_CLOUD_VOLATILE;
	if (strcmp(spool, "memory") == 0)
		return DEVBUS_CLOUD_RELIABLE;
	return strcmp(spool, "disk") == 0 ? DEVBUS_CLOUD_DURABLE : DEVBUS_CLOUD_VOLATILE;
}

/* Base name and base time go into the first record (RFC 8428 4.1). */
static int set_base(struct service *service)
{
	struct devbus_json *first = devbus_json_first(service->pack);
	char name[160];

	snprintf(name, sizeof name, "%s/", devbus_device_id(service->bus));
	int r = devbus_json_set(first, "bn", devbus_json_new_string(name));

	return r < 0 ? r : devbus_json_set(first, "bt", devbus_json_new_number(service->pack_time));
}

void telling_flush(struct service *service)
{
	struct devbus_json *object;

	if (!service->pack)
		return;
	object = devbus_json_new_object();
	int base = set_base(service), set = devbus_json_set(object, "senml", service->pack);

	service->pack = NULL;
	if (base == 0 && set == 0)
		publish(service, kind_of_report(service), "batch", object);
	else
		devbus_json_free(object);
}

static void add_to_pack(struct service *service, const struct channel *channel)
{
	struct timespec now;

	if (!service->pack) {
		clock_gettime(CLOCK_REALTIME, &now);
		service->pack = devbus_json_new_array();
		/* In whole milliseconds, which a double near 2e9 holds. */
		service->pack_time = (double)now.tv_sec + (double)(now.tv_nsec / 1000000) / 1000;
	}
	if (!service->pack || message_append_senml(service->pack, channel) < 0)
		devbus_log(DEVBUS_LOG_ERROR, "out of memory: %s is not reported", channel->sensor.id);
	if (service->pack && devbus_json_count(service->pack) == 0) {
		devbus_json_free(service->pack);
		service->pack = NULL;
	}
	if (devbus_json_count(service->pack) >= PACK_MAX)
		telling_flush(service);
}

static void on_report(void *userdata, const struct channel *channel, int64_t interval_ms)
{
	struct service *service = userdata;

	if (service->sampler.section.batch)
		add_to_pack(service, channel);
	else
		publish(service, kind_of_report(service), channel->sensor.id,
			message_report(channel, interval_ms));
}

/* ---- alarms */

/* First to the cloud, then into the memory: a crash in between tells it twice, the other way round never. */
static void on_alarm(void *userdata, const struct channel *channel, const struct alarm *alarm)
{
	struct service *service = userdata;

	publish(service, DEVBUS_CLOUD_DURABLE, "alarm", message_alarm(channel, alarm));
	publish(service, DEVBUS_EVENT, "alarm", message_alarm(channel, alarm));
	memory_note(service->memory, channel->sensor.id, alarm->name, alarm->set);
	devbus_log(DEVBUS_LOG_INFO, "alarm %s of %s: %s", alarm->name, channel->sensor.id,
		alarm->set ? "set" : "clear");
}

static bool on_alarm_was_set(void *userdata, const char *id, const char *alarm)
{
	const struct service *service = userdata;

	return memory_is_set(service->memory, id, alarm);
}

static void on_undefined(void *userdata, const char *sensor, const char *alarm)
{
	const char *cause = "the configuration has no such alarm any more";

	publish(userdata, DEVBUS_CLOUD_DURABLE, "alarm", message_alarm_gone(sensor, alarm, cause));
	publish(userdata, DEVBUS_EVENT, "alarm", message_alarm_gone(sensor, alarm, cause));
}

void telling_forget_alarms(struct service *service, const struct devbus_json *sensors)
{
	memory_forget(service->memory, sensors, on_undefined, service);
}

const struct sampler_sink telling_sink = { on_order, on_state, on_report, on_alarm, on_alarm_was_set };

/* ---- the way to the cloud */

struct link {
	bool up;
};

static const struct devbus_field link_fields[] = {
	DEVBUS_FIELD(struct link, up, .initial = 1),
	{ 0 },
};

static void on_link(struct devbus *bus, const struct devbus_message *message, void *userdata)
{
	struct service *service = userdata;
	const struct link *link = message->value;

	(void)bus;
	service->cloud_away = link && !link->up;
}

int telling_start(struct service *service)
{
	return devbus_subscribe(service->bus, "service/bridge/state/link", link_fields, sizeof(struct link),
		on_link, service);
}
