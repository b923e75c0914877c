// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* What the library itself needs of the log beside devbus_log() of the public header. */
#ifndef DEVBUS_INTERNAL_LOG_H
#define DEVBUS_INTERNAL_LOG_H

#include <devbus/devbus.h>

/* The word in front of each line: the service's name (copied, cut at 64 bytes). Before it is set: "devbus". */
void log_set_name(const char *name);

/* Reads $DEVBUS_LOG and looks whether standard error is the journal ($JOURNAL_STREAM). Unknown words mean info. */
void log_setup(void);

/* Whether a line of this level would be shown, for callers that must work to make one. */
bool log_shows(enum devbus_log_level level);

#define log_error(...) devbus_log(DEVBUS_LOG_ERROR, __VA_ARGS__)
#define log_warning(...) devbus_log(DEVBUS_LOG_WARNING, __VA_ARGS__)
#define log_info(...) devbus_log(DEVBUS_LOG_INFO, __VA_ARGS__)
#define log_debug(...) devbus_log(DEVBUS_LOG_DEBUG, __VA_ARGS__)

#endif
