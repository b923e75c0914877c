// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * How a call, a command, an event and a status look on the wire (protocol 2 to 5): the only place that
 * knows member names. Pure: bytes or values in, values out; time comes in as an argument.
 */
#ifndef DEVBUS_INTERNAL_ENVELOPE_H
#define DEVBUS_INTERNAL_ENVELOPE_H

#include <devbus/json.h>
#include <stdint.h>

/* ---- time (protocol 2.2): RFC 3339 UTC with milliseconds, "2026-01-31T12:00:00.000Z" */
#define ENVELOPE_TIME_SIZE 25
void envelope_time_print(int64_t wall_ms, char text[ENVELOPE_TIME_SIZE]); /* @wall_ms: since 1970 UTC */
/* Also reads other precisions and offsets that RFC 3339 allows. Returns 0 or -EINVAL. */
int envelope_time_read(const char *text, int64_t *ret_wall_ms);

/* ---- errors (2.3): {"code":...,"message":...} */
struct devbus_json *envelope_error(const char *code, const char *message); /* NULL: out of memory */

/* ---- status (3.1) */
enum envelope_state {
	ENVELOPE_STARTING,
	ENVELOPE_ONLINE,
	ENVELOPE_DEGRADED,
	ENVELOPE_OFFLINE,
	ENVELOPE_LOST,
};
struct envelope_status {
	enum envelope_state state;
	const char *reason; /* NULL: not written. When read: borrowed from the object */
	const char *version; /* NULL: not written */
	const char *boot_id; /* NULL: not written */
	int64_t wall_ms;
	int64_t pid; /* 0: not written */
	uint64_t incarnation;
	bool clock_unsynced;
};
const char *envelope_state_name(enum envelope_state state);
int envelope_status_write(const struct envelope_status *status, struct devbus_json **ret_object);
int envelope_status_read(
	const struct devbus_json *object, struct envelope_status *ret_status); /* 0, -EINVAL */
/* Whether @news must be ignored by a reader that has @known: a `lost` older than the known birth (3.2). */
bool envelope_status_stale(const struct envelope_status *known, const struct envelope_status *news);

/* ---- commands (4.1) */
#define ENVELOPE_ID_MAX 64
struct envelope_command {
	char id[ENVELOPE_ID_MAX + 1]; /* "" when it could not be read */
	const struct devbus_json *args; /* borrowed from the object; NULL: absent */
	bool expires;
	int64_t expires_wall_ms;
};
/*
 * Reads {"id","args","expires"}. On -EINVAL @ret_error says what is wrong ("malformed") and ret_command->id is the id if it
 * could be read, else "".
 */
int envelope_command_read(const struct devbus_json *object, struct envelope_command *ret_command,
	struct devbus_error *ret_error);
bool envelope_id_valid(const char *id); /* [A-Za-z0-9._:-]{1,64} */

/* ---- command events (4.2) */
enum envelope_phase {
	ENVELOPE_ACCEPTED,
	ENVELOPE_RUNNING,
	ENVELOPE_SUCCEEDED,
	ENVELOPE_FAILED,
	ENVELOPE_REJECTED,
};
struct envelope_event {
	const char *id; /* NULL: null on the wire (malformed commands) */
	enum envelope_phase phase;
	int64_t wall_ms;
	bool clock_unsynced;
	const char *stream; /* NULL: not written */
	uint64_t seq; /* 0: not written */
	int percent; /* running: negative: not written */
	const char *step, *message; /* running: NULL: not written */
	struct devbus_json *result; /* succeeded: copied into the event; NULL: {} */
	const char *error_code, *error_message; /* failed, rejected */
};
const char *envelope_phase_name(enum envelope_phase phase);
int envelope_phase_read(const char *name, enum envelope_phase *ret_phase); /* 0, -EINVAL */
bool envelope_phase_final(enum envelope_phase phase);
int envelope_event_write(const struct envelope_event *event, struct devbus_json **ret_object);

/* ---- responses (5.1): {"result":{...}} or {"error":{...}}; arguments are taken, also on failure */
struct devbus_json *envelope_result(struct devbus_json *result); /* NULL: out of memory */
struct devbus_json *envelope_failure(const char *code, const char *message);
/*
 * Reads one. Exactly one of @ret_result (borrowed) and @ret_error is set: 0 = a result, 1 = an error, -EINVAL = neither.
 */
int envelope_response_read(const struct devbus_json *object, const struct devbus_json **ret_result,
	struct devbus_error *ret_error);

/* Adds `time` and, when @clock_unsynced, `clock` to an event's object unless it has them (2.2). 0 or -ENOMEM. */
int envelope_stamp(struct devbus_json *object, int64_t wall_ms, bool clock_unsynced);

#endif
