// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* What the contenders that speak MQTT listen to and send to: the topics that devbus has for the same, with the same ACL. */
#ifndef BENCH_TOPICS_H
#define BENCH_TOPICS_H

#include "bench.h"
#include <stdio.h>
#include <string.h>

struct bench_topics {
	char to[128], from[128]; /* "" : none */
	bool echo; /* what comes from one goes to the other */
	bool counts;
};

static inline struct bench_topics bench_topics(void)
{
	const char *user = bench_options.user, *peer = bench_options.peer;
	struct bench_topics topics = { .echo = strcmp(bench_options.role, "server") == 0 };

	if (topics.echo) {
		snprintf(topics.from, sizeof topics.from, "service/%s/call/echo", user);
		snprintf(topics.to, sizeof topics.to, "service/%s/reply/0123456789abcdef", peer);
	} else if (strcmp(bench_options.role, "caller") == 0) {
		snprintf(topics.to, sizeof topics.to, "service/%s/call/echo", peer);
		snprintf(topics.from, sizeof topics.from, "service/%s/reply/0123456789abcdef", user);
	} else if (strcmp(bench_options.role, "publisher") == 0) {
		snprintf(topics.to, sizeof topics.to, "service/%s/event/text", user);
	} else if (strcmp(bench_options.role, "subscriber") == 0) {
		snprintf(topics.from, sizeof topics.from, "service/%s/event/text", peer);
		topics.counts = true;
	}
	return topics;
}

#endif
