// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * Who is there, and whether that is still true. When a broker and a service die together no will is published, and what the
 * returned broker says about the service is a memory (protocol 3.5). Pure: statuses and times go in.
 *
 * An epoch begins with each connection of ours. We see our own birth come back behind everything that the broker had kept for us, and
 * retained statuses are part of that: from then on the roster is settled, and a status that comes is news.
 */
#ifndef BRIDGE_ROSTER_H
#define BRIDGE_ROSTER_H

#include <devbus/devbus.h>

#define ROSTER_NAME_SIZE 65
#define ROSTER_BOOT_ID_SIZE 65
#define ROSTER_MAX 1024 /* services; above that all names count as known */

/* The own birth always comes back; should a broker lose it, the roster settles so long after it began all the same. */
#define ROSTER_SETTLE_MAX_MS 10000

struct roster_entry {
	char name[ROSTER_NAME_SIZE];
	struct devbus_json *status; /* the last one */
	double incarnation; /* the highest one */
	bool alive; /* it says so: starting, online or degraded */
	bool proven; /* in this epoch */
	bool asked; /* in this epoch */
};

struct roster {
	const char *own; /* the name of this service. Borrowed */
	struct roster_entry *entries;
	size_t count, size;
	double own_incarnation;
	char boot_id[ROSTER_BOOT_ID_SIZE]; /* of our own status; "": not known yet */
	bool settled;
	int64_t epoch_ms; /* when it was settled; before that: when it began */
	unsigned epoch;
};

void roster_begin(struct roster *roster, const char *own, int64_t now_ms);
void roster_clear(struct roster *roster);

/* One message on service/NAME/status. */
struct roster_message {
	const char *name;
	const struct devbus_json *status; /* NULL: the topic was cleared, the service is no more */
	bool retained;
	bool connected; /* devbus_connected(): before that, what comes is what was kept for us */
};

/* Takes it. Returns whether a new epoch was settled, that is, whether we have just connected. */
bool roster_heard(struct roster *roster, const struct roster_message *message, int64_t now_ms);

/* Settles an epoch in which our own birth does not come. To be called now and then; only time while connected counts. */
bool roster_settle_late(struct roster *roster, bool connected, int64_t now_ms);

/* Whether there is, or may be, a service of that name, be it stopped. */
bool roster_knows(const struct roster *roster, const char *name);

/* Whether some service has still to show that it lives. */
bool roster_has_suspects(const struct roster *roster);

/* The next suspect that was not asked yet; it counts as asked now. NULL: none. Borrowed until the next message. */
const char *roster_ask(struct roster *roster);

/* The service answered; or nothing can be said, since the broker does not answer either: it is to be asked again. */
void roster_answered(struct roster *roster, const char *name);
void roster_ask_again(struct roster *roster, const char *name);

/* It did not answer. Returns the status that is to be published in its place, or NULL: it is no suspect any more. */
struct devbus_json *roster_lost(struct roster *roster, const char *name, const char *time);

#endif
