// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * Calls to other services: exactly one outcome each, at the latest at the deadline (protocol 5.2). Calls are QoS 0: the
 * answer is the acknowledgement. Every service may write to the topic of our answers, so the correlation data is a number that this process
 * never used before and a random word of its own for each call: only who was asked can answer, and not for another, nor for a run before this.
 */
#include "bus.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { TIMEOUT_DEFAULT_MS = 5000, TIMEOUT_MAX_MS = 3600 * 1000 };

struct correlation {
	uint64_t id, word;
};

struct call {
	struct call *next;
	struct correlation correlation;
	int64_t deadline_ms;
	bool queued, sent; /* given to the outbox; taken by the link */
	const char *reply_topic; /* one of the bus's two */
	char topic[TOPIC_SIZE];
	char *payload; /* until it is sent */
	devbus_outcome_handler *handler;
	void *userdata;
};

struct calls {
	struct call *first;
	size_t count;
	uint64_t last_id;
	struct reply {
		char topic[TOPIC_SIZE];
		bool subscribed;
	} open, secret;
	struct loop_timer *deadline;
};

/* ---- the list */

static struct call **find(struct calls *calls, uint64_t id)
{
	struct call **link = &calls->first;

	while (*link && (*link)->correlation.id != id)
		link = &(*link)->next;
	return link;
}

static struct call *take(struct calls *calls, uint64_t id)
{
	struct call **link = find(calls, id), *call = *link;

	if (call) {
		*link = call->next;
		calls->count--;
	}
	return call;
}

/* What still waits to be sent must not be: nobody would hear the answer. */
static void free_call(struct devbus *bus, struct call *call)
{
	if (call->queued && !call->sent)
		outbox_withdraw(bus->outbox, call);
	free(call->payload);
	free(call);
}

static void arm(struct devbus *bus)
{
	int64_t first_ms = INT64_MAX;

	for (const struct call *call = bus->calls->first; call; call = call->next)
		if (call->deadline_ms < first_ms)
			first_ms = call->deadline_ms;
	if (first_ms == INT64_MAX)
		loop_timer_stop(bus->calls->deadline);
	else
		loop_timer_set(bus->calls->deadline, first_ms);
}

/* ---- outcomes */

static void decide(struct devbus *bus, struct call *call, const struct devbus_outcome *outcome)
{
	int64_t entered_ms = bus_enter(bus);

	if (call->handler)
		call->handler(bus, outcome, call->userdata);
	bus_leave(bus, entered_ms, "handler of the outcome of", call->topic);
	free_call(bus, call);
}

static void time_out(struct devbus *bus, struct call *call)
{
	char message[TOPIC_SIZE + 80];

	bus->stats.calls_timed_out++;
	snprintf(message, sizeof message,
		call->sent ? "nobody answered on %s in time" : "%s was not sent: the broker was away or busy",
		call->topic);
	decide(bus, call, &(struct devbus_outcome) { .code = DEVBUS_E_TIMEOUT, .message = message });
}

static void deadline_due(void *userdata)
{
	struct devbus *bus = userdata;
	int64_t now_ms = loop_now_ms(bus->loop);
	struct call *call = bus->closing ? NULL : bus->calls->first; /* no outcome for one who is gone */

	while (call) {
		if (call->deadline_ms > now_ms) {
			call = call->next;
			continue;
		}
		take(bus->calls, call->correlation.id);
		time_out(bus, call);
		call = bus->calls->first; /* the handler may have made or cancelled calls */
	}
	if (!bus->closing)
		arm(bus);
}

static void answered(struct devbus *bus, struct call *call, const struct link_message *message)
{
	struct devbus_json *object = NULL;
	const struct devbus_json *result = NULL;
	struct devbus_error error = { 0 };
	int r = bus_parse(bus, message, &object, &error);

	if (r == 0)
		r = envelope_response_read(object, &result, &error);
	if (r == -EINVAL)
		error_set(&error, DEVBUS_E_MALFORMED, "the answer has neither a result nor an error");
	decide(bus, call,
		r == 0 ? &(struct devbus_outcome) { .result = result }
		       : &(struct devbus_outcome) { .code = error.code, .message = error.message });
	devbus_json_free(object);
}

static void on_reply(struct devbus *bus, const struct link_message *message, void *userdata)
{
	struct correlation correlation;
	struct call *call = NULL;

	(void)userdata;
	if (message->correlation_size == sizeof correlation) {
		memcpy(&correlation, message->correlation, sizeof correlation);
		call = *find(bus->calls, correlation.id);
		call = call && call->correlation.word == correlation.word ? take(bus->calls, correlation.id)
									  : NULL;
	}
	if (!call) {
		bus->stats.messages_unmatched++; /* too late, or cancelled */
		return;
	}
	arm(bus);
	answered(bus, call, message);
}

/* ---- making calls */

static void on_sent(int reason, void *userdata)
{
	struct call *call = userdata;

	(void)reason;
	call->sent = true;
	free(call->payload);
	call->payload = NULL;
}

/* What cannot be queued times out, and says that it was not sent. */
static void send_call(struct devbus *bus, struct call *call)
{
	int r = bus_send(bus,
		&(struct outbox_message) {
			.class = OUTBOX_CONTROL,
			.acknowledged = on_sent,
			.userdata = call,
			.message = {
				.topic = call->topic,
				.payload = call->payload,
				.payload_size = strlen(call->payload),
				.response_topic = call->reply_topic,
				.correlation = &call->correlation,
				.correlation_size = sizeof call->correlation,
			},
		});

	call->queued = r == 0;
}

/* The outbox has forgotten those that it had not sent. */
void calls_lost(struct devbus *bus)
{
	for (struct call *call = bus->calls->first; call; call = call->next)
		call->queued = call->sent;
}

void calls_connected(struct devbus *bus)
{
	for (struct call *call = bus->calls->first; call; call = call->next)
		if (!call->queued)
			send_call(bus, call);
}

static int listen(struct devbus *bus, struct reply *reply)
{
	int r;

	if (reply->subscribed)
		return 0;
	r = bus_subscribe(bus, &(struct link_filter) { .filter = reply->topic }, on_reply, NULL, NULL);
	reply->subscribed = r == 0;
	return r;
}

static int print_args(const struct devbus_call *from, char **ret_payload)
{
	struct devbus_json *args = from->args_json;
	char *payload;
	int r = args ? 0 : devbus_fields_write(from->args, from->value, &args);

	if (r < 0)
		return r;
	payload = devbus_json_type(args) == DEVBUS_JSON_OBJECT ? devbus_json_print(args) : NULL;
	r = payload ? 0 : devbus_json_type(args) == DEVBUS_JSON_OBJECT ? -ENOMEM : -EINVAL;
	devbus_json_free(args);
	if (r == 0)
		*ret_payload = payload;
	return r;
}

static int check(const struct devbus *bus, const struct devbus_call *from, const char *payload)
{
	if (!from->service || !from->method || from->timeout_ms > TIMEOUT_MAX_MS)
		return -EINVAL;
	if (strlen(payload) > bus->settings.payload_limit_bytes)
		return -EMSGSIZE;
	return bus->calls->count >= bus->settings.pending_calls_max ? -ENOBUFS : 0;
}

static int add(struct devbus *bus, const struct devbus_call *from, char *payload, struct call **ret_call)
{
	struct calls *calls = bus->calls;
	uint32_t timeout_ms = from->timeout_ms ? from->timeout_ms : TIMEOUT_DEFAULT_MS;
	struct call *call, **end = &calls->first;
	uint64_t word;
	int r;

	if (getrandom(&word, sizeof word, 0) != sizeof word)
		return -EIO;
	call = malloc(sizeof *call);
	if (!call)
		return -ENOMEM;
	*call = (struct call) {
		.correlation = { ++calls->last_id, word },
		.deadline_ms = loop_now_ms(bus->loop) + timeout_ms,
		.payload = payload,
		.handler = from->handler,
		.userdata = from->userdata,
	};
	r = topic_make(call->topic, "service", from->service, "call", from->method);
	if (r < 0) {
		free(call);
		return r;
	}
	while (*end)
		end = &(*end)->next;
	*end = call; /* in order: those made while away are sent in it */
	calls->count++;
	*ret_call = call;
	return 0;
}

static int make(struct devbus *bus, const struct devbus_call *from, struct reply *reply, uint64_t *ret_id)
{
	struct call *call = NULL;
	char *payload;
	int r = print_args(from, &payload);

	if (r < 0)
		return r;
	r = check(bus, from, payload);
	if (r == 0)
		r = listen(bus, reply);
	if (r == 0)
		r = add(bus, from, payload, &call);
	if (r < 0) {
		free(payload);
		return r;
	}
	call->reply_topic = reply->topic;
	bus->stats.calls_made++;
	/* While the subscription to answers is under way, so is the call: both go through the link in order. */
	if (bus->connected)
		send_call(bus, call);
	arm(bus);
	if (ret_id)
		*ret_id = call->correlation.id;
	return 0;
}

int devbus_call(struct devbus *bus, const struct devbus_call *from, uint64_t *ret_id)
{
	return make(bus, from, &bus->calls->open, ret_id);
}

int call_for_secret(struct devbus *bus, const struct devbus_call *from, uint64_t *ret_id)
{
	return make(bus, from, &bus->calls->secret, ret_id);
}

int devbus_cancel(struct devbus *bus, uint64_t id)
{
	struct call *call = take(bus->calls, id);

	if (!call)
		return -ENOENT;
	free_call(bus, call);
	arm(bus);
	return 0;
}

/* ---- */

int calls_new(struct devbus *bus)
{
	uint64_t word;
	char run[17];
	int r;

	bus->calls = calloc(1, sizeof *bus->calls);
	if (!bus->calls)
		return -ENOMEM;
	if (getrandom(&word, sizeof word, 0) != sizeof word)
		return -EIO;
	snprintf(run, sizeof run, "%016" PRIx64, word);
	r = topic_make(bus->calls->open.topic, "service", bus->settings.user, "reply", run);
	if (r == 0)
		r = topic_make(bus->calls->secret.topic, "service", bus->settings.user, "reply", "secrets");
	if (r < 0) {
		log_error("user = %s: write a name of [a-z0-9_-]{1,64}; answers come to service/<user>/reply",
			bus->settings.user);
		return r;
	}
	return loop_timer_new(bus->loop, deadline_due, bus, &bus->calls->deadline);
}

void calls_free(struct devbus *bus)
{
	if (!bus->calls)
		return;
	for (struct call *call; (call = bus->calls->first);) {
		bus->calls->first = call->next;
		free_call(bus, call);
	}
	loop_timer_free(bus->calls->deadline);
	free(bus->calls);
	bus->calls = NULL;
}

size_t calls_pending(const struct devbus *bus)
{
	return bus->calls->count;
}
