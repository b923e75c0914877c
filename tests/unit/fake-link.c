// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
#include "fake-link.h"
#include "topic.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct fake_link *fake_link;

static char *copy(struct fake_link *fake, const void *data, size_t size)
{
	char *to = fake->bytes + fake->used;

	if (!data)
		return NULL;
	require(size < sizeof fake->bytes - fake->used);
	memcpy(to, data, size);
	to[size] = '\0';
	fake->used += size + 1;
	return to;
}

static char *copy_text(struct fake_link *fake, const char *text)
{
	return copy(fake, text, text ? strlen(text) : 0);
}

static struct fake_record *record(struct fake_link *fake, enum fake_kind kind, const char *name)
{
	struct fake_record *record = &fake->records[fake->count];

	require(++fake->count < FAKE_RECORDS);
	*record = (struct fake_record) { .kind = kind, .name = copy_text(fake, name) };
	return record;
}

/* ---- the functions of link.h */

static void ask(struct fake_link *fake, const struct link_filter *filters, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct fake_record *asked = record(fake, FAKE_SUBSCRIBE, filters[i].filter);

		require(fake->asked_count < FAKE_FILTERS);
		asked->filter = filters[i];
		asked->filter.filter = asked->name;
		fake->asked[fake->asked_count++] = asked->filter;
	}
	fake->busy = true;
}

static int fake_connect(struct link *link, const struct link_options *options,
	const struct link_filter *filters, size_t count)
{
	struct fake_link *fake = (struct fake_link *)link;
	struct fake_record *asked;

	if (fake->connect_result < 0)
		return fake->connect_result;
	require(!fake->connected && !fake->busy); /* asked for while it is there */
	asked = record(fake, FAKE_CONNECT, options->client_id);
	asked->payload = copy_text(fake, options->will_payload);
	fake->options = *options;
	fake->options.will_payload = asked->payload;
	fake->options.client_id = asked->name;
	fake->options.will_topic = asked->response_topic = copy_text(fake, options->will_topic);
	fake->options.user = asked->correlation = copy_text(fake, options->user);
	fake->options.host = fake->options.password = NULL;
	if (options->clean)
		fake->granted_count = 0;
	fake->connecting = true;
	ask(fake, filters, count);
	return 0;
}

static int not_now(const struct fake_link *fake, int result)
{
	if (result < 0)
		return result;
	return !fake->connected ? -ENOTCONN : fake->busy ? -EAGAIN : 0;
}

static int fake_subscribe(struct link *link, const struct link_filter *filters, size_t count)
{
	struct fake_link *fake = (struct fake_link *)link;
	int r = not_now(fake, fake->subscribe_result);

	if (r == 0)
		ask(fake, filters, count);
	return r;
}

static void forget(struct fake_link *fake, const char *filter)
{
	for (size_t i = 0; i < fake->granted_count; i++)
		if (strcmp(fake->granted[i].filter, filter) == 0)
			fake->granted[i--] = fake->granted[--fake->granted_count];
}

static int fake_unsubscribe(struct link *link, const char *filter)
{
	struct fake_link *fake = (struct fake_link *)link;
	int r = not_now(fake, fake->unsubscribe_result);

	if (r < 0)
		return r;
	record(fake, FAKE_UNSUBSCRIBE, filter);
	forget(fake, filter);
	fake->busy = true;
	return 0;
}

static int fake_publish(struct link *link, const struct link_message *message, uint32_t *ret_token)
{
	struct fake_link *fake = (struct fake_link *)link;
	int r = not_now(fake, fake->publish_result);
	struct fake_record *published;

	if (r < 0)
		return r;
	published = record(fake, FAKE_PUBLISH, message->topic);
	published->payload = copy(fake, message->payload, message->payload_size);
	published->payload_size = message->payload_size;
	published->qos = message->qos;
	published->retained = message->retained;
	published->response_topic = copy_text(fake, message->response_topic);
	published->correlation = copy(fake, message->correlation, message->correlation_size);
	published->correlation_size = message->correlation_size;
	published->acknowledged = message->qos == 0;
	if (message->qos > 0)
		*ret_token = published->token = ++fake->last_token;
	if (fake->automatic && message->qos > 0)
		loop_timer_set(fake->acknowledge, loop_now_ms(fake->loop));
	return 0;
}

static void fake_disconnect(struct link *link, uint32_t timeout_ms)
{
	struct fake_link *fake = (struct fake_link *)link;

	(void)timeout_ms;
	if (fake->connecting && fake->connects_late)
		fake_link_finish();
	if (fake->connected)
		record(fake, FAKE_DISCONNECT, "");
	fake->connected = false;
}

static bool fake_free(struct link *link)
{
	struct fake_link *fake = (struct fake_link *)link;
	bool left_behind = fake->left_behind;

	loop_timer_free(fake->acknowledge);
	free(fake);
	if (fake_link == fake)
		fake_link = NULL;
	return left_behind;
}

static void acknowledge_due(void *userdata)
{
	(void)userdata;
	fake_link_acknowledge_all();
}

int fake_link_new(struct loop *loop, const struct link_events *events, void *userdata, struct link **ret_link)
{
	static const struct link_functions functions = { fake_connect, fake_subscribe, fake_unsubscribe,
		fake_publish, fake_disconnect, fake_free };
	struct fake_link *fake = calloc(1, sizeof *fake);
	int r;

	if (!fake)
		return -ENOMEM;
	fake->link = (struct link) { &functions, events, userdata };
	fake->loop = loop;
	r = loop ? loop_timer_new(loop, acknowledge_due, fake, &fake->acknowledge) : 0;
	if (r < 0) {
		free(fake);
		return r;
	}
	fake_link = fake;
	*ret_link = &fake->link;
	return 0;
}

/* ---- what was asked for */

static bool is(const struct fake_record *record, enum fake_kind kind, const char *name)
{
	return !record->taken && record->kind == kind && (!name || strcmp(record->name, name) == 0);
}

struct fake_record *fake_link_take(enum fake_kind kind, const char *name)
{
	for (size_t i = 0; i < fake_link->count; i++) {
		if (!is(&fake_link->records[i], kind, name))
			continue;
		fake_link->records[i].taken = true;
		return &fake_link->records[i];
	}
	return NULL;
}

size_t fake_link_count(enum fake_kind kind, const char *name)
{
	size_t count = 0;

	for (size_t i = 0; i < fake_link->count; i++)
		count += is(&fake_link->records[i], kind, name);
	return count;
}

void fake_link_take_all(void)
{
	for (size_t i = 0; i < fake_link->count; i++)
		fake_link->records[i].taken = true;
}

/* ---- what happens */

static void answer(struct fake_link *fake, const struct link_filter *filter)
{
	bool refused = fake->refused && strcmp(fake->refused, filter->filter) == 0;

	forget(fake, filter->filter);
	if (!refused)
		fake->granted[fake->granted_count++] = *filter;
	fake->link.events->subscribed(fake->link.userdata, filter->id, refused ? 0x87 : filter->qos);
}

void fake_link_finish(void)
{
	struct fake_link *fake = fake_link;
	struct link_filter asked[FAKE_FILTERS];
	size_t count = fake->asked_count;
	bool fresh = fake->connecting;

	memcpy(asked, fake->asked, sizeof asked);
	fake->asked_count = 0;
	fake->busy = fake->connecting = false;
	fake->connected = true;
	for (size_t i = 0; i < count; i++)
		answer(fake, &asked[i]);
	if (fresh)
		fake->link.events->connected(fake->link.userdata);
	if (!fake->busy)
		fake->link.events->writable(fake->link.userdata);
}

void fake_link_lose(const char *reason)
{
	fake_link->busy = fake_link->connecting = fake_link->connected = false;
	fake_link->asked_count = 0;
	fake_link->link.events->lost(fake_link->link.userdata, reason);
	for (size_t i = 0; i < fake_link->count; i++)
		fake_link->records[i].acknowledged = true; /* never */
}

void fake_link_acknowledge(struct fake_record *published, int reason)
{
	require(!published->acknowledged);
	published->acknowledged = true;
	fake_link->link.events->published(fake_link->link.userdata, published->token, reason);
}

void fake_link_acknowledge_all(void)
{
	for (size_t i = 0; i < fake_link->count; i++)
		if (fake_link->records[i].kind == FAKE_PUBLISH && !fake_link->records[i].acknowledged)
			fake_link_acknowledge(&fake_link->records[i], 0);
}

unsigned fake_link_deliver(const struct link_message *message)
{
	struct link_filter granted[FAKE_FILTERS];
	size_t granted_count = fake_link->granted_count;
	struct link_message numbered = *message;
	unsigned count = 0;

	memcpy(granted, fake_link->granted, sizeof granted);
	for (size_t i = 0; i < granted_count; i++) {
		if (!topic_matches(granted[i].filter, message->topic))
			continue;
		numbered.subscription_id = granted[i].id;
		fake_link->link.events->message(fake_link->link.userdata, &numbered);
		count++;
	}
	return count;
}

void fake_link_deliver_text(const char *topic, const char *payload)
{
	struct link_message message = {
		.topic = topic, .payload = payload, .payload_size = strlen(payload), .qos = 1
	};

	ck_assert_msg(fake_link_deliver(&message) > 0, "nobody has subscribed to %s", topic);
}
