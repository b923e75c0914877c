// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * The last update, as it stands on disk: written before each step is acted on, so that after a crash or power cut
 * the next start knows what was being done and finishes or undoes it.
 */
#ifndef FIRMWARE_STATE_H
#define FIRMWARE_STATE_H

#include "slots.h"

enum phase {
	PHASE_IDLE, /* no update yet */
	PHASE_DOWNLOADING, /* the part file grows; the slots are untouched */
	PHASE_INSTALLING, /* whole and verified; name, record and switch follow, all repeatable */
	PHASE_SUCCEEDED,
	PHASE_FAILED,
};

#define STATE_SCHEMA 1

struct state {
	uint32_t schema;
	char phase[16];
	char id[65]; /* of the command; "": a local call */
	char version[VERSION_MAX + 1];
	char slot[2];
	char sha256[SHA256_TEXT_SIZE]; /* of the image; from PHASE_INSTALLING on */
	uint64_t bytes;
	char error_code[32]; /* of PHASE_FAILED */
	char error_message[256];
	char changed[DEVBUS_TIME_SIZE]; /* when it was written */
};

const char *phase_name(enum phase phase);
enum phase state_phase(const struct state *state); /* PHASE_IDLE for a word that is not known */

/* Sets phase and time and writes the file. Returns 0 or a negative errno; *@state is changed in any case. */
int state_enter(int dir_fd, struct state *state, enum phase phase);

/* Reads it; a missing file is PHASE_IDLE. Returns 0, -EBADMSG (damaged, or of a newer schema) or another negative errno. */
int state_load(int dir_fd, struct state *ret_state);

void state_set_error(struct state *state, const struct devbus_error *error);

/*
 * What a start finds: finishes a switch that was begun and drops what was downloaded of an image. PHASE_DOWNLOADING is left as it
 * is: the command may be resumed. Returns 0 or a negative errno.
 */
int state_recover(int dir_fd, const struct slots *slots, struct state *state);

/* Name, record, switch: from PHASE_INSTALLING to PHASE_SUCCEEDED. Returns 0 or a negative errno. */
int state_install(int dir_fd, const struct slots *slots, struct state *state);

#endif
