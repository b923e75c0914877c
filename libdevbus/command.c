// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * The door to the cloud: cloud/command/<service>/<command> in, its life as events on the mirrored topic out (protocol 4). The
 * journal makes the promise: each state is on disk before it is told or acted on, so that a command survives a crash and
 * never runs twice. Rejections are journalled as well: an id has exactly one final state.
 */
#include "serve.h"
#include "server.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { DAY_MS = 24 * 3600 * 1000, PRUNE_EVERY_MS = 3600 * 1000, PRUNE_SHARE = 8 };

/* ---- telling */

static int publish_text(struct devbus *bus, const char *command, const char *text)
{
	char topic[TOPIC_SIZE];
	struct outbox_message message = {
		.class = OUTBOX_COMMAND,
		.message = { .topic = topic, .payload = text, .payload_size = strlen(text), .qos = 1 },
	};
	int r = topic_make(topic, "cloud", "event", bus->name, command);

	return r < 0 ? r : bus_send(bus, &message);
}

static char *print_event(const struct devbus *bus, struct envelope_event *event)
{
	struct devbus_json *object;
	char *text;

	event->wall_ms = bus_wall_ms(bus);
	event->clock_unsynced = bus_clock_unsynced(bus);
	if (envelope_event_write(event, &object) < 0)
		return NULL;
	text = devbus_json_print(object);
	devbus_json_free(object);
	return text;
}

static void note_store(struct devbus *bus, int r)
{
	status_problem(
		bus, STATUS_STORE, r < 0 && r != -EEXIST ? "the command journal cannot be written" : NULL);
	if (r < 0)
		log_error("cannot write the command journal in %s: %s", bus->state_dir, strerror(-r));
}

/* For the limit of age; INT64_MAX, which is no age, while the clock cannot be trusted: 1970 would be forgotten at once. */
static int64_t journal_ms(const struct devbus *bus, const struct envelope_event *event)
{
	return bus_clock_unsynced(bus) ? INT64_MAX : event->wall_ms;
}

static int save_event(struct devbus_request *request, const struct envelope_event *event, const char *text)
{
	struct devbus *bus = request->bus;
	char *args = NULL;
	int r;

	if (request->accepted)
		return store_command_update(bus->store, request->id, text, event->seq,
			envelope_phase_final(event->phase), journal_ms(bus, event));
	if (request->args && !(args = devbus_json_print(request->args)))
		return -ENOMEM;
	r = store_command_add(bus->store, &(struct store_command) {
						  .id = request->id,
						  .method = request->name,
						  .args = args,
						  .event = text,
						  .seq = event->seq,
						  .final = envelope_phase_final(event->phase),
						  .wall_ms = journal_ms(bus, event),
					  });
	free(args);
	if (r == 0)
		bus->server->journal_count++;
	return r;
}

/* To the journal first, then to the cloud. */
static int tell(struct devbus_request *request, struct envelope_event *event)
{
	struct devbus *bus = request->bus;
	char *text;
	int r;

	event->id = request->id;
	event->seq = store_next_seq(bus->store);
	text = print_event(bus, event);
	if (!text)
		return -ENOMEM;
	r = save_event(request, event, text);
	note_store(bus, r);
	if (r == 0)
		r = publish_text(bus, request->name, text);
	free(text);
	return r;
}

/* An answer that has no record of its own: no id could be read, it is somebody else's, or the disk is full. */
static void reject_unrecorded(
	struct devbus *bus, const char *command, const char *id, const struct devbus_error *error)
{
	struct envelope_event event = {
		.id = id && id[0] ? id : NULL,
		.phase = ENVELOPE_REJECTED,
		.error_code = error->code,
		.error_message = error->message,
	};
	char *text;

	bus->stats.commands_rejected++;
	if (store_take_seq(bus->store, &event.seq) < 0)
		event.seq = 0;
	text = print_event(bus, &event);
	if (text)
		publish_text(bus, command, text);
	free(text);
}

int command_progress(struct devbus_request *request, int percent, const char *step, const char *message)
{
	return tell(request, &(struct envelope_event) {
				     .phase = ENVELOPE_RUNNING,
				     .percent = percent > 100 ? 100 : percent,
				     .step = step,
				     .message = message,
			     });
}

/* ---- the door */

static int command_succeed(struct devbus_request *request, struct devbus_json *result)
{
	int r = tell(request, &(struct envelope_event) { .phase = ENVELOPE_SUCCEEDED, .result = result });

	devbus_json_free(result);
	return r;
}

/* Before it was accepted, failing is rejecting. */
static int command_fail(struct devbus_request *request, const char *code, const char *message)
{
	struct envelope_event event = {
		.phase = request->accepted ? ENVELOPE_FAILED : ENVELOPE_REJECTED,
		.error_code = code,
		.error_message = message,
	};

	if (!request->accepted)
		request->bus->stats.commands_rejected++;
	return tell(request, &event);
}

static int command_accept(struct devbus_request *request)
{
	struct devbus *bus = request->bus;
	int r = tell(request, &(struct envelope_event) { .phase = ENVELOPE_ACCEPTED });

	if (r == 0 || r == -ENOBUFS) { /* it is in the journal, which is what the promise needs */
		request->accepted = true;
		return 0;
	}
	struct devbus_error error;

	error_set(&error, DEVBUS_E_IO_ERROR, "the command journal cannot be written: %s", strerror(-r));
	reject_unrecorded(bus, request->name, request->id, &error);
	request_free(request);
	return r;
}

const struct door command_door = {
	.succeed = command_succeed,
	.fail = command_fail,
	.accept = command_accept,
};

/* ---- ids that are known */

struct repeat {
	struct devbus *bus;
	const char *command;
	const struct envelope_command *envelope;
};

static bool same_args(const char *known, const struct devbus_json *args)
{
	struct devbus_json *object = NULL;
	bool same;

	if (known && devbus_json_parse(known, strlen(known), &object, NULL) < 0)
		return false;
	same = devbus_json_equal(object, args);
	devbus_json_free(object);
	return same;
}

static void on_known(const struct store_command *record, void *userdata)
{
	const struct repeat *repeat = userdata;
	struct devbus_error error;

	repeat->bus->stats.commands_repeated++;
	if (strcmp(record->method, repeat->command) == 0 && same_args(record->args, repeat->envelope->args)) {
		publish_text(repeat->bus, record->method, record->event);
		return;
	}
	error_set(&error, DEVBUS_E_DUPLICATE_ID, "this id was used for %s with other arguments",
		record->method);
	reject_unrecorded(repeat->bus, repeat->command, repeat->envelope->id, &error);
}

/* ---- commands that come in */

static int make_room(struct devbus *bus)
{
	struct server *server = bus->server;
	size_t most = bus->settings.journal_max;
	int r = 0;

	if (server->journal_count >= most)
		r = store_command_prune(
			bus->store, INT64_MIN, most - most / PRUNE_SHARE - 1, &server->journal_count);
	if (r == 0 && server->journal_count >= most)
		r = -EBUSY;
	return r;
}

static bool expired(const struct devbus *bus, const struct envelope_command *envelope)
{
	return envelope->expires && !bus_clock_unsynced(bus) && bus_wall_ms(bus) >= envelope->expires_wall_ms;
}

static void run_command(struct devbus_request *request, const struct link_message *message,
	const struct envelope_command *envelope)
{
	struct devbus *bus = request->bus;

	request->args = envelope->args;
	request->method = server_method(bus, request->name, true);
	if (message->retained)
		devbus_fail(request, DEVBUS_E_RETAINED,
			"a command must not be retained: it would run at every connect");
	else if (expired(bus, envelope))
		devbus_fail(request, DEVBUS_E_EXPIRED, "the command came after the time in expires");
	else if (!request->method)
		devbus_fail(request, DEVBUS_E_UNKNOWN_COMMAND, "%s has no command %s; describe lists them",
			bus->name, request->name);
	else
		request_run(request, envelope->args);
}

static void on_new(struct devbus *bus, const char *command, const struct link_message *message,
	const struct envelope_command *envelope)
{
	struct devbus_request *request;
	struct devbus_error error;
	int r = make_room(bus);

	if (r == 0)
		r = request_new(bus, &command_door, command, &request);
	if (r < 0) {
		error_set(&error, r == -EBUSY ? DEVBUS_E_BUSY : DEVBUS_E_IO_ERROR, "%s",
			r == -EBUSY ? "too many unfinished commands (settings journal_max, pending_calls_max)"
				    : strerror(-r));
		reject_unrecorded(bus, command, envelope->id, &error);
		return;
	}
	strcpy(request->id, envelope->id);
	run_command(request, message, envelope);
}

static void on_object(struct devbus *bus, const char *command, const struct link_message *message,
	const struct devbus_json *object)
{
	struct envelope_command envelope = { 0 };
	struct devbus_error error = { 0 };
	int r = envelope_command_read(object, &envelope, &error);

	if (r < 0) {
		reject_unrecorded(bus, command, envelope.id, &error);
		return;
	}
	r = store_command_find(bus->store, envelope.id, on_known,
		&(struct repeat) { .bus = bus, .command = command, .envelope = &envelope });
	if (r == -ENOENT) {
		on_new(bus, command, message, &envelope);
	} else if (r < 0) {
		note_store(bus, r);
		error_set(&error, DEVBUS_E_IO_ERROR, "the command journal cannot be read: %s", strerror(-r));
		reject_unrecorded(bus, command, envelope.id, &error);
	}
}

static void on_command(struct devbus *bus, const struct link_message *message, void *userdata)
{
	char command[TOPIC_LEVEL_MAX + 1];
	struct devbus_json *object = NULL;
	struct devbus_error error = { 0 };
	int r;

	(void)userdata;
	bus->stats.commands_received++;
	if (topic_level(message->topic, 3, command) < 0) {
		bus->stats.messages_malformed++; /* the mirrored topic would be refused as well */
		log_debug("dropped a command on %s: not a topic level", message->topic);
		return;
	}
	r = bus_parse(bus, message, &object, &error);
	if (r == 0 && !object) {
		if (message->retained || message->payload_size == 0)
			error_set(&error, DEVBUS_E_MALFORMED, "the payload is empty");
		r = -EBADMSG;
	}
	if (r < 0)
		reject_unrecorded(bus, command, NULL, &error);
	else
		on_object(bus, command, message, object);
	devbus_json_free(object);
}

/* ---- */

/* By age only while the clock can be trusted: one that jumps must not forget ids. */
static void prune(void *userdata)
{
	struct devbus *bus = userdata;
	int64_t oldest_ms = bus_wall_ms(bus) - (int64_t)bus->settings.journal_days * DAY_MS;

	store_command_prune(bus->store, bus_clock_unsynced(bus) ? INT64_MIN : oldest_ms,
		bus->settings.journal_max, &bus->server->journal_count);
	loop_timer_set(bus->server->prune, loop_now_ms(bus->loop) + PRUNE_EVERY_MS);
}

int commands_open(struct devbus *bus)
{
	char filter[TOPIC_SIZE];
	int r = loop_timer_new(bus->loop, prune, bus, &bus->server->prune);

	if (r < 0)
		return r;
	prune(bus);
	r = commands_resume(bus);
	if (r == 0)
		r = topic_make_filter(filter, "cloud", "command", bus->name, "+");
	if (r == 0)
		r = bus_subscribe(bus,
			&(struct link_filter) { .filter = filter,
				.qos = 1,
				.retain_as_published = true,
				.retained_only_if_new = true },
			on_command, NULL, NULL);
	return r;
}
