// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* MQTTAsync: everything in its callbacks, which may send; nothing is handed to another thread of ours. */
#include "bench-topics.h"
#include <MQTTAsync.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

enum { FDS = 64, LOOK_US = 1000 };

static MQTTAsync client;
static struct bench_topics topics;
static atomic_int opened; /* 1: yes; negative: no */

static int send_to(const void *payload, int size)
{
	MQTTAsync_message message = MQTTAsync_message_initializer;

	message.payload = (void *)payload;
	message.payloadlen = size;
	message.qos = (int)bench_options.qos;
	return MQTTAsync_sendMessage(client, topics.to, &message, NULL) == MQTTASYNC_SUCCESS ? 0 : -EPIPE;
}

static int on_message(void *context, char *topic, int size, MQTTAsync_message *message)
{
	(void)context, (void)size;
	if (topics.echo)
		send_to(message->payload, message->payloadlen);
	else
		bench_answered();
	MQTTAsync_freeMessage(&message);
	MQTTAsync_free(topic);
	return 1;
}

static void on_failure(void *context, MQTTAsync_failureData *data)
{
	(void)context, (void)data;
	atomic_store(&opened, -1);
}

static void on_subscribed(void *context, MQTTAsync_successData *data)
{
	(void)context, (void)data;
	atomic_store(&opened, 1);
}

static void on_connected(void *context, MQTTAsync_successData *data)
{
	MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
	int on = 1;

	(void)context, (void)data;
	for (int fd = 3; fd < FDS; fd++)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	options.onSuccess = on_subscribed;
	options.onFailure = on_failure;
	if (topics.from[0])
		MQTTAsync_subscribe(client, topics.from, (int)bench_options.qos, &options);
	else
		atomic_store(&opened, 1);
}

static int open_async(void)
{
	MQTTAsync_connectOptions options = MQTTAsync_connectOptions_initializer;
	char uri[64];

	topics = bench_topics();
	snprintf(uri, sizeof uri, "tcp://127.0.0.1:%u", bench_options.port);
	if (MQTTAsync_create(&client, uri, bench_options.user, MQTTCLIENT_PERSISTENCE_NONE, NULL) != 0)
		return -ENOMEM;
	MQTTAsync_setCallbacks(client, NULL, NULL, on_message, NULL);
	options.MQTTVersion = MQTTVERSION_3_1_1;
	options.username = bench_options.user;
	options.password = bench_options.password;
	options.onSuccess = on_connected;
	options.onFailure = on_failure;
	if (MQTTAsync_connect(client, &options) != MQTTASYNC_SUCCESS)
		return -ECONNREFUSED;
	while (atomic_load(&opened) == 0)
		usleep(LOOK_US);
	return atomic_load(&opened) > 0 ? 0 : -ECONNREFUSED;
}

static int ask(void)
{
	return send_to(bench_payload, BENCH_PAYLOAD_SIZE);
}

/* The work is done in Paho's thread. */
static int run(void)
{
	usleep(20 * LOOK_US);
	return 0;
}

const struct contender contender = { .name = "MQTTAsync", .open = open_async, .ask = ask, .run = run };
