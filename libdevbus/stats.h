// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* What the method `stats` shows (protocol 4.7): counters since the start of the process, and gauges filled in when asked. */
#ifndef DEVBUS_INTERNAL_STATS_H
#define DEVBUS_INTERNAL_STATS_H

#include <devbus/field.h>

struct stats {
	uint64_t connects, connect_failures, losses;
	uint64_t messages_received, messages_malformed, messages_unmatched;
	uint64_t messages_published, messages_refused, messages_dropped;
	uint64_t calls_received, calls_refused, calls_made, calls_timed_out;
	uint64_t commands_received, commands_repeated, commands_rejected;
	uint64_t subscriptions, subscriptions_refused;
	uint64_t handlers_slow, handler_slowest_ms;
	uint64_t events_waiting, events_bytes, events_limit_bytes, events_confirmed, events_dropped;
	uint64_t queue_messages, queue_bytes, queue_limit_bytes;
	uint64_t requests_pending, calls_pending, pending_max;
	uint64_t uptime_ms;
};
extern const struct devbus_field stats_fields[];

#endif
