// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* A program that prints a number, as a source. */
#ifndef DEVBUS_SENSOR_EXEC_H
#define DEVBUS_SENSOR_EXEC_H

#include "catalog.h"

/*
 * Runs @source->path with the argument @source->attribute and takes the first number that it prints; the program and its children are killed
 * after @source->timeout_ms. In a reader's thread. Returns 0, -ETIMEDOUT, -ECHILD (it failed, whatever it printed), -EBADMSG (no number)
 * or the negative errno of starting it.
 */
int exec_read(int root, const struct source *source, double *ret_value);

#endif
