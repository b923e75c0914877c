// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * A link without a broker: it writes down what the bus asks for, and the test says what happens. Like the real one it does one thing
 * at a time: after connect, subscribe or unsubscribe it is busy (-EAGAIN) until fake_link_finish(). What was granted is kept, as a broker
 * does, so that messages come with the number of the filter that they match.
 */
#ifndef DEVBUS_TEST_FAKE_LINK_H
#define DEVBUS_TEST_FAKE_LINK_H

#include "link.h"
#include <check.h>

/* Like ck_assert(), but takes no memory while it holds: for what also runs when memory is made short. */
#define require(condition)                                                                                   \
	do {                                                                                                 \
		if (!(condition))                                                                            \
			ck_abort_msg("%s", #condition);                                                      \
	} while (0)

enum fake_kind { FAKE_CONNECT, FAKE_SUBSCRIBE, FAKE_UNSUBSCRIBE, FAKE_PUBLISH, FAKE_DISCONNECT };

/* One thing that the bus asked for. What it points to lives as long as the link. */
struct fake_record {
	enum fake_kind kind;
	char *name; /* topic or filter; of a connect: the client id */
	char *payload; /* of a publish; of a connect: the will */
	size_t payload_size;
	int qos;
	bool retained;
	char *response_topic;
	char *correlation;
	size_t correlation_size;
	uint32_t token;
	struct link_filter filter; /* of a subscribe; its string is name */
	bool acknowledged, taken;
};

enum { FAKE_RECORDS = 4096, FAKE_FILTERS = 64, FAKE_BYTES = 1 << 20 };

struct fake_link {
	struct link link;
	struct loop *loop;
	struct loop_timer *acknowledge; /* for automatic */
	struct fake_record records[FAKE_RECORDS];
	size_t count;
	char bytes[FAKE_BYTES]; /* what the records point to */
	size_t used;

	/* what the test chooses */
	int connect_result, subscribe_result, publish_result, unsubscribe_result; /* 0, or what is returned */
	const char *refused; /* this filter is refused; NULL: none */
	bool automatic; /* acknowledges from the loop, as a broker that is there */
	bool connects_late; /* a connect under way succeeds while disconnect waits for it */
	bool left_behind; /* what free tells */

	/* what it is at */
	bool busy, connected, connecting;
	struct link_options options; /* of the last connect; strings of its record */
	struct link_filter asked[FAKE_FILTERS], granted[FAKE_FILTERS]; /* strings of records */
	size_t asked_count, granted_count;
	uint32_t last_token;
};

/* The one made last. Also made here, for tests without a bus. */
extern struct fake_link *fake_link;
int fake_link_new(
	struct loop *loop, const struct link_events *events, void *userdata, struct link **ret_link);

/* The first record of that kind, and of that name unless it is NULL, that was not taken yet; NULL: none. */
struct fake_record *fake_link_take(enum fake_kind kind, const char *name);
size_t fake_link_count(enum fake_kind kind, const char *name); /* of those not taken yet */
void fake_link_take_all(void);

/* What was begun ends well: subscribed() for each filter, connected() after a connect, writable(). */
void fake_link_finish(void);
void fake_link_lose(const char *reason); /* also: the attempt to connect failed */
void fake_link_acknowledge(struct fake_record *record, int reason);
void fake_link_acknowledge_all(void);

/* A message for each filter granted that it matches, with that one's number. How many. */
unsigned fake_link_deliver(const struct link_message *message);
void fake_link_deliver_text(const char *topic, const char *payload);

#endif
