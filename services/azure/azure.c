// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * IoT Hub has no topics of one's own and sends nothing back to who sent it. Here each event gets its names as properties, each command its
 * topic from them, and tokens of the echo (protocol 6.5) another proof. All of it goes in the order in which it came.
 */
#include "azure.h"
#include "bag.h"
#include "barrier.h"
#include "sources.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

/* The hub as the bridge shows it: its messages/... and twin/... are beneath. */
#define HUB "service/azure/hub/"

struct settings {
	uint32_t question_interval_ms;
};

struct azure {
	struct devbus *bus;
	struct settings settings;
	struct barrier barrier;
	struct sources sources;
	double incarnation; /* of our own status: another one is another connection */
	struct devbus_timer *timer; /* NULL: no question is due */
	bool refused; /* a message of the hub was no command, and that is in the log */
};

static const struct devbus_field settings_fields[] = {
	DEVBUS_FIELD(struct settings, question_interval_ms, .max = 60000, .initial = 2000,
		.description = "At least so many milliseconds from one question to the hub to the next"),
	{ 0 },
};

/* What comes behind @root; "" when that is not there: a filter that ends with /# takes the level above as well. */
static const char *behind(const char *topic, const char *root)
{
	size_t size = strlen(root);

	return strncmp(topic, root, size) == 0 ? topic + size : "";
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- events */

/* Nothing that a level may consist of (protocol 1.3) needs to be encoded in a property. */
static void on_event(struct devbus *bus, const char *topic, const void *payload, size_t size, bool retained,
	void *userdata)
{
	struct azure *azure = userdata;
	char service[BAG_LEVEL_SIZE], item[BAG_LEVEL_SIZE], event[2 * BAG_LEVEL_SIZE + 128];
	int r;

	(void)retained;
	if (bag_split_event(topic, service, item) < 0)
		return; /* the ACL lets nobody do so who uses the library */
	snprintf(event, sizeof event,
		HUB "messages/events/$.ct=application%%2Fjson&$.ce=utf-8&service=%s&item=%s", service, item);
	r = devbus_publish_raw(bus, event, 1, payload, size);
	if (r == 0)
		return;
	devbus_log(
		DEVBUS_LOG_ERROR, "%s is lost: %s; if it is durable, it is sent again", topic, strerror(-r));
	sources_forget(&azure->sources, service);
}

/* ---- commands */

static void on_message(struct devbus *bus, const char *topic, const void *payload, size_t size, bool retained,
	void *userdata)
{
	struct azure *azure = userdata;
	struct bag_address address;
	char command[2 * BAG_LEVEL_SIZE + 16];
	int r = retained ? -EINVAL : bag_read_address(behind(topic, HUB "messages/devicebound/"), &address);

	if (r < 0) {
		if (!azure->refused) /* an application may send a thousand of them */
			devbus_log(DEVBUS_LOG_WARNING,
				"a message from the hub is no command and dropped, and so will be all further ones: it "
				"needs the properties service and command, each once and of a-z 0-9 _ -");
		azure->refused = true;
		return;
	}
	snprintf(command, sizeof command, "cloud/command/%s/%s", address.service, address.command);
	r = devbus_publish_raw(bus, command, 1, payload, size);
	if (r < 0)
		devbus_log(
			DEVBUS_LOG_ERROR, "%s is lost: %s; the cloud sends it again", command, strerror(-r));
}

/* ---- the echo */

static void ask_if_due(struct azure *azure);

static void on_due(struct devbus *bus, void *userdata)
{
	struct azure *azure = userdata;

	(void)bus;
	azure->timer = NULL;
	ask_if_due(azure);
}

static void ask_if_due(struct azure *azure)
{
	char question[BARRIER_QUESTION_SIZE], topic[sizeof HUB + BARRIER_QUESTION_SIZE + 32];
	int64_t due_ms = azure->timer ? -1 : barrier_due_ms(&azure->barrier, now_ms());

	if (due_ms > 0)
		devbus_after(azure->bus, (uint32_t)due_ms, on_due, azure, &azure->timer);
	if (due_ms != 0)
		return;
	barrier_ask(&azure->barrier, now_ms(), question);
	snprintf(topic, sizeof topic, HUB "twin/GET/?$rid=%s", question);
	devbus_publish_raw(azure->bus, topic, 1, NULL, 0); /* if not, the library's next token asks again */
}

static void echo(struct azure *azure, const char *service, const char *text)
{
	char topic[BARRIER_SERVICE_SIZE + 32];

	snprintf(topic, sizeof topic, "service/bridge/echoed/%s", service);
	/* When that fails, the library sends its token again. */
	devbus_publish_raw(azure->bus, topic, 1, text, strlen(text));
}

static void on_token(struct devbus *bus, const char *topic, const void *payload, size_t size, bool retained,
	void *userdata)
{
	struct azure *azure = userdata;
	const char *service = strrchr(topic, '/') + 1;

	(void)bus;
	if (retained)
		return;
	if (!sources_believe(&azure->sources, service, payload))
		echo(azure, service, "again");
	else if (barrier_add(&azure->barrier, service, payload, size) == 0)
		ask_if_due(azure);
}

/*
 * A broker that comes back may have lost what it kept for us, so all is in doubt again. Our status is the first thing that we say
 * on a connection: it is heard before any answer of the hub to what was asked on it.
 */
static void on_own_status(struct devbus *bus, const struct devbus_message *message, void *userdata)
{
	struct azure *azure = userdata;
	double incarnation = 0;

	(void)bus;
	devbus_json_number(devbus_json_get(message->object, "incarnation"), &incarnation);
	if (message->retained || incarnation == azure->incarnation)
		return;
	azure->incarnation = incarnation;
	sources_forget(&azure->sources, NULL);
}

/* 200: here it is; 429: you ask too often. Both have read the question, and so all before it. */
static const char *question_of_answer(const char *topic)
{
	const char *question = behind(topic, HUB "twin/res/200/?$rid=");

	return *question ? question : behind(topic, HUB "twin/res/429/?$rid=");
}

static void on_answer(struct devbus *bus, const char *topic, const void *payload, size_t size, bool retained,
	void *userdata)
{
	struct azure *azure = userdata;
	struct barrier_token *next;

	(void)bus, (void)payload, (void)size, (void)retained;
	for (struct barrier_token *token = barrier_answered(&azure->barrier, question_of_answer(topic));
		token; token = next) {
		next = token->next;
		if (sources_believe(&azure->sources, token->service, token->text)) /* still */
			echo(azure, token->service, token->text);
		free(token);
	}
	devbus_timer_stop(azure->timer); /* the next question may be due earlier than it seemed */
	azure->timer = NULL;
	ask_if_due(azure);
}

/* ---- */

static int subscribe(struct azure *azure)
{
	const struct {
		const char *filter;
		devbus_raw_handler *handler;
	} wanted[] = {
		{ HUB "messages/devicebound/#", on_message },
		{ HUB "twin/res/#", on_answer },
		{ "cloud/event/#", on_event },
		{ "service/bridge/echo/+", on_token },
	};
	int r = devbus_subscribe(azure->bus, "service/azure/status", NULL, 0, on_own_status, azure);

	for (size_t i = 0; r == 0 && i < sizeof wanted / sizeof *wanted; i++)
		r = devbus_subscribe_raw(azure->bus, wanted[i].filter, wanted[i].handler, azure);
	return r;
}

int azure_start(struct devbus *bus, void **ret_service)
{
	static const struct devbus_method none[] = { { 0 } };
	struct azure *azure = calloc(1, sizeof *azure);
	uint64_t generation;
	int r;

	if (!azure)
		return -ENOMEM;
	*ret_service = azure;
	azure->bus = bus;
	if (getrandom(&generation, sizeof generation, 0) != sizeof generation)
		generation = (uint64_t)now_ms();
	r = devbus_settings(bus, settings_fields, &azure->settings);
	barrier_begin(&azure->barrier, generation, azure->settings.question_interval_ms);
	if (r == 0)
		r = devbus_serve(bus, none, azure);
	return r < 0 ? r : subscribe(azure);
}

void azure_stop(void *service)
{
	struct azure *azure = service;

	if (!azure)
		return;
	barrier_clear(&azure->barrier);
	sources_forget(&azure->sources, NULL);
	free(azure);
}
