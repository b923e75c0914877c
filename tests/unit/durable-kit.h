// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* Durable events under a bridge that the test holds in its hand: tokens come back when it says so. */
#ifndef DEVBUS_TEST_DURABLE_KIT_H
#define DEVBUS_TEST_DURABLE_KIT_H

#include "durable.h"
#include "full-disk.h"
#include "json-text.h"
#include "serve-kit.h"
#include <errno.h>

#define EVENT_TOPIC "cloud/event/unit/x"
#define TOKEN_TOPIC "service/bridge/echo/unit"

static inline int publish_one(enum devbus_publication what, size_t size)
{
	struct devbus_json *object = devbus_json_new_object();
	char *text = calloc(1, size + 1);

	memset(text, 'x', size);
	ck_assert_int_eq(devbus_json_set(object, "text", devbus_json_new_string(text)), 0);
	free(text);
	return devbus_publish_json(kit.bus, what, "x", object);
}

static inline void publish_many(enum devbus_publication what, int count)
{
	for (int i = 0; i < count; i++)
		ck_assert_int_eq(publish_one(what, 1), 0);
}

static inline void publish_durable(int count)
{
	publish_many(DEVBUS_CLOUD_DURABLE, count);
}

/* The next ones that went out are numbers @first to @last, each with our stream, and no other. */
static inline void assert_sent(int first, int last)
{
	struct fake_record *record;
	char number[16];

	for (int i = first; i <= last; i++) {
		record = kit_published(EVENT_TOPIC);
		snprintf(number, sizeof number, "%d", i);
		kit_assert_member(record, "seq", number);
		kit_assert_member(record, "stream", store_stream(kit.bus->store));
		ck_assert(record->qos == 1 && !record->retained);
	}
	ck_assert_ptr_null(kit_published(EVENT_TOPIC));
}

/* Without a look at the numbers; how many. */
static inline int take_sent(void)
{
	int count = 0;

	while (kit_published(EVENT_TOPIC))
		count++;
	return count;
}

/* The next token ends with @end, such as ":3"; for echo(). */
static inline struct fake_record *token_of(const char *end)
{
	struct fake_record *token = kit_published(TOKEN_TOPIC);

	ck_assert_msg(token, "no token %s", end);
	ck_assert_uint_gt(strlen(token->payload), strlen(end));
	ck_assert_str_eq(token->payload + strlen(token->payload) - strlen(end), end);
	return token;
}

static inline void no_token(void)
{
	struct fake_record *token = kit_published(TOKEN_TOPIC);

	ck_assert_msg(!token, "unexpected token %s", token ? token->payload : "");
}

static inline void echo_text(const char *text)
{
	fake_link_deliver_text("service/bridge/echoed/unit", text);
}

static inline void echo(const struct fake_record *token)
{
	echo_text(token->payload);
}

/* The local broker acknowledges what there is and what follows, with wide windows. */
static inline void acknowledge_all(void)
{
	kit_dispatch();
	kit_bridge_works();
	fake_link_acknowledge_all();
}

static inline void assert_waiting(size_t count)
{
	ck_assert_uint_eq(durable_count(kit.bus), count);
}

static inline void reconnect(void)
{
	fake_link_lose("gone");
	fake_link_take_all();
	kit_turn(60000);
	ck_assert(fake_link->connecting);
	fake_link_finish();
	ck_assert(devbus_connected(kit.bus));
	kit_bridge_works();
}

/* As kill -9 and a new start do. */
static inline void reopen(void)
{
	kit_kill();
	kit_open(0);
	kit_dispatch();
	ck_assert(fake_link->connecting);
	fake_link_finish();
	kit_bridge_works();
}

/* What the fake link remembers is bounded: from here on it is forgotten again by forget_sent_so_far(). */
struct mark {
	size_t count, used;
};

static inline struct mark mark_here(void)
{
	return (struct mark) { fake_link->count, fake_link->used };
}

static inline void forget_sent_since(struct mark mark)
{
	fake_link->count = mark.count;
	fake_link->used = mark.used;
}

/* The status that others read now. */
static inline const char *state_now(void)
{
	struct fake_record *record, *last = NULL;

	acknowledge_all();
	while ((record = kit_published("service/unit/status")))
		last = record;
	return kit_member(last, "state");
}

#endif
