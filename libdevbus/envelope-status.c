// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * The status of a service (protocol 3). The same object is the will, which the broker sends when nobody of us is
 * there to explain it: so it says for which birth it speaks, and a reader compares.
 */
#include "envelope-build.h"
#include <errno.h>
#include <string.h>

static const char *const state_names[] = {
	[ENVELOPE_STARTING] = "starting",
	[ENVELOPE_ONLINE] = "online",
	[ENVELOPE_DEGRADED] = "degraded",
	[ENVELOPE_OFFLINE] = "offline",
	[ENVELOPE_LOST] = "lost",
};
#define STATES (sizeof(state_names) / sizeof(state_names[0]))

const char *envelope_state_name(enum envelope_state state)
{
	return state_names[state];
}

int envelope_status_write(const struct envelope_status *status, struct devbus_json **ret_object)
{
	struct devbus_json *object = devbus_json_new_object();
	int r;

	if (!object)
		return -ENOMEM;
	if ((r = envelope_put_text(object, "state", state_names[status->state])) < 0 ||
		(r = envelope_put_text(object, "reason", status->reason)) < 0 ||
		(r = envelope_stamp(object, status->wall_ms, status->clock_unsynced)) < 0 ||
		(r = status->pid ? envelope_put_number(object, "pid", (double)status->pid) : 0) < 0 ||
		(r = envelope_put_text(object, "version", status->version)) < 0 ||
		(r = envelope_put_text(object, "boot_id", status->boot_id)) < 0)
		return envelope_finish(r, object, ret_object);
	r = envelope_put_number(object, "incarnation", (double)status->incarnation);
	return envelope_finish(r, object, ret_object);
}

static int read_state(const struct devbus_json *object, enum envelope_state *ret_state)
{
	const char *name = devbus_json_string(devbus_json_get(object, "state"));

	for (size_t i = 0; name && i < STATES; i++)
		if (strcmp(name, state_names[i]) == 0) {
			*ret_state = (enum envelope_state)i;
			return 0;
		}
	return -EINVAL;
}

/* An optional whole number of 0..2^53, the range that every JSON reader keeps exactly. */
static int read_count(const struct devbus_json *object, const char *name, uint64_t *ret_count)
{
	const struct devbus_json *member = devbus_json_get(object, name);
	double number = 0;

	if (member && devbus_json_number(member, &number) < 0)
		return -EINVAL;
	if (!(number >= 0 && number <= 9007199254740992.0) || number != (double)(uint64_t)number)
		return -EINVAL;
	*ret_count = (uint64_t)number;
	return 0;
}

static int read_time(const struct devbus_json *object, int64_t *ret_wall_ms)
{
	const char *text = NULL;

	if (envelope_get_text(object, "time", &text) < 0)
		return -EINVAL;
	return text ? envelope_time_read(text, ret_wall_ms) : 0;
}

int envelope_status_read(const struct devbus_json *object, struct envelope_status *ret_status)
{
	struct envelope_status status = { 0 };
	const char *clock = NULL;
	uint64_t pid = 0;

	if (read_state(object, &status.state) < 0 ||
		envelope_get_text(object, "reason", &status.reason) < 0 ||
		envelope_get_text(object, "version", &status.version) < 0 ||
		envelope_get_text(object, "boot_id", &status.boot_id) < 0 ||
		envelope_get_text(object, "clock", &clock) < 0 || read_time(object, &status.wall_ms) < 0 ||
		read_count(object, "pid", &pid) < 0 ||
		read_count(object, "incarnation", &status.incarnation) < 0)
		return -EINVAL;
	status.pid = (int64_t)pid;
	status.clock_unsynced = clock && strcmp(clock, "unsynced") == 0;
	*ret_status = status;
	return 0;
}

bool envelope_status_stale(const struct envelope_status *known, const struct envelope_status *news)
{
	return news->state == ENVELOPE_LOST && news->incarnation < known->incarnation;
}
