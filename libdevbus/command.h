// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* What the files of the command door share: in (command.c), out (command-tell.c), after a start (command-resume.c). */
#ifndef DEVBUS_INTERNAL_COMMAND_H
#define DEVBUS_INTERNAL_COMMAND_H

#include "serve.h"

/* Sends an event that is on disk no more, or cannot be: for those who listen now. 0 or a negative errno. */
int command_publish(struct devbus *bus, const char *command, const char *text, bool repeat);

/* An answer that has no record of its own: no id could be read, or it is somebody else's, or the disk is full. */
void command_reject(
	struct devbus *bus, const char *command, const char *id, const struct devbus_error *error);

/* Shows in log and status what came of using the journal. */
void command_note_store(struct devbus *bus, int r);

/*
 * A final state that cannot be written now is kept in the request and tried again each second; runs from the server's timer `retry`.
 * Dropped with the request.
 */
void command_retry_finals(void *bus);
void command_forget_final(struct devbus_request *request);

/* ---- command-secrets.c; @method NULL: any argument may be secret */
bool command_has_secrets(const struct devbus_method *method);

/* Leaves of each secret in @args (NULL: none) only that it was there. 0 or -ENOMEM. */
int command_hide_secrets(const struct devbus_method *method, struct devbus_json *args);

/*
 * What the journal is to keep of the arguments of an accepted request once it is final: *@ret_args, which the caller frees, or all as
 * it is (untouched). 0 or a negative errno.
 */
int command_args_to_keep(const struct devbus_request *request, char **ret_args);

#endif
