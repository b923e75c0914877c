// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* How the state of the service looks from outside: the retained `progress`, the answer to `update`, and `status`. */
#ifndef FIRMWARE_REPORT_H
#define FIRMWARE_REPORT_H

#include "state.h"

struct progress_state {
	char state[16];
	char version[VERSION_MAX + 1];
	uint32_t percent;
	uint64_t bytes;
	uint64_t size;
};

extern const struct devbus_field result_fields[]; /* of a succeeded update, for `describe` */

/* Publishes the state `progress` and keeps it in *@progress. @percent may be negative: not known. */
void report_progress(struct devbus *bus, struct progress_state *progress, const struct state *state,
	int percent, uint64_t bytes, uint64_t size);

/* The same when no update runs. */
void report_end(struct devbus *bus, struct progress_state *progress, const struct state *state);

/* Answers an `update` that is over: PHASE_SUCCEEDED or PHASE_FAILED. */
void report_answer(struct devbus_request *request, const struct state *state);

/* Answers `status`. @word: what goes on now. */
int report_status(struct devbus_request *request, const char *word, const struct slots *slots,
	const struct state *state, const struct progress_state *progress);

/* The slot in force and its record; empty ones when nobody wrote them down. What is damaged is logged. */
void report_active(const struct slots *slots, char *ret_slot, struct slot_record *ret_record);

#endif
