// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * The methods. `read` means now, and reading takes its time, so an answer waits until all that it is about have been read, but not
 * for those that hang: what is known of them is an answer too.
 */
#include "message.h"
#include "service.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_WITHIN_MS 2000

struct query {
	struct query *next;
	struct devbus_request *request;
	char sensor[SENSOR_ID_SIZE]; /* "": all */
	int64_t asked_ms;
};

struct read_args {
	char sensor[SENSOR_ID_SIZE];
};

static const struct devbus_field read_fields[] = {
	DEVBUS_FIELD(struct read_args, sensor, .flags = DEVBUS_TOPIC_LEVEL,
		.description = "Id of one sensor; absent: all"),
	{ 0 },
};

static bool is_meant(const struct channel *channel, const char *id)
{
	return !*id || strcmp(channel->sensor.id, id) == 0;
}

/* {@name: [...]}, from what @make makes of each sensor, or of the one that is called @only. NULL when memory is short. */
static struct devbus_json *each_sensor(const struct service *service, const char *only, const char *name,
	struct devbus_json *(*make)(const struct channel *channel))
{
	struct devbus_json *object = devbus_json_new_object(), *list = devbus_json_new_array();
	int r = 0;

	for (size_t i = 0; r == 0 && i < service->sampler.count; i++)
		if (is_meant(&service->sampler.channels[i], only))
			r = devbus_json_append(list, make(&service->sampler.channels[i]));
	int set = devbus_json_set(object, name, list);

	if (r == 0 && set == 0)
		return object;
	devbus_json_free(object);
	return NULL;
}

/* ---- read */

static struct devbus_json *make_reading(const struct channel *channel)
{
	char time[DEVBUS_TIME_SIZE];

	devbus_time(time);
	return message_reading(channel, time, service_now_ms());
}

static bool is_ready(const struct service *service, const struct query *query, int64_t now_ms)
{
	if (now_ms - query->asked_ms >= ANSWER_WITHIN_MS)
		return true;
	for (size_t i = 0; i < service->sampler.count; i++) {
		const struct channel *channel = &service->sampler.channels[i];

		/* One that is late already will not come in time. */
		if (is_meant(channel, query->sensor) && channel->waiting &&
			channel->current.error != -ESTALE && channel->current.error != -ETIMEDOUT)
			return false;
	}
	return true;
}

void query_settle(struct service *service)
{
	struct query **link = &service->queries;
	int64_t now_ms = service_now_ms();

	while (*link) {
		struct query *query = *link;

		if (!is_ready(service, query, now_ms)) {
			link = &query->next;
			continue;
		}
		*link = query->next;
		devbus_reply_json(
			query->request, each_sensor(service, query->sensor, "readings", make_reading));
		free(query);
	}
}

int64_t query_due_ms(const struct service *service)
{
	int64_t due_ms = INT64_MAX;

	for (const struct query *query = service->queries; query; query = query->next)
		if (query->asked_ms + ANSWER_WITHIN_MS < due_ms)
			due_ms = query->asked_ms + ANSWER_WITHIN_MS;
	return due_ms;
}

void query_stop(struct service *service)
{
	while (service->queries) {
		struct query *query = service->queries;

		service->queries = query->next;
		free(query);
	}
}

static int on_read(struct devbus_request *request, const void *args, void *userdata)
{
	const struct read_args *read_args = args;
	struct service *service = userdata;
	struct query *query;

	if (read_args->sensor[0] && !sampler_find(&service->sampler, read_args->sensor))
		return devbus_fail(request, DEVBUS_E_NOT_FOUND, "There is no sensor \"%s\"; list names them.",
			read_args->sensor);
	query = calloc(1, sizeof *query);
	if (!query)
		return -ENOMEM;
	query->request = request;
	query->asked_ms = service_now_ms();
	memcpy(query->sensor, read_args->sensor, sizeof query->sensor);
	query->next = service->queries;
	service->queries = query;
	for (size_t i = 0; i < service->sampler.count; i++)
		if (is_meant(&service->sampler.channels[i], query->sensor))
			sampler_ask(&service->sampler, &service->sampler.channels[i], query->asked_ms);
	service_settle(service);
	return 0;
}

/* ---- list */

static int on_list(struct devbus_request *request, const void *args, void *userdata)
{
	(void)args;
	return devbus_reply_json(request, each_sensor(userdata, "", "sensors", message_sensor));
}

const struct devbus_method query_methods[] = {
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
