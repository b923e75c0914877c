// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* How the state of the service looks from outside: the retained `progress`, the answer to `update`, and `status`. */
#ifndef FIRMWARE_REPORT_H
#define FIRMWARE_REPORT_H

#include "machine.h"

struct progress_state {
	char state[16];
	char version[VERSION_MAX + 1];
	uint32_t percent;
	uint64_t bytes;
	uint64_t size;
};

extern const struct devbus_field result_fields[]; /* of an update, for `describe` */

/* Publishes the state `progress` and keeps it in *@shown. @progress NULL: a state was entered. */
void report_progress(struct devbus *bus, struct progress_state *shown, const struct record *record,
	const struct machine_progress *progress);

/* Answers an `update`: with its result, or why it failed. */
void report_answer(struct devbus_request *request, const struct record *record);

/* Answers `status`. */
int report_status(
	struct devbus_request *request, const struct machine *machine, const struct progress_state *shown);

#endif
