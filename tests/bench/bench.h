// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * What is measured is the same for every contender: bench.c has the roles and the figures, and each program adds one
 * contender, which knows how one library sends and waits. So a difference in the figures is one of libraries.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/* A JSON object of 100 bytes, which is what devbus sends for struct bench_text. */
#define BENCH_TEXT_SIZE 88
#define BENCH_PAYLOAD_SIZE 100

struct bench_options {
	const char *role;
	const char *at; /* path of a Unix socket, or address of a bus; NULL: port */
	const char *user, *password; /* the user is the client id, too */
	const char *peer; /* user of the other side */
	const char *kind; /* of devbus's events: volatile, reliable, durable */
	unsigned port, qos, count, batch, subscriptions, interval_ms;
};
extern struct bench_options bench_options;

/* A negative errno ends the program; what was not asked of a contender is NULL. */
struct contender {
	const char *name;
	int (*open)(void); /* connects, and listens to what the role needs */
	int (*ask)(void); /* a caller: sends one request; bench_answered() follows */
	int (*publish)(unsigned qos); /* a publisher: sends one event. -EAGAIN: run() first */
	int (*flush)(void); /* a publisher: until the broker has acknowledged all of QoS 1 */
	int (*run)(void); /* until bench_stopped, or, for a publisher, until something was acknowledged */
	void (*close)(void); /* takes leave */
	int (*hub)(void); /* a role of its own, in place of a broker */
};
extern const struct contender contender;

extern atomic_bool bench_stopped;

extern char bench_payload[BENCH_PAYLOAD_SIZE + 1];

void bench_ready(void); /* tells the driver, once */
void bench_answered(void); /* a caller's answer is there: the next request is asked from inside */
void bench_arrived(void); /* a subscriber's event */

#endif
