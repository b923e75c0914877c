// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * The door to the cloud, inwards: cloud/command/<service>/<command> (protocol 4). An id that is known is answered from the
 * journal and does not run again.
 */
#include "command.h"
#include "durable.h"
#include "server.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	DAY_MS = 24 * 3600 * 1000,
	PRUNE_EVERY_MS = 3600 * 1000,
	PRUNE_SHARE =
		8, /* how much more than needed is forgotten, so that the disk is touched once for several */
	REJECTED_SHARE = 4, /* how much of the journal is for ids that were rejected */
};

/* ---- ids that are known */

/* A copy of what is needed of the record: the store must be left alone while it is read. */
struct known {
	char method[TOPIC_LEVEL_MAX + 1];
	char *args, *event;
	uint64_t seq;
	bool final;
	int r; /* -ENOMEM: not copied */
};

static void copy_known(const struct store_command *record, void *userdata)
{
	struct known *known = userdata;

	strncpy(known->method, record->method, sizeof known->method - 1);
	known->args = record->args ? strdup(record->args) : NULL;
	known->event = strdup(record->event);
	known->seq = record->seq;
	known->final = record->final;
	known->r = !known->event || (record->args && !known->args) ? -ENOMEM : 0;
}

static bool same(const struct devbus_json *some, const struct devbus_json *others)
{
	/* No arguments and none in the object are the same. */
	return devbus_json_equal(some, others) || devbus_json_count(some) + devbus_json_count(others) == 0;
}

/* Of secrets, which are not kept once it is final, only whether they are there. 0 or -ENOMEM. */
static int compare_args(const struct known *known, const struct devbus_method *method,
	const struct devbus_json *args, bool *ret_same)
{
	struct devbus_json *kept = NULL, *copy = args ? devbus_json_copy(args) : NULL;
	int r = args && !copy ? -ENOMEM : 0;

	if (r == 0 && known->final)
		r = command_hide_secrets(method, copy);
	if (r == 0 && known->args)
		r = devbus_json_parse(known->args, strlen(known->args), &kept, NULL);
	if (r != -ENOMEM)
		*ret_same = r == 0 && same(kept, copy);
	devbus_json_free(kept);
	devbus_json_free(copy);
	return r == -ENOMEM ? r : 0;
}

static int on_known(struct devbus *bus, const char *command, const struct envelope_command *envelope,
	const struct known *known)
{
	struct devbus_error error;
	bool same = false;
	int r = strcmp(known->method, command) == 0
			? compare_args(known, server_method(bus, command, true), envelope->args, &same)
			: 0;

	if (r < 0)
		return r;
	bus->stats.commands_repeated++;
	if (same) {
		/* An event that overtook those before it would look like a loss of them (protocol 6.2). */
		if (!durable_will_send(bus, known->seq))
			command_publish(bus, command, known->event, true);
		return 0;
	}
	error_set(
		&error, DEVBUS_E_DUPLICATE_ID, "this id was used for %s with other arguments", known->method);
	command_reject(bus, command, envelope->id, &error);
	return 0;
}

/* Whether the id is known cannot be told, so any answer might be a lie; the sender repeats it until it hears something. */
static void leave_unanswered(struct devbus *bus, const char *command, int r)
{
	log_error("a command %s is not answered: the journal cannot be read: %s", command, strerror(-r));
	command_note_store(bus, r);
}

/* ---- commands that come in */

/* How many rejected ids are kept. */
static size_t rejected_max(const struct devbus *bus)
{
	size_t most = bus->settings.journal_max / REJECTED_SHARE;

	return most ? most : 1;
}

static int forget(struct devbus *bus, int64_t oldest_ms, size_t most, size_t most_rejected)
{
	struct server *server = bus->server;
	int r = store_command_prune_rejected(bus->store, most_rejected, &server->rejected_count);

	return r < 0 ? r : store_command_prune(bus->store, oldest_ms, most, &server->journal_count);
}

static size_t with_room(size_t most)
{
	return most - most / PRUNE_SHARE - 1;
}

static int make_room(struct devbus *bus)
{
	const struct server *server = bus->server;
	size_t most = bus->settings.journal_max, most_rejected = rejected_max(bus);
	bool full = server->journal_count >= most, crowded = server->rejected_count >= most_rejected;
	int r = 0;

	if (full || crowded)
		r = forget(bus, INT64_MIN, full ? with_room(most) : most,
			crowded ? with_room(most_rejected) : most_rejected);
	if (r == 0 && server->journal_count >= most)
		r = -EBUSY;
	return r;
}

static bool expired(struct devbus *bus, const struct envelope_command *envelope)
{
	int64_t now_ms;

	return envelope->expires && bus_trusted_ms(bus, &now_ms) && now_ms >= envelope->expires_wall_ms;
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
	int r = request_may_come(bus) ? make_room(bus) : -EBUSY;

	if (r == 0)
		r = request_new(bus, &command_door, command, &request);
	if (r < 0) {
		error_set(&error, r == -EBUSY ? DEVBUS_E_BUSY : DEVBUS_E_IO_ERROR, "%s",
			r == -EBUSY ? "too many unfinished commands (settings journal_max, pending_calls_max)"
				    : strerror(-r));
		command_reject(bus, command, envelope->id, &error);
		return;
	}
	strcpy(request->id, envelope->id);
	run_command(request, message, envelope);
}

static void ignore_record(const struct store_command *record, void *userdata)
{
	(void)record, (void)userdata;
}

/* An id that can be read has its final state by this, too; unless it has one. */
static void on_malformed(
	struct devbus *bus, const char *command, const char *id, const struct devbus_error *error)
{
	struct devbus_request *request;
	int r = id[0] ? store_command_find(bus->store, id, ignore_record, NULL) : 0;

	if (r < 0 && r != -ENOENT) {
		leave_unanswered(bus, command, r);
		return;
	}
	if (r == 0 || !request_may_come(bus) || make_room(bus) < 0 ||
		request_new(bus, &command_door, command, &request) < 0) {
		command_reject(bus, command, id, error);
		return;
	}
	strcpy(request->id, id);
	devbus_fail(request, error->code, "%s", error->message);
}

static void on_object(struct devbus *bus, const char *command, const struct link_message *message,
	const struct devbus_json *object)
{
	struct envelope_command envelope = { 0 };
	struct known known = { 0 };
	struct devbus_error error = { 0 };
	int r = envelope_command_read(object, &envelope, &error);

	if (r < 0) {
		on_malformed(bus, command, envelope.id, &error);
		return;
	}
	r = store_command_find(bus->store, envelope.id, copy_known, &known);
	if (r == 0)
		r = known.r < 0 ? known.r : on_known(bus, command, &envelope, &known);
	free(known.args);
	free(known.event);
	if (r == -ENOENT)
		on_new(bus, command, message, &envelope);
	else if (r < 0)
		leave_unanswered(bus, command, r);
}

/* No command: it has no id and no answer (protocol 6.5). */
static void on_ack(struct devbus *bus, const struct link_message *message)
{
	struct devbus_json *object = NULL;

	if (bus_parse(bus, message, &object, NULL) == 0 && object)
		durable_confirmed_by_cloud(bus, object);
	else
		bus->stats.messages_malformed++;
	devbus_json_free(object);
}

static void on_command(struct devbus *bus, const struct link_message *message, void *userdata)
{
	char command[TOPIC_LEVEL_MAX + 1];
	struct devbus_json *object = NULL;
	struct devbus_error error = { 0 };
	int r;

	(void)userdata;
	if (topic_matches("cloud/command/+/" COMMAND_ACK, message->topic)) {
		on_ack(bus, message);
		return;
	}
	bus->stats.commands_received++;
	if (topic_level(message->topic, 3, command) < 0) {
		bus->stats.messages_malformed++; /* the mirrored topic would be refused as well */
		log_debug("dropped a command on %s: not a topic level", message->topic);
		return;
	}
	r = bus_parse(bus, message, &object, &error);
	if (r == 0 && !object && message->retained)
		return; /* somebody clears a retained command */
	if (r == 0 && !object) {
		error_set(&error, DEVBUS_E_MALFORMED, "the payload is empty");
		r = -EBADMSG;
	}
	if (r < 0)
		command_reject(bus, command, NULL, &error);
	else
		on_object(bus, command, message, object);
	devbus_json_free(object);
}

/* ---- */

/* By age only while the clock can be trusted: one that jumps must not forget ids. */
static void prune(void *userdata)
{
	struct devbus *bus = userdata;
	int64_t days_ms = (int64_t)bus->settings.journal_days * DAY_MS, now_ms;
	int64_t oldest_ms = bus_trusted_ms(bus, &now_ms) ? now_ms - days_ms : INT64_MIN;

	forget(bus, oldest_ms, bus->settings.journal_max, rejected_max(bus));
	loop_timer_set(bus->server->prune, loop_now_ms(bus->loop) + PRUNE_EVERY_MS);
}

int commands_open(struct devbus *bus)
{
	char filter[TOPIC_SIZE];
	int r = loop_timer_new(bus->loop, prune, bus, &bus->server->prune);

	if (r == 0)
		r = loop_timer_new(bus->loop, command_retry_finals, bus, &bus->server->retry);
	if (r < 0)
		return r;
	for (const struct devbus_method *method = bus->server->methods; method->name; method++)
		if (command_has_secrets(method))
			store_erase_what_goes(bus->store);
	prune(bus);
	r = topic_make_filter(filter, "cloud", "command", bus->name, "+");
	if (r == 0)
		r = bus_subscribe(bus,
			&(struct link_filter) { .filter = filter,
				.qos = 1,
				.retain_as_published = true,
				.retained_only_if_new = true },
			on_command, NULL, NULL);
	if (r < 0)
		return r;
	r = commands_resume(bus);
	if (r < 0)
		bus_unsubscribe(bus, filter, on_command);
	return r;
}
