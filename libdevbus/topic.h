// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * Topic names and filters: built only from checked levels, because a wrong one costs the whole
 * connection (the broker closes it). Pure functions.
 */
#ifndef DEVBUS_INTERNAL_TOPIC_H
#define DEVBUS_INTERNAL_TOPIC_H

#include <stdbool.h>
#include <stddef.h>

/* The longest topic or filter that is sent, in bytes with its NUL: the smallest limit of the clouds named in doc/broker.md. */
#define TOPIC_SIZE 257

/* The longest level, in bytes (protocol 1.3). */
#define TOPIC_LEVEL_MAX 64

/* [a-z0-9_-]{1,64} (protocol 1.3). NULL is not valid. */
bool topic_level_valid(const char *level);

/* A name that may be published to / a filter that may be subscribed to: MQTT 5.0 sections 1.5.4 and 4.7, and TOPIC_SIZE. */
bool topic_name_valid(const char *topic);
bool topic_filter_valid(const char *filter);

/* MQTT 5.0 section 4.7: '+', '#' (also its parent level), and wildcards do not reach first levels that begin with '$'. */
bool topic_matches(const char *filter, const char *topic);

/*
 * Writes "a/b/c" from @levels, a list ended by NULL. Each level is checked (a level may be "+" or "#" when
 * @filter). Returns 0, -EINVAL (a bad level) or -ENAMETOOLONG.
 */
int topic_build(char topic[TOPIC_SIZE], bool filter, const char *const levels[]);

/* Shorthands: topic_make(topic, "service", name, "status") and the same for filters. */
#define topic_make(topic, ...) topic_build(topic, false, (const char *const[]) { __VA_ARGS__, NULL })
#define topic_make_filter(topic, ...) topic_build(topic, true, (const char *const[]) { __VA_ARGS__, NULL })

/*
 * Level number @index (0 = first) of @topic, copied to @level. Returns 0, -ENOENT (there is none) or -EINVAL (it is not a
 * valid level of protocol 1.3).
 */
int topic_level(const char *topic, unsigned index, char level[TOPIC_LEVEL_MAX + 1]);

#endif
