// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * A broker in a process of its own, where nothing fails: it takes whatever comes and acknowledges it, which is all that a link needs to
 * be lived through. A subscription to x/+ gets one message back.
 */
#ifndef DEVBUS_TEST_BROKER_H
#define DEVBUS_TEST_BROKER_H

#include <stdatomic.h>
#include <stdint.h>

/* What it has seen. */
struct broker_seen {
	atomic_uint connects, farewells, publishes; /* farewells: the will is not published */
};
extern struct broker_seen *broker_seen;

/* Starts it on a free port, which is returned. */
uint16_t broker_start(void);
void broker_stop(void);

#endif
