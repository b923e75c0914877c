// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* A call to the service `sensor`, its handler that writes down what it is told, and answers to it. */
#ifndef DEVBUS_TEST_CALL_KIT_H
#define DEVBUS_TEST_CALL_KIT_H

#include "bus-kit.h"
#include <stdio.h>
#include <string.h>

static int outcomes; /* how often a handler was called */
static char code[40], message[300], result[200]; /* of the last one */
static void (*then)(struct devbus *bus);
static uint64_t last_id;

static inline void on_outcome(struct devbus *bus, const struct devbus_outcome *outcome, void *userdata)
{
	char *text = outcome->result ? devbus_json_print(outcome->result) : NULL;

	ck_assert_str_eq(userdata, "mine");
	outcomes++;
	snprintf(code, sizeof code, "%s", outcome->code ? outcome->code : "");
	snprintf(message, sizeof message, "%s", outcome->message ? outcome->message : "");
	snprintf(result, sizeof result, "%s", text ? text : "");
	ck_assert_int_eq(!outcome->code, outcome->result != NULL);
	free(text);
	if (then)
		then(bus);
}

static inline void set_up(void)
{
	kit_set_up();
	outcomes = 0;
	then = NULL;
	code[0] = message[0] = result[0] = '\0';
}

static const struct devbus_call read_call = { .service = "sensor",
	.method = "read",
	.timeout_ms = 1000,
	.handler = on_outcome,
	.userdata = (void *)"mine" };

#define TOPIC "service/sensor/call/read"

static inline void call(void)
{
	ck_assert_int_eq(devbus_call(kit.bus, &read_call, &last_id), 0);
	ck_assert_int_eq(outcomes, 0); /* never from inside */
}

static inline void start_and_call(void)
{
	kit_start();
	call();
	kit_settle();
}

static inline void answer(const struct fake_record *request, const char *payload)
{
	struct link_message reply = {
		.topic = request->response_topic,
		.payload = payload,
		.payload_size = strlen(payload),
		.correlation = request->correlation,
		.correlation_size = request->correlation_size,
	};

	ck_assert_msg(fake_link_deliver(&reply) == 1, "nobody has subscribed to %s", request->response_topic);
}

static inline void assert_silence(void)
{
	kit_turn(10000);
	kit_turn(3600000);
	ck_assert_int_eq(outcomes, 1);
	ck_assert_uint_eq(calls_pending(kit.bus), 0);
}

#endif
