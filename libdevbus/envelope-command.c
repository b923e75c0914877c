// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * A command as it comes in and the events that answer it (protocol 4). What a phase adds to its event is a
 * table, so that no event can carry a member of another phase.
 */
#include "envelope-build.h"
#include "error.h"
#include <errno.h>
#include <string.h>

bool envelope_id_valid(const char *id)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-";
	size_t size = id ? strspn(id, allowed) : 0;

	return size >= 1 && size <= ENVELOPE_ID_MAX && id[size] == '\0';
}

static int malformed(struct devbus_error *ret_error, const char *what)
{
	error_set(ret_error, DEVBUS_E_MALFORMED, "%s", what);
	return -EINVAL;
}

static int read_args(
	const struct devbus_json *object, struct envelope_command *command, struct devbus_error *ret_error)
{
	command->args = devbus_json_get(object, "args");
	if (command->args && devbus_json_type(command->args) != DEVBUS_JSON_OBJECT)
		return malformed(ret_error, "args must be an object");
	return 0;
}

static int read_expires(
	const struct devbus_json *object, struct envelope_command *command, struct devbus_error *ret_error)
{
	const struct devbus_json *expires = devbus_json_get(object, "expires");

	if (!expires)
		return 0;
	command->expires = true;
	if (envelope_time_read(devbus_json_string(expires), &command->expires_wall_ms) < 0)
		return malformed(
			ret_error, "expires must be an RFC 3339 time such as \"2026-01-31T12:00:00.000Z\"");
	return 0;
}

int envelope_command_read(const struct devbus_json *object, struct envelope_command *ret_command,
	struct devbus_error *ret_error)
{
	struct envelope_command command = { .id = "" };
	const char *id = devbus_json_string(devbus_json_get(object, "id"));
	int r;

	*ret_command = command;
	if (!object || devbus_json_type(object) != DEVBUS_JSON_OBJECT)
		return malformed(ret_error, "a command must be one JSON object");
	if (!envelope_id_valid(id))
		return malformed(ret_error, "id must be a string of 1 to 64 of A-Z a-z 0-9 . _ : -");
	memcpy(command.id, id, strlen(id) + 1);
	memcpy(ret_command->id, id, strlen(id) + 1);
	if ((r = read_args(object, &command, ret_error)) < 0 ||
		(r = read_expires(object, &command, ret_error)) < 0)
		return r;
	*ret_command = command;
	return 0;
}

/* ---- events */

static int put_progress(struct devbus_json *object, const struct envelope_event *event)
{
	int r = 0;

	if (event->percent >= 0)
		r = envelope_put_number(object, "progress", event->percent > 100 ? 100 : event->percent);
	if (r == 0)
		r = envelope_put_text(object, "step", event->step);
	return r < 0 ? r : envelope_put_text(object, "message", event->message);
}

static int put_result(struct devbus_json *object, const struct envelope_event *event)
{
	if (!event->result)
		return devbus_json_set(object, "result", devbus_json_new_object());
	return devbus_json_set(object, "result", devbus_json_copy(event->result));
}

static int put_failure(struct devbus_json *object, const struct envelope_event *event)
{
	return envelope_put_error(object, event->error_code, event->error_message);
}

static const struct phase {
	const char *name;
	bool final;
	int (*put)(struct devbus_json *object, const struct envelope_event *event); /* NULL: adds nothing */
} phases[] = {
	[ENVELOPE_ACCEPTED] = { "accepted", false, NULL },
	[ENVELOPE_RUNNING] = { "running", false, put_progress },
	[ENVELOPE_SUCCEEDED] = { "succeeded", true, put_result },
	[ENVELOPE_FAILED] = { "failed", true, put_failure },
	[ENVELOPE_REJECTED] = { "rejected", true, put_failure },
};
#define PHASES (sizeof(phases) / sizeof(phases[0]))

const char *envelope_phase_name(enum envelope_phase phase)
{
	return phases[phase].name;
}

bool envelope_phase_final(enum envelope_phase phase)
{
	return phases[phase].final;
}

int envelope_phase_read(const char *name, enum envelope_phase *ret_phase)
{
	for (size_t i = 0; name && i < PHASES; i++)
		if (strcmp(name, phases[i].name) == 0) {
			*ret_phase = (enum envelope_phase)i;
			return 0;
		}
	return -EINVAL;
}

int envelope_event_write(const struct envelope_event *event, struct devbus_json **ret_object)
{
	const struct phase *phase = &phases[event->phase];
	struct devbus_json *object = devbus_json_new_object();
	int r;

	if (!object)
		return -ENOMEM;
	r = event->id ? envelope_put_text(object, "id", event->id)
		      : devbus_json_set(object, "id", devbus_json_new_null());
	if (r < 0 || (r = envelope_put_text(object, "state", phase->name)) < 0 ||
		(r = envelope_stamp(object, event->wall_ms, event->clock_unsynced)) < 0 ||
		(r = envelope_put_text(object, "stream", event->stream)) < 0 ||
		(event->seq && (r = envelope_put_number(object, "seq", (double)event->seq)) < 0))
		return envelope_finish(r, object, ret_object);
	r = phase->put ? phase->put(object, event) : 0;
	return envelope_finish(r, object, ret_object);
}
