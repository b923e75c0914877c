// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* The services that have a status, by name. */
#ifndef DEVBUSCTL_ROSTER_H
#define DEVBUSCTL_ROSTER_H

#include "pretty.h"

/* A device has a handful; more than this is not shown. */
#define ROSTER_MAX 256

struct roster_entry {
	char name[65];
	struct devbus_json *status; /* owned */
};

/* All zero is an empty one. */
struct roster {
	size_t count;
	struct roster_entry entries[ROSTER_MAX]; /* sorted by name */
};

struct roster_view {
	size_t count;
	const struct roster_entry *entries[ROSTER_MAX]; /* borrowed */
};

/*
 * Takes in what came on service/NAME/status; @status is copied, NULL: the topic was cleared. A `lost` older than the
 * birth that is known is ignored (protocol 3.2). Returns 0, -EINVAL (the topic), -ENOSPC or -ENOMEM.
 */
int roster_update(struct roster *roster, const char *topic, const struct devbus_json *status);

/* Borrowed; NULL: not there. */
const struct devbus_json *roster_find(const struct roster *roster, const char *name);

/* A table for people. */
void roster_print(const struct roster_view *view, struct pretty pretty);

void roster_clear(struct roster *roster);

#endif
