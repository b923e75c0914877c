// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * The first line is a filter, the rest a topic. The matcher is compared with a second one that is written
 * as plainly as MQTT 5.0 section 4.7 reads, by recursion, and the parts of a topic must build the topic.
 */
#include "topic.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool good)
{
	if (!good)
		abort();
}

/* @filter is valid, @topic is a name. */
static bool plain_matches(const char *filter, const char *topic)
{
	if (strcmp(filter, "#") == 0)
		return true;
	if (*topic == '\0')
		return *filter == '\0' || strcmp(filter, "/#") == 0 || strcmp(filter, "+") == 0 ||
		       strcmp(filter, "+/#") == 0;
	if (*filter == '+')
		return *topic == '/' ? plain_matches(filter + 1, topic) : plain_matches(filter, topic + 1);
	return *filter == *topic && plain_matches(filter + 1, topic + 1);
}

static void check_levels(const char *topic)
{
	char levels[8][TOPIC_LEVEL_MAX + 1], built[TOPIC_SIZE];
	const char *list[9] = { NULL };
	for (unsigned i = 0; i < 8 && topic_level(topic, i, levels[i]) == 0; i++) {
		require(topic_level_valid(levels[i]));
		list[i] = levels[i];
		list[i + 1] = NULL;
	}
	if (topic_build(built, false, list) == 0)
		require(topic_name_valid(built) && strncmp(built, topic, strlen(built)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *filter = strndup((const char *)data, size);
	char *topic = strchr(filter, '\n');
	if (topic) {
		*topic++ = '\0';
		const bool matches = topic_matches(filter, topic);
		if (topic_filter_valid(filter) && topic_name_valid(topic))
			require(matches == plain_matches(filter, topic));
		if (topic_name_valid(topic))
			require(topic_filter_valid(topic) && topic_matches(topic, topic) &&
				topic_matches("#", topic));
		check_levels(topic);
	}
	free(filter);
	return 0;
}
