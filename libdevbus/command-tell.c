// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * The door to the cloud, outwards: the life of a command as events on the mirrored topic (protocol 4.2). The journal makes the
 * promise: each state is on disk before it is told or acted on, so that a command survives a crash and never runs twice.
 * Rejections are journalled as well: an id has exactly one final state.
 */
#include "command.h"
#include "durable.h"
#include "json.h"
#include "server.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { RETRY_MS = 1000 };

static int event_topic(const struct devbus *bus, const char *command, char topic[TOPIC_SIZE])
{
	return topic_make(topic, "cloud", "event", bus->name, command);
}

/* An event that is on disk no more, or cannot be: for those who listen. */
int command_publish(struct devbus *bus, const char *command, const char *text, bool repeat)
{
	char topic[TOPIC_SIZE];
	struct outbox_message message = {
		.class = OUTBOX_COMMAND,
		.cloud = true,
		.repeat = repeat,
		.message = { .topic = topic, .payload = text, .payload_size = strlen(text), .qos = 1 },
	};
	int r = event_topic(bus, command, topic);

	return r < 0 ? r : bus_send(bus, &message);
}

static char *print_event(const struct devbus *bus, struct envelope_event *event)
{
	struct devbus_json *object;

	event->wall_ms = bus_wall_ms(bus);
	event->clock_unsynced = bus_clock_unsynced(bus);
	return envelope_event_write(event, &object) < 0 ? NULL : json_print_and_free(object);
}

void command_note_store(struct devbus *bus, int r)
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

static int print_args(const struct devbus_request *request, bool final, char **ret_args)
{
	struct devbus_json *args = request->args ? devbus_json_copy(request->args) : NULL;
	int r = request->args && !args ? -ENOMEM : 0;

	if (r == 0 && final)
		r = command_hide_secrets(request->method, args);
	if (r < 0 || !args) {
		devbus_json_free(args);
		return r;
	}
	*ret_args = json_print_and_free(args);
	return *ret_args ? 0 : -ENOMEM;
}

static int write_record(const struct devbus_request *request, const struct store_command *record)
{
	struct server *server = request->bus->server;
	int r = request->accepted ? store_command_update(request->bus->store, record)
				  : store_command_add(request->bus->store, record);

	if (r == 0 && !request->accepted) {
		server->journal_count++;
		server->rejected_count += record->rejected;
	}
	return r;
}

static int save_event(struct devbus_request *request, const struct envelope_event *event, const char *text)
{
	struct devbus *bus = request->bus;
	char topic[TOPIC_SIZE], *args = NULL;
	struct store_command record = {
		.id = request->id,
		.method = request->name,
		.event = text,
		.seq = event->seq,
		.final = envelope_phase_final(event->phase),
		.rejected = event->phase == ENVELOPE_REJECTED,
		.wall_ms = journal_ms(bus, event),
		.topic = topic,
		.class = OUTBOX_COMMAND,
	};
	int r = event_topic(bus, request->name, topic);

	if (r == 0)
		r = durable_make_room(
			bus, OUTBOX_COMMAND, strlen(topic) + strlen(text) + STORE_EVENT_OVERHEAD);
	if (r == 0 && request->accepted && record.final)
		r = command_args_to_keep(request, &args);
	if (r == 0 && !request->accepted)
		r = print_args(request, record.final, &args);
	record.args = args;
	if (r == 0)
		r = write_record(request, &record);
	free(args);
	return r;
}

/* What does not fit now and never will. */
static bool too_large(const struct devbus *bus, const char *text)
{
	size_t size = strlen(text);

	return size > bus->settings.payload_limit_bytes ||
	       size + TOPIC_SIZE + STORE_EVENT_OVERHEAD > bus->settings.outbox_limit_bytes;
}

/* To the disk first, the journal and the outbox at once, then to the cloud. */
static int tell(struct devbus_request *request, struct envelope_event *event)
{
	struct devbus *bus = request->bus;
	char *text;
	int r;

	durable_commit(bus); /* an open batch has numbers before ours */
	event->id = request->id;
	event->stream = store_stream(bus->store);
	event->seq = store_next_seq(bus->store);
	text = print_event(bus, event);
	if (!text)
		return -ENOMEM;
	if (too_large(bus, text)) {
		free(text);
		return -EMSGSIZE; /* before it is written: nobody would ever hear of it */
	}
	r = save_event(request, event, text);
	command_note_store(bus, r);
	if (r == 0)
		durable_send(bus);
	free(text);
	return r;
}

/* An answer that has no record of its own: no id could be read, or it is somebody else's, or the disk is full. */
void command_reject(struct devbus *bus, const char *command, const char *id, const struct devbus_error *error)
{
	struct envelope_event event = {
		.id = id && id[0] ? id : NULL,
		.phase = ENVELOPE_REJECTED,
		.wall_ms = bus_wall_ms(bus),
		.clock_unsynced = bus_clock_unsynced(bus),
		.error_code = error->code,
		.error_message = error->message,
	};
	struct devbus_json *object;
	char topic[TOPIC_SIZE], *text;

	bus->stats.commands_rejected++;
	if (event_topic(bus, command, topic) < 0 || envelope_event_write(&event, &object) < 0)
		return;
	durable_commit(bus);
	if (durable_publish(bus, OUTBOX_COMMAND, topic, object, 0) == 0)
		return;
	text = print_event(bus, &event);
	if (text)
		command_publish(bus, command, text, false);
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

/* ---- final states, which must not get lost: the work is done, and would be taken for unfinished after a restart */

static int tell_final(struct devbus_request *request)
{
	const struct final *final = &request->final;

	return tell(request, &(struct envelope_event) {
				     .phase = final->result ? ENVELOPE_SUCCEEDED : ENVELOPE_FAILED,
				     .result = final->result,
				     .error_code = final->result ? NULL : final->error.code,
				     .error_message = final->result ? NULL : final->error.message,
			     });
}

/* Memory and disks recover; a result that is too large stays too large. */
static bool may_work_later(int r)
{
	return r < 0 && r != -EMSGSIZE;
}

void command_forget_final(struct devbus_request *request)
{
	devbus_json_free(request->final.result);
	request->final.result = NULL;
	request->final.waits = false;
}

void command_retry_finals(void *userdata)
{
	struct devbus *bus = userdata;
	struct devbus_request *next;
	bool left = false;

	for (struct devbus_request *request = bus->server->pending; request; request = next) {
		next = request->next;
		if (!request->final.waits)
			continue;
		if (may_work_later(tell_final(request)))
			left = true;
		else
			request_free(request);
	}
	if (left)
		loop_timer_set(bus->server->retry, loop_now_ms(bus->loop) + RETRY_MS);
}

void commands_closing(struct devbus *bus)
{
	if (bus->server)
		command_retry_finals(bus);
}

/* Takes @result; NULL: it failed with request->final.error. DOOR_KEPT: it cannot be written now. */
static int finish(struct devbus_request *request, struct devbus_json *result)
{
	int r;

	request->final.result = result;
	r = tell_final(request);
	/* What was not accepted was not promised; its arguments are gone when the handler returns. */
	if (request->accepted && may_work_later(r)) {
		request->final.waits = true;
		loop_timer_set(request->bus->server->retry, loop_now_ms(request->bus->loop) + RETRY_MS);
		return DOOR_KEPT;
	}
	command_forget_final(request);
	return r;
}

/* ---- the door */

static int reject(struct devbus_request *request, const char *code, const char *message)
{
	struct devbus_error error;
	int r = tell(
		request, &(struct envelope_event) {
				 .phase = ENVELOPE_REJECTED, .error_code = code, .error_message = message });

	if (r == 0) {
		request->bus->stats.commands_rejected++;
		return 0;
	}
	error_set(&error, code, "%s", message); /* a full disk is no reason for silence */
	command_reject(request->bus, request->name, request->id, &error);
	return r;
}

/* Before it was accepted, failing is rejecting. */
static int command_fail(struct devbus_request *request, const char *code, const char *message)
{
	if (!request->accepted)
		return reject(request, code, message);
	error_set(&request->final.error, code, "%s", message);
	return finish(request, NULL);
}

static int command_succeed(struct devbus_request *request, struct devbus_json *result)
{
	int r = finish(request, result);

	if (r == -EMSGSIZE)
		r = command_fail(request, DEVBUS_E_INTERNAL,
			"the result is larger than payload_limit_bytes or outbox_limit_bytes");
	else if (r < 0 && !request->accepted)
		command_fail(request, DEVBUS_E_IO_ERROR, "the command journal cannot be written");
	return r;
}

static int command_accept(struct devbus_request *request)
{
	struct devbus *bus = request->bus;
	struct devbus_error error;
	int r = tell(request, &(struct envelope_event) { .phase = ENVELOPE_ACCEPTED });

	if (r == 0) {
		request->accepted = true;
		return 0;
	}
	error_set(&error, DEVBUS_E_IO_ERROR, "the command journal cannot be written: %s", strerror(-r));
	command_reject(bus, request->name, request->id, &error);
	request_free(request);
	return r;
}

const struct door command_door = {
	.succeed = command_succeed,
	.fail = command_fail,
	.accept = command_accept,
};
