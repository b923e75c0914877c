// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* The events of one command as they come in, shown to a person (protocol 4.2). */
#ifndef DEVBUSCTL_FOLLOW_H
#define DEVBUSCTL_FOLLOW_H

#include "pretty.h"

struct follow {
	const char *service, *command, *id; /* borrowed */
	struct pretty pretty; /* standard error */
	bool json;
	bool open_line; /* a progress line stands on the terminal */
	bool seen, final, succeeded;
	char state[16];
	double seq; /* of the last event */
};

void follow_begin(struct follow *follow, const char *service, const char *command, const char *id, bool json);

/* Whether @event (NULL is fine) is one of ours and was not seen before; then it has been shown. */
bool follow_event(struct follow *follow, const struct devbus_json *event);

/* Ends the progress line. */
void follow_end(struct follow *follow);

#endif
