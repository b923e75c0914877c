// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * Filling a struct devbus_error, with all that can go wrong there (NULL, too long, cut inside a character)
 * done once.
 */
#ifndef DEVBUS_INTERNAL_ERROR_H
#define DEVBUS_INTERNAL_ERROR_H

#include <devbus/error.h>

/*
 * Sets code and message; what is too long is cut between two UTF-8 characters. @ret_error may be NULL, and
 * the arguments may point into it, so that a caller can put words before a message that it got.
 */
void error_set(struct devbus_error *ret_error, const char *code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
