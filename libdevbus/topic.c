// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * MQTT lets nearly every text be a topic; brokers do not, and answer a topic that they dislike by closing
 * the connection. What is accepted here is what all of them take: UTF-8 without the code points that MQTT
 * 5.0 section 1.5.4 merely advises against, wildcards only where section 4.7 has them.
 */
#include "topic.h"

#include "utf8.h"

#include <devbus/devbus.h>
#include <errno.h>
#include <string.h>

static size_t level_length(const char *level)
{
	return strcspn(level, "/");
}

/* ---- checks */

static bool is_level_byte(char byte)
{
	return (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte == '_' || byte == '-';
}

bool topic_level_valid(const char *level)
{
	if (!level)
		return false;
	size_t length = 0;
	while (is_level_byte(level[length]))
		length++;
	return length >= 1 && length <= TOPIC_LEVEL_MAX && level[length] == '\0';
}

static bool is_noncharacter(uint32_t point)
{
	return (point >= 0xfdd0 && point <= 0xfdef) || (point & 0xfffe) == 0xfffe;
}

static bool text_valid(const char *text)
{
	size_t left = strnlen(text, TOPIC_SIZE);
	if (left == 0 || left == TOPIC_SIZE)
		return false;
	for (; left > 0 && *text >= ' ' && *text <= '~'; left--)
		text++;
	while (left > 0) {
		uint32_t point;
		const size_t length = utf8_decode(text, left, &point);
		if (length == 0 || utf8_is_control(point) || is_noncharacter(point))
			return false;
		text += length;
		left -= length;
	}
	return true;
}

bool topic_name_valid(const char *topic)
{
	return topic && topic[0] != '$' && !strpbrk(topic, "+#") && text_valid(topic);
}

/* Wildcards stand alone in their level, and '#' only in the last one. */
static bool wildcards_valid(const char *filter)
{
	for (;;) {
		const size_t length = level_length(filter), wildcard = strcspn(filter, "+#");
		const bool last = filter[length] == '\0';
		if (wildcard < length && (length != 1 || (filter[0] == '#' && !last)))
			return false;
		if (last)
			return true;
		filter += length + 1;
	}
}

bool topic_filter_valid(const char *filter)
{
	static const char shared[] = "$share/";
	return filter && strncmp(filter, shared, strlen(shared)) != 0 && text_valid(filter) &&
	       wildcards_valid(filter);
}

/* ---- matching */

static bool level_matches(const char *filter, const char *topic)
{
	const size_t length = level_length(filter);
	if (filter[0] == '+')
		return true;
	return length == level_length(topic) && memcmp(filter, topic, length) == 0;
}

/* Both are valid. @topic is NULL behind its last level, where only "#" matches. */
static bool levels_match(const char *filter, const char *topic)
{
	for (;;) {
		if (filter[0] == '#')
			return true;
		if (!topic || !level_matches(filter, topic))
			return false;
		filter += level_length(filter);
		topic += level_length(topic);
		if (!*filter)
			return !*topic;
		filter++;
		topic = *topic ? topic + 1 : NULL;
	}
}

bool topic_matches(const char *filter, const char *topic)
{
	if (!filter || !topic || !*filter || !*topic)
		return false;
	if (strpbrk(topic, "+#") || !wildcards_valid(filter))
		return false;
	if (topic[0] == '$' && filter[0] != '$')
		return false;
	return levels_match(filter, topic);
}

bool devbus_topic_matches(const char *filter, const char *topic)
{
	return topic_matches(filter, topic);
}

/* ---- building and taking apart */

static bool buildable(const char *level, bool filter, bool last)
{
	if (filter && (strcmp(level, "+") == 0 || (last && strcmp(level, "#") == 0)))
		return true;
	return topic_level_valid(level);
}

int topic_build(char topic[TOPIC_SIZE], bool filter, const char *const levels[])
{
	char built[TOPIC_SIZE];
	size_t length = 0;
	if (!levels[0])
		return -EINVAL;
	for (size_t i = 0; levels[i]; i++)
		if (!buildable(levels[i], filter, !levels[i + 1]))
			return -EINVAL;
	for (size_t i = 0; levels[i]; i++) {
		const size_t size = strlen(levels[i]);
		if (length + size + 1 > sizeof(built))
			return -ENAMETOOLONG;
		memcpy(built + length, levels[i], size);
		length += size;
		built[length++] = '/';
	}
	built[length - 1] = '\0';
	memcpy(topic, built, length);
	return 0;
}

int topic_level(const char *topic, unsigned index, char level[TOPIC_LEVEL_MAX + 1])
{
	char copy[TOPIC_LEVEL_MAX + 1];
	for (; index > 0; index--) {
		topic += level_length(topic);
		if (*topic++ == '\0')
			return -ENOENT;
	}
	const size_t length = level_length(topic);
	if (length > TOPIC_LEVEL_MAX)
		return -EINVAL;
	memcpy(copy, topic, length);
	copy[length] = '\0';
	if (!topic_level_valid(copy))
		return -EINVAL;
	memcpy(level, copy, length + 1);
	return 0;
}
