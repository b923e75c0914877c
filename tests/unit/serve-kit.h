// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* A service with methods that do what the test says, and both ways to ask it. */
#ifndef DEVBUS_TEST_SERVE_KIT_H
#define DEVBUS_TEST_SERVE_KIT_H

#include "bus-kit.h"
#include <stdio.h>
#include <string.h>

struct set_args {
	uint32_t level;
	char mode[8];
};
static const char *const set_modes[] = { "auto", "hand", NULL };
static const struct devbus_field set_fields[] = {
	DEVBUS_FIELD(struct set_args, level, .max = 10, .flags = DEVBUS_REQUIRED, .description = "how much"),
	DEVBUS_FIELD(struct set_args, mode, .initial_text = "auto", .choices = set_modes),
	{ 0 },
};

struct set_result {
	double now;
};
static const struct devbus_field result_fields[] = { DEVBUS_FIELD(struct set_result, now), { 0 } };

enum behaviour {
	REPLY,
	REPLY_EMPTY,
	REPLY_NOTHING, /* devbus_reply_json(NULL) */
	REPLY_NOT_FINITE,
	REPLY_TOO_LARGE,
	FAIL,
	FAIL_AND_RETURN, /* answered, and an errno besides */
	RETURN, /* an errno */
	DEFER,
	BLOCK, /* for block_ms */
};

static enum behaviour behaviour, admission;
static int returned; /* for RETURN */
static int64_t block_ms;
static int handled, admitted, resumed; /* how often they were called */
static struct set_args seen; /* the arguments of the last call */
static char seen_id[80];
static struct devbus_request *deferred[2000];
static size_t deferred_count;

static inline int reply_too_large(struct devbus_request *request)
{
	struct devbus_json *object = devbus_json_new_object();
	size_t size = devbus_request_bus(request)->settings.payload_limit_bytes;
	char *text = calloc(1, size + 1);

	memset(text, 'x', size);
	devbus_json_set(object, "text", devbus_json_new_string(text));
	free(text);
	devbus_reply_json(request, object);
	return 0;
}

static inline int act(struct devbus_request *request, enum behaviour what)
{
	struct set_result result = { .now = 0.5 };

	switch (what) {
	case REPLY:
		return devbus_reply(request, result_fields, &result);
	case REPLY_EMPTY:
		return devbus_reply(request, NULL, NULL);
	case REPLY_NOTHING:
		ck_assert_int_lt(devbus_reply_json(request, NULL), 0);
		return 0;
	case REPLY_NOT_FINITE:
		result.now = strtod("inf", NULL);
		ck_assert_int_lt(devbus_reply(request, result_fields, &result), 0);
		return 0;
	case REPLY_TOO_LARGE:
		return reply_too_large(request);
	case FAIL:
		return devbus_fail(request, "own-word", "because of %d", 7);
	case FAIL_AND_RETURN:
		devbus_fail(request, DEVBUS_E_CHECKSUM, "wrong");
		return -5;
	case RETURN:
		return returned;
	case BLOCK:
		fake_clock_turn(&kit.time, block_ms);
		return devbus_reply(request, NULL, NULL);
	default:
		deferred[deferred_count++] = request;
		return 0;
	}
}

static inline int on_set(struct devbus_request *request, const void *args, void *userdata)
{
	handled++;
	require(strcmp(userdata, "service") == 0);
	require(strcmp(devbus_request_method(request), "set") == 0);
	require(devbus_request_bus(request) == kit.bus);
	snprintf(seen_id, sizeof seen_id, "%s", devbus_request_id(request) ? devbus_request_id(request) : "");
	seen = *(const struct set_args *)args;
	return act(request, behaviour);
}

static inline int on_simple(struct devbus_request *request, const void *args, void *userdata)
{
	(void)userdata;
	handled++;
	require(!args);
	return act(request, behaviour);
}

static inline int on_admit(struct devbus_request *request, const void *args, void *userdata)
{
	(void)args, (void)userdata;
	admitted++;
	return admission == REPLY ? 0 : act(request, admission);
}

static inline int on_resume(struct devbus_request *request, const void *args, void *userdata)
{
	(void)userdata;
	resumed++;
	snprintf(seen_id, sizeof seen_id, "%s", devbus_request_id(request));
	if (args)
		seen = *(const struct set_args *)args;
	return act(request, behaviour);
}

static const struct devbus_method methods[] = {
	{ .name = "set",
		.handler = on_set,
		.args = set_fields,
		.args_size = sizeof(struct set_args),
		.flags = DEVBUS_CLOUD,
		.result = result_fields,
		.description = "Sets it." },
	{ .name = "simple", .handler = on_simple, .flags = DEVBUS_CLOUD },
	{ .name = "local", .handler = on_simple },
	{ .name = "guarded", .handler = on_simple, .admit = on_admit, .flags = DEVBUS_CLOUD },
	{ .name = "steady", .handler = on_simple, .resume = on_resume, .flags = DEVBUS_CLOUD },
	{ 0 },
};

static inline void serve(void)
{
	ck_assert_int_eq(devbus_serve(kit.bus, methods, (void *)"service"), 0);
}

static inline void serve_and_start(void)
{
	kit_open(0);
	serve();
	ck_assert_int_eq(devbus_ready(kit.bus), 0);
	kit_connect();
}

static inline void serve_set_up(void)
{
	kit_set_up();
	behaviour = admission = REPLY;
	handled = admitted = resumed = 0;
	deferred_count = 0;
	seen_id[0] = '\0';
}

/* A local call, and the answer to it; NULL: none. */
#define REPLY_TOPIC "service/cli/reply/7"
static inline struct fake_record *ask(const char *method, const char *payload)
{
	char topic[100];
	struct link_message message = {
		.topic = topic,
		.payload = payload,
		.payload_size = strlen(payload),
		.response_topic = REPLY_TOPIC,
		.correlation = "\0c1",
		.correlation_size = 3,
	};

	snprintf(topic, sizeof topic, "service/unit/call/%s", method);
	ck_assert_uint_eq(fake_link_deliver(&message), 1);
	return kit_published(REPLY_TOPIC);
}

/* A command; its events are taken with event(). */
static inline void command(const char *name, const char *payload)
{
	char topic[100];

	snprintf(topic, sizeof topic, "cloud/command/unit/%s", name);
	fake_link_deliver_text(topic, payload);
}

/* The next event about command @name must be in @state; returned for more questions. */
static inline struct fake_record *event(const char *name, const char *state)
{
	char topic[100];
	struct fake_record *record;

	snprintf(topic, sizeof topic, "cloud/event/unit/%s", name);
	record = kit_published(topic);
	kit_assert_member(record, "state", state);
	ck_assert(record->qos == 1 && !record->retained);
	return record;
}

static inline void no_event(void)
{
	for (size_t i = 0; i < fake_link->count; i++) {
		const struct fake_record *record = &fake_link->records[i];

		ck_assert_msg(record->taken || record->kind != FAKE_PUBLISH ||
				      strncmp(record->name, "cloud/", 6) != 0,
			"unexpected: %s %s", record->name, record->payload);
	}
}

#endif
