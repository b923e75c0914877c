// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * MQTTClient as its user would at best: one thread, its synchronous mode, `receive` for messages. For acknowledgements, which `receive`
 * does not return for, poll(2) on its socket; and TCP_NODELAY, which it does not set.
 */
#include "bench-topics.h"
#include <MQTTClient.h>
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>

enum { WINDOW = 16, RECEIVE_MS = 1000, FDS = 64 };

static MQTTClient client;
static struct bench_topics topics;
static int client_fd = -1;
static unsigned in_flight;

static void on_published(
	void *context, int token, int packet, MQTTProperties *properties, enum MQTTReasonCodes reason)
{
	(void)context, (void)token, (void)packet, (void)properties, (void)reason;
	in_flight--;
}

static void find_socket(void)
{
	struct sockaddr_in peer;
	socklen_t size = sizeof peer;
	int on = 1;

	for (int fd = 3; fd < FDS && client_fd < 0; fd++, size = sizeof peer)
		if (getpeername(fd, (struct sockaddr *)&peer, &size) == 0 && peer.sin_family == AF_INET)
			client_fd = fd;
	setsockopt(client_fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

static int connect_client(void)
{
	MQTTClient_connectOptions options = MQTTClient_connectOptions_initializer5;
	MQTTResponse response;
	int code;

	options.username = bench_options.user;
	options.password = bench_options.password;
	options.cleanstart = 1;
	options.maxInflightMessages = 2 * WINDOW;
	response = MQTTClient_connect5(client, &options, NULL, NULL);
	code = (int)response.reasonCode;
	MQTTResponse_free(response);
	find_socket();
	return code == MQTTCLIENT_SUCCESS && client_fd >= 0 ? 0 : -ECONNREFUSED;
}

static int open_paho(void)
{
	MQTTClient_createOptions options = MQTTClient_createOptions_initializer;
	MQTTResponse response;
	char uri[64];
	int r;

	options.MQTTVersion = MQTTVERSION_5;
	snprintf(uri, sizeof uri, "tcp://127.0.0.1:%u", bench_options.port);
	if (MQTTClient_createWithOptions(
		    &client, uri, bench_options.user, MQTTCLIENT_PERSISTENCE_NONE, NULL, &options) != 0)
		return -ENOMEM;
	MQTTClient_setPublished(client, NULL, on_published);
	r = connect_client();
	topics = bench_topics();
	if (r == 0 && topics.from[0]) {
		response = MQTTClient_subscribe5(client, topics.from, (int)bench_options.qos, NULL, NULL);
		r = (int)response.reasonCode < 0x80 ? 0 : -EACCES;
		MQTTResponse_free(response);
	}
	return r;
}

static int send_to(const void *payload, int size, unsigned qos)
{
	MQTTResponse response =
		MQTTClient_publish5(client, topics.to, size, payload, (int)qos, 0, NULL, NULL);
	int code = (int)response.reasonCode;

	MQTTResponse_free(response);
	in_flight += qos > 0;
	return code == MQTTCLIENT_SUCCESS ? 0 : -EPIPE;
}

static int ask(void)
{
	return send_to(bench_payload, BENCH_PAYLOAD_SIZE, bench_options.qos);
}

static int take(const MQTTClient_message *message)
{
	if (topics.echo)
		return send_to(message->payload, message->payloadlen, bench_options.qos);
	if (topics.counts)
		bench_arrived();
	else
		bench_answered();
	return 0;
}

/* Returns 1 when there was a message. */
static int receive(unsigned long timeout_ms)
{
	MQTTClient_message *message = NULL;
	char *topic = NULL;
	int size, r;

	if (MQTTClient_receive(client, &topic, &size, &message, timeout_ms) != MQTTCLIENT_SUCCESS && !message)
		return MQTTClient_isConnected(client) ? 0 : -EPIPE;
	if (!message)
		return 0;
	r = take(message);
	MQTTClient_freeMessage(&message);
	MQTTClient_free(topic);
	return r < 0 ? r : 1;
}

static int wait_for_acknowledgements(void)
{
	struct pollfd state = { .fd = client_fd, .events = POLLIN };
	unsigned before = in_flight;
	int r = poll(&state, 1, RECEIVE_MS) < 0 ? -errno : 0;

	while (r == 0 && in_flight > 0) {
		unsigned now = in_flight;

		r = receive(0);
		if (in_flight == now)
			break;
	}
	return r < 0 || in_flight < before ? r : 0;
}

static int run(void)
{
	int r;

	if (strcmp(bench_options.role, "publisher") == 0)
		return wait_for_acknowledgements();
	r = receive(RECEIVE_MS);
	return r < 0 ? r : 0;
}

static int publish(unsigned qos)
{
	return qos > 0 && in_flight >= WINDOW ? -EAGAIN : send_to(bench_payload, BENCH_PAYLOAD_SIZE, qos);
}

static int flush(void)
{
	int r = 0;

	while (r == 0 && in_flight > 0)
		r = wait_for_acknowledgements();
	return r;
}

const struct contender contender = {
	.name = "MQTTClient", .open = open_paho, .ask = ask, .publish = publish, .flush = flush, .run = run
};
