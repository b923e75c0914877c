// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * Reads sources in threads, so that one that is slow or hangs delays nobody else, and with a bounded number of threads.
 *
 * All that is ordered together is read by one thread, one source after the other. If that gets stuck in one of them, what it has not begun
 * is taken away from it and given to another thread, and its lane (a chip, a bus) counts as slow for a while: sources of slow lanes are
 * read on their own, one at a time for each lane. A lane that hangs holds one thread, and its sources wait for that one.
 */
#ifndef DEVBUS_SENSOR_READER_H
#define DEVBUS_SENSOR_READER_H

#include "catalog.h"
#include <devbus/devbus.h>

/* At most so many threads. Two of them are kept from slow lanes: for all others, and for who takes over. */
#define READERS_MAX 16

struct readers;

/* An answer to reader_order(). In the loop's thread. */
typedef void reader_handler(void *userdata, uint32_t number, int error, double value);
/* After one or more of them. */
typedef void reader_settled(void *userdata);

/* @root is an fd, of which the readers take a copy. Returns 0, -ENOMEM or -EMFILE. */
int readers_new(struct devbus *bus, int root, reader_handler *handler, reader_settled *settled,
	void *userdata, struct readers **ret_readers);

/* Those that hang are left to themselves. NULL is fine. */
void readers_free(struct readers *readers);

/* Wants @source read (copied). What cannot be taken for want of memory is answered with -ENOMEM at once. */
void readers_order(struct readers *readers, uint32_t number, const struct source *source);

/* Begins with what was ordered, as far as there are threads; the rest follows by itself. */
void readers_start(struct readers *readers);

/* How many threads are at work. */
unsigned readers_busy(const struct readers *readers);

#endif
