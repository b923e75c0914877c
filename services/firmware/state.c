// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * The order of writes decides what a power cut leaves: the state first, then what it speaks of. Each step of an
 * installation may run twice, so "do it again" is the whole recovery.
 */
#include "state.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define STATE_FILE "state.json"

static const char *const phase_names[] = {
	[PHASE_IDLE] = "idle",
	[PHASE_DOWNLOADING] = "downloading",
	[PHASE_INSTALLING] = "installing",
	[PHASE_SUCCEEDED] = "succeeded",
	[PHASE_FAILED] = "failed",
	NULL,
};

static const struct devbus_field state_fields[] = {
	DEVBUS_FIELD(struct state, schema, .flags = DEVBUS_REQUIRED, .min = 1, .max = STATE_SCHEMA),
	DEVBUS_FIELD(struct state, phase, .flags = DEVBUS_REQUIRED, .choices = phase_names),
	DEVBUS_FIELD(struct state, id),
	DEVBUS_FIELD(struct state, version),
	DEVBUS_FIELD(struct state, slot),
	DEVBUS_FIELD(struct state, sha256),
	DEVBUS_FIELD(struct state, bytes),
	DEVBUS_FIELD(struct state, error_code, .flags = DEVBUS_OMIT_EMPTY),
	DEVBUS_FIELD(struct state, error_message, .flags = DEVBUS_OMIT_EMPTY),
	DEVBUS_FIELD(struct state, changed),
	{ 0 },
};

const char *phase_name(enum phase phase)
{
	return phase_names[phase];
}

enum phase state_phase(const struct state *state)
{
	for (size_t i = 0; phase_names[i]; i++)
		if (strcmp(state->phase, phase_names[i]) == 0)
			return (enum phase)i;
	return PHASE_IDLE;
}

int state_enter(int dir_fd, struct state *state, enum phase phase)
{
	state->schema = STATE_SCHEMA;
	snprintf(state->phase, sizeof(state->phase), "%s", phase_name(phase));
	devbus_time(state->changed);
	return devbus_file_save(dir_fd, STATE_FILE, state_fields, state);
}

int state_load(int dir_fd, struct state *ret_state)
{
	struct state state;
	int r = devbus_file_load(dir_fd, STATE_FILE, state_fields, &state);
	if (r == -ENOENT) {
		memset(&state, 0, sizeof(state));
		snprintf(state.phase, sizeof(state.phase), "%s", phase_name(PHASE_IDLE));
		r = 0;
	}
	if (r == 0)
		*ret_state = state;
	return r;
}

void state_set_error(struct state *state, const struct devbus_error *error)
{
	snprintf(state->error_code, sizeof(state->error_code), "%s", error->code);
	snprintf(state->error_message, sizeof(state->error_message), "%s", error->message);
}

int state_install(int dir_fd, const struct slots *slots, struct state *state)
{
	struct slot_record record = { .bytes = state->bytes };
	snprintf(record.version, sizeof(record.version), "%s", state->version);
	snprintf(record.sha256, sizeof(record.sha256), "%s", state->sha256);
	int r = slots_install(slots, state->slot[0], &record);
	if (r == 0)
		r = slots_activate(slots, state->slot[0]);
	if (r < 0)
		return r;
	/* The switch is made. If that cannot be written down, the next start makes it again. */
	r = state_enter(dir_fd, state, PHASE_SUCCEEDED);
	if (r < 0)
		devbus_log(DEVBUS_LOG_ERROR, "state.json: %s", strerror(-r));
	return 0;
}

static int finish_switch(int dir_fd, const struct slots *slots, struct state *state)
{
	int r = state_install(dir_fd, slots, state);
	if (r != -ENOENT)
		return r;
	struct devbus_error error = { DEVBUS_E_IO_ERROR, "the image was gone after a restart" };
	state_set_error(state, &error);
	return state_enter(dir_fd, state, PHASE_FAILED);
}

int state_recover(int dir_fd, const struct slots *slots, struct state *state)
{
	if (state_phase(state) == PHASE_INSTALLING)
		return finish_switch(dir_fd, slots, state);
	return slots_drop_part(slots);
}
