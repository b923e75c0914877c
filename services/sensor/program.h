// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* Programs that print a number, as sources. They run beside the loop by themselves, so they need no thread. */
#ifndef DEVBUS_SENSOR_PROGRAM_H
#define DEVBUS_SENSOR_PROGRAM_H

#include "reader.h"

struct programs;

/* Answers go to @handler, and then @settled is called, as those of the readers. Returns 0 or -ENOMEM. */
int programs_new(struct devbus *bus, reader_handler *handler, reader_settled *settled, void *userdata,
	struct programs **ret_programs);

/* Those that run are killed. NULL is fine. */
void programs_free(struct programs *programs);

/*
 * Runs @source->path with the argument @source->attribute. The answer is the number with which what it prints begins, or -ETIMEDOUT (killed, with its
 * children, after @source->timeout_ms), -ECHILD (it failed, whatever it printed), -EBADMSG (no number) or the errno of starting it,
 * which comes at once.
 */
void programs_order(struct programs *programs, uint32_t number, const struct source *source);

#endif
