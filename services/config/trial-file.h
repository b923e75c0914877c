// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* A trial in the file of its section: member "trial". */
#ifndef DEVBUS_CONFIG_TRIAL_FILE_H
#define DEVBUS_CONFIG_TRIAL_FILE_H

#include "section.h"

/* Adds it to @object. 0 or -ENOMEM. */
int trial_write(const struct trial *trial, struct devbus_json *object);

/* @object may be NULL: no trial. 0, -EBADMSG or -ENOMEM. */
int trial_read(struct trial *ret_trial, const struct devbus_json *object);

void trial_clear(struct trial *trial);

#endif
