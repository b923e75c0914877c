// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * The method table, and its local door: service/<name>/call/<method> with MQTT 5 Response Topic and Correlation Data (protocol
 * 5). An answer goes only to service/<caller>/reply/...: a service must not be made to publish where its caller may not.
 */
#include "serve.h"
#include "durable.h"
#include "server.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- ping, describe, stats: for every service */

static int on_ping(struct devbus_request *request, const void *args, void *userdata)
{
	(void)args, (void)userdata;
	return devbus_reply(request, NULL, NULL);
}

#define COUNTER(name, ...) DEVBUS_FIELD(struct stats, name, __VA_ARGS__)

const struct devbus_field stats_fields[] = {
	COUNTER(connects, .description = "connections to the broker that succeeded"),
	COUNTER(connect_failures, .description = "attempts to connect that failed"),
	COUNTER(losses, .description = "connections that were lost"),
	COUNTER(messages_received, .description = "messages that came in"),
	COUNTER(messages_malformed, .description = "messages dropped because they did not fit"),
	COUNTER(messages_unmatched, .description = "messages that no subscription wanted"),
	COUNTER(messages_published, .description = "messages handed to the broker"),
	COUNTER(messages_refused, .description = "messages that the broker refused"),
	COUNTER(messages_dropped, .description = "messages given up for want of room or connection"),
	COUNTER(calls_received, .description = "calls that came in"),
	COUNTER(calls_refused, .description = "calls without a valid response topic"),
	COUNTER(calls_made, .description = "calls made to others"),
	COUNTER(calls_timed_out, .description = "calls made to others that nobody answered in time"),
	COUNTER(commands_received, .description = "commands that came in"),
	COUNTER(commands_repeated, .description = "commands whose id was known"),
	COUNTER(commands_rejected, .description = "commands that were rejected"),
	COUNTER(subscriptions, .description = "subscriptions now"),
	COUNTER(subscriptions_refused, .description = "answers of the broker that refused a subscription"),
	COUNTER(handlers_slow, .description = "handlers that blocked past half of the keep-alive"),
	COUNTER(handler_slowest_ms, .description = "longest time that a handler took, in ms"),
	COUNTER(events_waiting, .description = "durable events on disk, not confirmed now"),
	COUNTER(events_bytes, .description = "their room, in bytes"),
	COUNTER(events_limit_bytes, .description = "limit of it, in bytes"),
	COUNTER(events_confirmed, .description = "durable events confirmed from beyond the bridge"),
	COUNTER(events_dropped, .description = "durable events given up: no room, too old, or refused"),
	COUNTER(queue_messages, .description = "messages waiting for the broker now"),
	COUNTER(queue_bytes, .description = "their memory, in bytes"),
	COUNTER(queue_limit_bytes, .description = "limit of it, in bytes"),
	COUNTER(requests_pending, .description = "requests not yet answered now"),
	COUNTER(calls_pending, .description = "calls to others not yet decided now"),
	COUNTER(pending_max, .description = "limit of either"),
	COUNTER(uptime_ms, .description = "since the bus was opened, in ms"),
	{ 0 },
};

static int on_stats(struct devbus_request *request, const void *args, void *userdata)
{
	struct devbus *bus = request->bus;
	struct stats stats = bus->stats;

	(void)args, (void)userdata;
	for (size_t i = 0; i < bus->subscription_count; i++)
		stats.subscriptions += bus->subscriptions[i] && !bus->subscriptions[i]->removed;
	stats.events_waiting = durable_count(bus);
	stats.events_bytes = store_outbox_size(bus->store).bytes;
	stats.events_limit_bytes = bus->settings.outbox_limit_bytes;
	stats.queue_messages = outbox_count(bus->outbox);
	stats.queue_bytes = outbox_bytes(bus->outbox);
	stats.queue_limit_bytes = bus->settings.queue_limit_bytes;
	stats.requests_pending = server_pending(bus);
	stats.calls_pending = calls_pending(bus);
	stats.pending_max = bus->settings.pending_calls_max;
	stats.uptime_ms = (uint64_t)(loop_now_ms(bus->loop) - bus->started_ms);
	return devbus_reply(request, stats_fields, &stats);
}

static int on_describe(struct devbus_request *request, const void *args, void *userdata);

static const struct devbus_method builtin[] = {
	{ "ping", on_ping, .flags = DEVBUS_CLOUD, .description = "Answers, to show that the service runs." },
	{ "describe", on_describe, .flags = DEVBUS_CLOUD,
		.description = "Methods, their arguments and results as JSON Schema, and limits." },
	{ "stats", on_stats, .flags = DEVBUS_CLOUD, .result = stats_fields,
		.description = "Counters since the start, and gauges." },
	{ 0 },
};

static int put(struct devbus_json *object, const char *name, struct devbus_json *value)
{
	return devbus_json_set(object, name, value);
}

static int put_schema(struct devbus_json *object, const char *name, const struct devbus_field *fields)
{
	struct devbus_json *schema;
	int r = devbus_fields_describe(fields, &schema);

	return r < 0 ? r : put(object, name, schema);
}

static int describe_method(const struct devbus_method *method, struct devbus_json *list)
{
	struct devbus_json *object = devbus_json_new_object();
	int r = object ? put(object, "name", devbus_json_new_string(method->name)) : -ENOMEM;

	if (r == 0 && method->description)
		r = put(object, "description", devbus_json_new_string(method->description));
	if (r == 0)
		r = put(object, "command", devbus_json_new_bool(method->flags & DEVBUS_CLOUD));
	if (r == 0)
		r = put_schema(object, "args", method->args);
	if (r == 0 && method->result)
		r = put_schema(object, "result", method->result);
	if (r < 0) {
		devbus_json_free(object);
		return r;
	}
	return devbus_json_append(list, object);
}

static int describe_limits(const struct devbus *bus, struct devbus_json *limits)
{
	const struct settings *settings = &bus->settings;
	int r = put(limits, "payload_bytes", devbus_json_new_number(settings->payload_limit_bytes));

	if (r == 0)
		r = put(limits, "depth", devbus_json_new_number(DEVBUS_JSON_DEPTH_MAX));
	if (r == 0)
		r = put(limits, "queue_bytes", devbus_json_new_number(settings->queue_limit_bytes));
	if (r == 0)
		r = put(limits, "pending", devbus_json_new_number(settings->pending_calls_max));
	if (r == 0)
		r = put(limits, "command_ids", devbus_json_new_number(settings->journal_max));
	return r;
}

static int describe(const struct devbus *bus, struct devbus_json *object)
{
	struct devbus_json *methods = devbus_json_new_array(), *limits = devbus_json_new_object();
	const struct devbus_method *const tables[] = { builtin, bus->server->methods };
	int r = methods && limits ? describe_limits(bus, limits) : -ENOMEM;

	for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
		for (const struct devbus_method *method = tables[i]; r == 0 && method->name; method++)
			r = describe_method(method, methods);
	if (r == 0)
		r = put(object, "service", devbus_json_new_string(bus->name));
	if (r == 0)
		r = put(object, "version", devbus_json_new_string(bus->version));
	if (r < 0) {
		devbus_json_free(methods);
		devbus_json_free(limits);
		return r;
	}
	r = put(object, "methods", methods);
	return put(object, "limits", limits) < 0 ? -ENOMEM : r;
}

static int on_describe(struct devbus_request *request, const void *args, void *userdata)
{
	struct devbus_json *object = devbus_json_new_object();

	(void)args, (void)userdata;
	if (!object || describe(request->bus, object) < 0) {
		devbus_json_free(object);
		return -ENOMEM;
	}
	return devbus_reply_json(request, object);
}

const struct devbus_method *server_method(const struct devbus *bus, const char *name, bool from_cloud)
{
	const struct devbus_method *const tables[] = { builtin, bus->server->methods };

	for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
		for (const struct devbus_method *method = tables[i]; method->name; method++)
			if (strcmp(method->name, name) == 0 &&
				(!from_cloud || (method->flags & DEVBUS_CLOUD)))
				return method;
	return NULL;
}

/* ---- the local door */

static int respond(struct devbus_request *request, struct devbus_json *response)
{
	struct bus_packet packet = {
		.class = OUTBOX_CONTROL,
		.topic = request->response_topic,
		.correlation = request->correlation,
		.correlation_size = request->correlation_size,
	};

	return response ? bus_send_json(request->bus, &packet, response) : -ENOMEM;
}

static int call_fail(struct devbus_request *request, const char *code, const char *message)
{
	return respond(request, envelope_failure(code, message));
}

static int call_succeed(struct devbus_request *request, struct devbus_json *result)
{
	int r = respond(request, envelope_result(result));

	if (r == -EMSGSIZE)
		call_fail(request, DEVBUS_E_INTERNAL, "the answer is larger than payload_limit_bytes");
	return r;
}

static const struct door call_door = { .succeed = call_succeed, .fail = call_fail };

/* The answer carries it beside the payload, and a packet above its max_packet_size makes the broker disconnect us. */
enum { CORRELATION_MAX = 512 };

/* service/<caller>/reply/<anything> (protocol 5.5) */
static bool reply_topic_valid(const char *topic)
{
	char caller[TOPIC_LEVEL_MAX + 1];

	return topic && topic_name_valid(topic) && topic_matches("service/+/reply/+/#", topic) &&
	       topic_level(topic, 1, caller) == 0;
}

static int copy_way_back(struct devbus_request *request, const struct link_message *message)
{
	request->response_topic = strdup(message->response_topic);
	if (message->correlation)
		request->correlation =
			malloc(message->correlation_size + 1); /* none is not the same as empty */
	if (!request->response_topic || (message->correlation && !request->correlation))
		return -ENOMEM;
	if (message->correlation_size)
		memcpy(request->correlation, message->correlation, message->correlation_size);
	request->correlation_size = message->correlation_size;
	return 0;
}

static void run_call(struct devbus_request *request, const struct link_message *message)
{
	struct devbus *bus = request->bus;
	struct devbus_json *args = NULL;
	struct devbus_error error = { 0 };

	request->method = server_method(bus, request->name, false);
	if (!request->method)
		devbus_fail(request, DEVBUS_E_UNKNOWN_COMMAND, "%s has no method %s; describe lists them",
			bus->name, request->name);
	else if (bus_parse(bus, message, &args, &error) < 0)
		devbus_fail(request, DEVBUS_E_MALFORMED, "%s", error.message);
	else
		request_run(request, args);
	devbus_json_free(args);
}

static void refuse_when_full(struct devbus *bus, const struct link_message *message)
{
	struct devbus_request request = { .bus = bus };

	if (copy_way_back(&request, message) == 0)
		call_fail(
			&request, DEVBUS_E_BUSY, "too many requests are waiting (setting pending_calls_max)");
	free(request.response_topic);
	free(request.correlation);
}

static void on_call(struct devbus *bus, const struct link_message *message, void *userdata)
{
	struct devbus_request *request;
	char name[TOPIC_LEVEL_MAX + 1];

	(void)userdata;
	bus->stats.calls_received++;
	if (message->retained || !reply_topic_valid(message->response_topic) ||
		message->correlation_size > CORRELATION_MAX || topic_level(message->topic, 3, name) < 0) {
		bus->stats.calls_refused++;
		log_debug("refused a call on %s with response topic %s", message->topic,
			message->response_topic ? message->response_topic : "(none)");
		return;
	}
	if (!request_may_come(bus) || request_new(bus, &call_door, name, &request) < 0) {
		refuse_when_full(bus, message);
		return;
	}
	if (copy_way_back(request, message) < 0)
		request_free(request);
	else
		run_call(request, message);
}

/* ---- registering */

/* Whether @name is in @methods before @end, or before the end of the table. */
static bool listed(const char *name, const struct devbus_method *methods, const struct devbus_method *end)
{
	for (; methods != end && methods->name; methods++)
		if (strcmp(methods->name, name) == 0)
			return true;
	return false;
}

/* What is wrong with one of @methods, for a person; NULL: nothing. */
static const char *problem_of(const struct devbus_method *method, const struct devbus_method *methods)
{
	if (!topic_level_valid(method->name))
		return "write a name of [a-z0-9_-]{1,64}";
	if (!method->handler)
		return "it has no handler";
	if (method->args && !method->args_size)
		return "args without args_size";
	if (listed(method->name, builtin, NULL))
		return "every service has it already";
	if (listed(method->name, methods, method))
		return "it is there twice";
	if (method->flags & DEVBUS_CLOUD && strcmp(method->name, COMMAND_ACK) == 0)
		return "as a command this name is the cloud's confirmation (protocol 1.5): rename it, or leave out DEVBUS_CLOUD";
	return NULL;
}

static bool methods_valid(const struct devbus_method *methods)
{
	for (const struct devbus_method *method = methods; method->name; method++) {
		const char *problem = problem_of(method, methods);

		if (problem) {
			log_error("method \"%s\": %s", method->name, problem);
			return false;
		}
	}
	return true;
}

void server_free(struct devbus *bus)
{
	if (!bus->server)
		return;
	loop_timer_free(bus->server->prune);
	loop_timer_free(bus->server->retry);
	while (bus->server->pending)
		request_free(bus->server->pending);
	free(bus->server);
	bus->server = NULL;
}

int devbus_serve(struct devbus *bus, const struct devbus_method *methods, void *userdata)
{
	char filter[TOPIC_SIZE];
	int r;

	if (bus->flags & DEVBUS_CALLER)
		return -EPERM;
	if (bus->server)
		return -EALREADY;
	if (!methods_valid(methods))
		return -EINVAL;
	bus->server = calloc(1, sizeof *bus->server);
	if (!bus->server)
		return -ENOMEM;
	bus->server->end = &bus->server->pending;
	bus->server->methods = methods;
	bus->server->userdata = userdata;
	r = topic_make_filter(filter, "service", bus->name, "call", "+");
	if (r == 0)
		r = bus_subscribe(bus,
			&(struct link_filter) { .filter = filter, .retain_as_published = true }, on_call,
			NULL, NULL);
	if (r == 0)
		r = commands_open(bus);
	if (r < 0) { /* it may be tried again */
		bus_unsubscribe(bus, filter, on_call);
		server_free(bus);
	}
	return r;
}

size_t server_pending(const struct devbus *bus)
{
	return bus->server ? bus->server->pending_count : 0;
}
