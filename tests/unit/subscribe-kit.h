// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* Subscriptions whose handler writes down what it hears. */
#ifndef DEVBUS_TEST_SUBSCRIBE_KIT_H
#define DEVBUS_TEST_SUBSCRIBE_KIT_H

#include "bus-kit.h"
#include <stdio.h>
#include <string.h>

#define STATUS "service/unit/status"

struct value {
	int32_t number;
	char text[8];
};
static const struct devbus_field fields[] = {
	DEVBUS_FIELD(struct value, number, .min = 0, .max = 9, .flags = DEVBUS_REQUIRED),
	DEVBUS_FIELD(struct value, text, .initial_text = "none"),
	{ 0 },
};

static char heard[512]; /* "<letter>:<topic> " for each message */
static struct value last;
static bool last_retained;
static int last_qos;
static void (*meddle)(struct devbus *bus, const char *letter);

static inline void note(const char *letter, const char *topic, const char *more)
{
	size_t length = strlen(heard);

	snprintf(heard + length, sizeof heard - length, "%s:%s%s ", letter, topic, more);
	ck_assert_uint_lt(strlen(heard), sizeof heard - 1);
}

static inline void on_message(struct devbus *bus, const struct devbus_message *message, void *userdata)
{
	note(userdata, message->topic, message->object ? "" : "(empty)");
	if (message->value)
		last = *(const struct value *)message->value;
	last_retained = message->retained;
	last_qos = message->qos;
	if (meddle)
		meddle(bus, userdata);
}

static inline void set_up(void)
{
	kit_set_up();
	heard[0] = '\0';
	meddle = NULL;
}

static inline void subscribe(const char *filter, const char *letter)
{
	ck_assert_int_eq(devbus_subscribe(kit.bus, filter, NULL, 0, on_message, (void *)letter), 0);
}

static inline const char *take_heard(void)
{
	static char copy[sizeof heard];

	memcpy(copy, heard, sizeof heard);
	heard[0] = '\0';
	return copy;
}

/* Whether the broker has it, in a session that outlives us. */
static inline bool granted(const char *filter)
{
	for (size_t i = 0; i < fake_link->granted_count; i++)
		if (strcmp(fake_link->granted[i].filter, filter) == 0)
			return true;
	return false;
}

static inline void reconnect(void)
{
	fake_link_lose("gone");
	fake_link_take_all();
	kit_turn(60000);
	kit_settle();
}

#endif
