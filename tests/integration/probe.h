// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * A service whose job is to be tested: each method uses one part of the public interface in the way that services do,
 * and tells what it saw from inside, which no test can see from the broker. It includes nothing of the library's
 * own, so it also shows that the public header is enough.
 */
#ifndef DEVBUS_TESTS_PROBE_H
#define DEVBUS_TESTS_PROBE_H

#include <devbus/devbus.h>
#include <pthread.h>
#include <signal.h>

enum { TURN_MS = 20, ROUNDS_MAX = 1000, NUMBERS_MAX = 1 << 17 };

struct own_settings {
	uint32_t limit;
	char greeting[32];
};

struct configuration {
	uint32_t level;
	char mode[16]; /* "refuse": is refused */
	char key[32]; /* a secret */
};

/* What the health method tells. */
struct health {
	bool connected;
	uint32_t worst_lag_ms; /* of a timer, since it was last asked for */
	uint32_t fds;
	uint32_t resident_kib;
	uint32_t published, publish_errors;
	uint32_t seen, distinct, configured; /* distinct: numbers of a stream */
	struct own_settings own;
	struct configuration configuration;
	struct devbus_json *last_seen;
};

struct stream {
	char item[65];
	enum devbus_publication kind;
	uint32_t left, number, burst, size;
	struct devbus_timer *timer;
};

struct latency {
	struct devbus_request *request;
	uint32_t rounds, done;
	int64_t sent_us, took_us[ROUNDS_MAX];
};

struct probe {
	struct devbus *bus;
	struct health health;
	struct stream stream;
	struct latency latency;
	bool number_seen[NUMBERS_MAX];
	int64_t last_turn_ms;
	pthread_t thread;
	int thread_pipe[2];
	volatile sig_atomic_t stop;
};

extern struct probe probe;

int64_t now_us(void);

/* ---- the methods and their arguments */

struct add {
	int32_t a, b;
};
extern const struct devbus_field add_fields[];

struct error {
	int32_t number;
};
extern const struct devbus_field error_fields[];

struct wait {
	uint32_t ms;
};
extern const struct devbus_field wait_fields[];

struct work {
	uint32_t steps, interval_ms;
	bool fail;
};
extern const struct devbus_field work_fields[];

struct call {
	char service[65], method[65];
	struct devbus_json *args;
	uint32_t timeout_ms;
};
extern const struct devbus_field call_fields[];

struct echo {
	struct devbus_json *value;
};
extern const struct devbus_field echo_fields[];

extern const struct devbus_field sum_fields[];

struct item {
	char item[65];
	struct devbus_json *value;
};
extern const struct devbus_field item_fields[];

struct order {
	char item[65], kind[16];
	uint32_t count, interval_ms, burst, size;
};
extern const struct devbus_field order_fields[];

struct filter {
	char filter[128];
	bool stop;
};
extern const struct devbus_field filter_fields[];

struct rounds {
	uint32_t rounds;
};
extern const struct devbus_field rounds_fields[];

devbus_handler on_echo, on_add, refuse_busy, on_error, on_block, on_later, on_progress, on_resume, on_call,
	on_state, on_stream, on_follow, on_latency;
devbus_message_handler on_round;

#endif
