// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* libmosquitto in one thread, over TCP or a Unix socket. */
#include "bench-topics.h"
#include <errno.h>
#include <mosquitto.h>

enum { WINDOW = 16, LOOP_MS = 1000 };

static struct mosquitto *client;
static struct bench_topics topics;
static unsigned in_flight;
static bool open_done, refused;

static int send_to(const void *payload, int size, unsigned qos)
{
	in_flight += qos > 0;
	return mosquitto_publish(client, NULL, topics.to, size, payload, (int)qos, false) == MOSQ_ERR_SUCCESS
		       ? 0
		       : -EPIPE;
}

static void on_message(struct mosquitto *from, void *context, const struct mosquitto_message *message)
{
	(void)from, (void)context;
	if (topics.echo)
		send_to(message->payload, message->payloadlen, bench_options.qos);
	else if (topics.counts)
		bench_arrived();
	else
		bench_answered();
}

static void on_publish(struct mosquitto *from, void *context, int id)
{
	(void)from, (void)context, (void)id;
	if (in_flight > 0) /* QoS 0 is told here, too */
		in_flight--;
}

static void on_subscribe(struct mosquitto *from, void *context, int id, int count, const int *granted)
{
	(void)from, (void)context, (void)id;
	refused = count != 1 || granted[0] >= 0x80;
	open_done = true;
}

static void on_connect(struct mosquitto *from, void *context, int reason)
{
	(void)context;
	refused = reason != 0;
	if (reason != 0 || !topics.from[0])
		open_done = true;
	else
		mosquitto_subscribe(from, NULL, topics.from, (int)bench_options.qos);
}

static int run(void)
{
	int code = mosquitto_loop(client, LOOP_MS, 1);

	if (code == MOSQ_ERR_SUCCESS || (code == MOSQ_ERR_ERRNO && errno == EINTR))
		return 0;
	return atomic_load(&bench_stopped) ? 0 : -EPIPE;
}

static int open_mosquitto(void)
{
	int r = 0;

	mosquitto_lib_init();
	topics = bench_topics();
	client = mosquitto_new(bench_options.user, true, NULL);
	if (!client)
		return -ENOMEM;
	mosquitto_username_pw_set(client, bench_options.user, bench_options.password);
	mosquitto_int_option(client, MOSQ_OPT_TCP_NODELAY, 1);
	mosquitto_max_inflight_messages_set(client, 2 * WINDOW);
	mosquitto_connect_callback_set(client, on_connect);
	mosquitto_subscribe_callback_set(client, on_subscribe);
	mosquitto_message_callback_set(client, on_message);
	if (bench_options.qos > 0 || strcmp(bench_options.role, "publisher") == 0)
		mosquitto_publish_callback_set(client, on_publish);
	if (mosquitto_connect(client, bench_options.at ? bench_options.at : "127.0.0.1",
		    bench_options.at ? 0 : (int)bench_options.port, 60) != MOSQ_ERR_SUCCESS)
		return -ECONNREFUSED;
	while (r == 0 && !open_done)
		r = run();
	return refused ? -EACCES : r;
}

static int ask(void)
{
	return send_to(bench_payload, BENCH_PAYLOAD_SIZE, bench_options.qos);
}

static int publish(unsigned qos)
{
	if ((qos > 0 && in_flight >= WINDOW) || mosquitto_want_write(client))
		return -EAGAIN;
	return send_to(bench_payload, BENCH_PAYLOAD_SIZE, qos);
}

static int flush(void)
{
	int r = 0;

	while (r == 0 && (in_flight > 0 || mosquitto_want_write(client)))
		r = run();
	return r;
}

const struct contender contender = { .name = "libmosquitto",
	.open = open_mosquitto,
	.ask = ask,
	.publish = publish,
	.flush = flush,
	.run = run };
