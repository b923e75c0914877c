// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * The configuration is read for each connection, so a new certificate or another cloud is in use from the next one on. Only the first packet each way
 * is looked into: the broker's CONNECT, and the answer to it, which may name what is wrong.
 */
#include "carry.h"
#include "../reach/words.h"
#include "door.h"

#include <devbus/devbus.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	STEP_MS = 10000, /* for a name, TCP, TLS */
	FIRST_PACKET_MS = 3000, /* the broker sends it at once */
	SILENT_MS = 20000, /* for what was sent to be acknowledged by the other side's kernel */
	BUFFER_SIZE = 16384, /* one record of TLS */
	CONNACK_SIZE = 4, /* MQTT 3.1.1, 3.2 */
	CONNACK_TYPE = 0x20,
};

/* One end of the tunnel, never waited for. */
struct end {
	int fd;
	SSL *ssl; /* NULL: plain */
	short to_read, to_write; /* what to poll for before the next try */
};

/* What was read at one end and is to be written at the other. */
struct flow {
	struct end *from, *to;
	size_t begin, size;
	uint8_t bytes[BUFFER_SIZE];
};

static void fail(struct carriage *carriage, const char *text)
{
	carriage->end = CARRY_FAILED;
	snprintf(carriage->trouble, sizeof carriage->trouble, "%s", text);
}

/* ---- bytes */

static ssize_t ssl_result(struct end *end, int result, short *ret_events)
{
	switch (SSL_get_error(end->ssl, result)) {
	case SSL_ERROR_WANT_READ:
		*ret_events = POLLIN;
		return -EAGAIN;
	case SSL_ERROR_WANT_WRITE:
		*ret_events = POLLOUT;
		return -EAGAIN;
	default:
		return -ECONNRESET;
	}
}

static ssize_t plain_result(ssize_t result)
{
	if (result > 0)
		return result;
	return result < 0 && (errno == EAGAIN || errno == EINTR) ? -EAGAIN : -ECONNRESET;
}

/* Mosquitto leaves Nagle's algorithm on here: a small packet waits until the one before it is acknowledged, which takes 40 ms. */
static void acknowledge_now(int fd)
{
	setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &(int) { 1 }, sizeof(int));
}

static ssize_t end_read(struct end *end, void *bytes, size_t size)
{
	int result;

	end->to_read = POLLIN;
	if (!end->ssl) {
		acknowledge_now(end->fd);
		return plain_result(recv(end->fd, bytes, size, MSG_DONTWAIT));
	}
	ERR_clear_error();
	result = SSL_read(end->ssl, bytes, (int)size);
	return result > 0 ? result : ssl_result(end, result, &end->to_read);
}

static ssize_t end_write(struct end *end, const void *bytes, size_t size)
{
	int result;

	end->to_write = POLLOUT;
	if (!end->ssl)
		return plain_result(send(end->fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL));
	ERR_clear_error();
	result = SSL_write(end->ssl, bytes, (int)size);
	return result > 0 ? result : ssl_result(end, result, &end->to_write);
}

/* Returns how many bytes went on, 0: none now, or -ECONNRESET; @ret_closed is then the end that is closed. */
static ssize_t flow_move(struct flow *flow, struct end **ret_closed)
{
	ssize_t r;

	if (flow->size == 0) {
		*ret_closed = flow->from;
		r = end_read(flow->from, flow->bytes, sizeof flow->bytes);
		if (r < 0)
			return r == -EAGAIN ? 0 : r;
		flow->begin = 0;
		flow->size = (size_t)r;
	}
	*ret_closed = flow->to;
	r = end_write(flow->to, flow->bytes + flow->begin, flow->size);
	if (r < 0)
		return r == -EAGAIN ? 0 : r;
	flow->begin += (size_t)r;
	flow->size -= (size_t)r;
	return r;
}

static short flow_reads(const struct flow *flow)
{
	return flow->size == 0 ? flow->from->to_read : 0;
}

static short flow_writes(const struct flow *flow)
{
	return flow->size > 0 ? flow->to->to_write : 0;
}

/* ---- the answer to CONNECT */

struct answer {
	uint8_t bytes[CONNACK_SIZE];
	size_t size;
};

/* Looks at the bytes that pass. Returns a sentence if they are a refusal. */
static const char *answer_hear(
	struct answer *answer, const uint8_t *bytes, size_t size, const struct bridge_conf *conf)
{
	if (answer->size == CONNACK_SIZE)
		return NULL;
	for (size_t i = 0; i < size && answer->size < CONNACK_SIZE; i++)
		answer->bytes[answer->size++] = bytes[i];
	if (answer->bytes[0] != CONNACK_TYPE)
		return "the server does not speak MQTT; check the port";
	if (answer->size < CONNACK_SIZE || answer->bytes[3] == 0)
		return NULL;
	return words_connack(answer->bytes[3], conf->private_bit);
}

static int fail_closed(struct reach *reach, bool answered)
{
	return reach_fail(reach, -ECONNRESET,
		answered ? "the cloud has closed the connection"
			 : "the cloud closes the connection in place of an answer to CONNECT; check "
			   "the client id, the user and the certificate of this device there");
}

/*
 * Waits until something can be moved. An end that is torn is reported even if nothing is asked of it, and for as long as the other one is stuck: false, and
 * @ret_closed is that end.
 */
static bool wait_to_move(const struct flow *out, const struct flow *in, struct end **ret_closed)
{
	struct end *const ends[] = { out->from, in->from };
	struct pollfd polled[] = {
		{ .fd = ends[0]->fd, .events = flow_reads(out) | flow_writes(in) },
		{ .fd = ends[1]->fd, .events = flow_reads(in) | flow_writes(out) },
	};

	poll(polled, 2, -1);
	for (int i = 0; i < 2; i++)
		if (!polled[i].events && polled[i].revents) {
			*ret_closed = ends[i];
			return false;
		}
	return true;
}

static int carry_on(struct carriage *carriage, struct reach *reach)
{
	struct end local = { .fd = carriage->local_fd, .to_read = POLLIN, .to_write = POLLOUT };
	struct end cloud = { .fd = reach->fd, .ssl = reach->ssl, .to_read = POLLIN, .to_write = POLLOUT };
	struct flow out = { .from = &local, .to = &cloud }, in = { .from = &cloud, .to = &local };
	struct answer answer = { .size = 0 };
	struct end *closed = NULL;
	const char *refusal = NULL;

	while (!refusal) {
		ssize_t sent = flow_move(&out, &closed), received = 0;

		if (sent >= 0) {
			received = flow_move(&in, &closed);
			if (received > 0)
				refusal = answer_hear(&answer, in.bytes + in.begin - received,
					(size_t)received, reach->conf);
		}
		if (sent < 0 || received < 0 ||
			(sent == 0 && received == 0 && !wait_to_move(&out, &in, &closed)))
			break;
	}
	if (refusal)
		return reach_fail(reach, -EACCES, refusal);
	if (closed == &local)
		return 0;
	return fail_closed(reach, answer.size == CONNACK_SIZE);
}

/* ---- the beginning */

/* Reads the broker's CONNECT. Returns its size or a negative errno. */
static int hear_broker(int fd, uint8_t packet[DOOR_PACKET_MAX])
{
	int64_t deadline_ms = reach_now_ms() + FIRST_PACKET_MS;
	struct reach local = { .fd = fd }; /* only waited with */
	size_t size = 0;

	for (;;) {
		int whole = door_packet_size(packet, size);
		int r = whole < 0 ? whole : reach_wait(&local, POLLIN, deadline_ms);

		if (r < 0)
			return r;
		/* Byte by byte until the size is known: what follows the packet stays in the socket. */
		ssize_t got = recv(fd, packet + size, whole ? (size_t)whole - size : 1, 0);
		if (got <= 0)
			return -ECONNRESET;
		size += (size_t)got;
		if (whole && size == (size_t)whole)
			return whole;
	}
}

/* Whether the broker has given up waiting for its CONNACK. */
static bool has_given_up(int local_fd)
{
	struct pollfd local = { .fd = local_fd, .events = POLLRDHUP };

	return poll(&local, 1, 0) > 0;
}

static int reach_cloud(struct carriage *carriage, struct reach *reach)
{
	const struct bridge_conf *conf = reach->conf;
	int r = -EHOSTUNREACH;

	for (int i = 0; r < 0 && i < conf->address_count; i++) {
		reach_choose(reach, &conf->addresses[(carriage->first_address + (unsigned)i) %
						     (unsigned)conf->address_count]);
		r = reach_resolve(reach);
		if (r == 0)
			r = reach_connect(reach);
		if (r == 0)
			r = reach_secure(reach);
		if (has_given_up(carriage->local_fd))
			break;
	}
	if (r < 0)
		return r;
	setsockopt(reach->fd, IPPROTO_TCP, TCP_NODELAY, &(int) { 1 }, sizeof(int));
	setsockopt(reach->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &(unsigned) { SILENT_MS }, sizeof(unsigned));
	devbus_log(DEVBUS_LOG_INFO, "the bridge is carried to %s:%s: %s", reach->address->host,
		reach->address->port, reach->found);
	return 0;
}

/* Returns 1, 0 (the broker waits no more: it comes again, and the cloud would throw that connection out for this one) or a negative errno. */
static int introduce(struct carriage *carriage, struct reach *reach, const uint8_t *packet, size_t size)
{
	int r = reach_cloud(carriage, reach);

	if (r < 0)
		return r;
	if (has_given_up(carriage->local_fd))
		return 0;
	if (reach_write(reach, packet, size, reach_now_ms() + STEP_MS) < 0)
		return fail_closed(reach, false);
	return 1;
}

static int carry(struct carriage *carriage, struct reach *reach)
{
	const struct bridge_conf *conf = reach->conf;
	uint8_t heard[DOOR_PACKET_MAX], packet[DOOR_PACKET_MAX];
	int r = hear_broker(carriage->local_fd, heard);

	if (r > 0)
		r = door_exchange(heard, (size_t)r, conf->local_password, conf->user, conf->password, packet);
	if (r < 0) {
		carriage->end = r == -ECONNRESET ? CARRY_LOCAL : CARRY_STRANGER;
		r = 0;
	} else
		r = introduce(carriage, reach, packet, (size_t)r);
	explicit_bzero(heard, sizeof heard);
	explicit_bzero(packet, sizeof packet);
	return r > 0 ? carry_on(carriage, reach) : r;
}

void carry_run(void *work)
{
	struct carriage *carriage = work;
	struct reach *reach = carriage->reach;
	struct bridge_conf *conf = malloc(sizeof *conf);

	carriage->end = CARRY_LOCAL;
	if (!conf)
		fail(carriage, "out of memory");
	else if (bridge_conf_read(carriage->conf_path, conf, carriage->trouble) < 0)
		carriage->end = CARRY_FAILED;
	else {
		reach->conf = conf;
		reach->timeout_ms = STEP_MS;
		if (carry(carriage, reach) < 0)
			fail(carriage, reach->trouble);
		reach_close(reach);
	}
	if (conf)
		explicit_bzero(conf, sizeof *conf);
	free(conf);
	close(carriage->local_fd);
	carriage->local_fd = -1;
}

void carry_free(void *work)
{
	struct carriage *carriage = work;

	if (carriage->local_fd >= 0)
		close(carriage->local_fd);
	free(carriage);
}
