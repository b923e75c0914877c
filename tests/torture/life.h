// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* What the scenarios with a bus share: a service of their own, time that goes by, and whether all is well afterwards. */
#ifndef DEVBUS_TEST_LIFE_H
#define DEVBUS_TEST_LIFE_H

#include "serve-kit.h"
#include "torture.h"
#include <errno.h>

/* A service with a subscription to x/+, a section, a state and the methods of serve-kit.h; life_start() also connects it. */
void life_open(void);
void life_start(void);
int life_heard(void); /* messages on x/1 so far */

/* Goes on by @ms, in steps of a second or 60 of them, with a broker, a bridge and a cloud that do what they should. */
void life_goes_on(int64_t ms);

/* The broker goes and comes back within a minute. */
void life_reconnect(void);

/* A message of somebody else's. */
void life_deliver(const char *topic, const char *payload);

/* Half an hour later the service is connected, says that it is online, and does all that it did before. */
void life_is_well(void);

/* The same, and then all is closed and removed. */
void life_ends_well(void);

/* Publishes {"n":@n} as item "x". */
int life_publish(enum devbus_publication what, int n);

/* How often {"n":@n,...} was published on @topic, since the last kit_open() or kit_try_open(). */
unsigned life_published(const char *topic, int n);

/* The last payload on @topic; NULL: none. */
const char *life_last(const char *topic);

#endif
