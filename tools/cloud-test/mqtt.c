// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* Numbers in comments are sections of MQTT 3.1.1. */
#include "mqtt.h"

#include <errno.h>
#include <string.h>

#define OUT_MAX 8192 /* three texts of a configuration, a topic, and some */
#define LENGTH_BYTES_MAX 4 /* 2.2.3 */

/* A packet that is being written. What does not fit is found at the end. */
struct draft {
	unsigned char bytes[OUT_MAX];
	size_t size;
};

static void put(struct draft *draft, const void *bytes, size_t size)
{
	if (draft->size + size <= sizeof draft->bytes)
		memcpy(draft->bytes + draft->size, bytes, size);
	draft->size += size;
}

static void put_byte(struct draft *draft, unsigned byte)
{
	unsigned char one = (unsigned char)byte;

	put(draft, &one, 1);
}

static void put_short(struct draft *draft, size_t number)
{
	put_byte(draft, number >> 8 & 0xff);
	put_byte(draft, number & 0xff);
}

static void put_text(struct draft *draft, const char *text)
{
	put_short(draft, strlen(text));
	put(draft, text, strlen(text));
}

static int send_packet(struct reach *reach, unsigned first, struct draft *body, int64_t deadline_ms)
{
	struct draft whole = { .size = 0 };
	size_t rest = body->size;
	int r;

	put_byte(&whole, first);
	do {
		put_byte(&whole, (rest & 127) | (rest > 127 ? 128 : 0));
		rest >>= 7;
	} while (rest);
	put(&whole, body->bytes, body->size < OUT_MAX ? body->size : OUT_MAX);
	if (body->size > OUT_MAX || whole.size > OUT_MAX)
		return -EMSGSIZE;
	r = reach_write(reach, whole.bytes, whole.size, deadline_ms);
	explicit_bzero(&whole, sizeof whole);
	return r;
}

int mqtt_connect(struct reach *reach, const struct mqtt_connect *connect, int64_t deadline_ms)
{
	bool old = !strcmp(connect->version, "mqttv31");
	struct draft body = { .size = 0 };
	unsigned flags = connect->clean ? 0x02 : 0; /* 3.1.2.3 */
	int r;

	flags |= connect->user[0] ? 0x80 : 0;
	flags |= connect->password[0] ? 0x40 : 0;
	put_text(&body, old ? "MQIsdp" : "MQTT");
	put_byte(&body, (old ? 3u : 4u) | (connect->private_bit ? 0x80u : 0));
	put_byte(&body, flags);
	put_short(&body, 60); /* keep-alive in seconds; the test is over before */
	put_text(&body, connect->client_id);
	if (connect->user[0])
		put_text(&body, connect->user);
	if (connect->password[0])
		put_text(&body, connect->password);
	r = send_packet(reach, MQTT_CONNECT << 4, &body, deadline_ms);
	explicit_bzero(&body, sizeof body);
	return r;
}

int mqtt_subscribe(struct reach *reach, uint16_t id, const char *filter, int64_t deadline_ms)
{
	struct draft body = { .size = 0 };

	put_short(&body, id);
	put_text(&body, filter);
	put_byte(&body, 1);
	return send_packet(reach, MQTT_SUBSCRIBE << 4 | 2, &body, deadline_ms);
}

int mqtt_publish(struct reach *reach, uint16_t id, const char *topic, const char *text, int64_t deadline_ms)
{
	struct draft body = { .size = 0 };

	put_text(&body, topic);
	put_short(&body, id);
	put(&body, text, strlen(text));
	return send_packet(reach, MQTT_PUBLISH << 4 | 1 << 1, &body, deadline_ms);
}

int mqtt_acknowledge(struct reach *reach, uint16_t id, int64_t deadline_ms)
{
	struct draft body = { .size = 0 };

	put_short(&body, id);
	return send_packet(reach, MQTT_PUBACK << 4, &body, deadline_ms);
}

int mqtt_disconnect(struct reach *reach, int64_t deadline_ms)
{
	struct draft body = { .size = 0 };

	return send_packet(reach, MQTT_DISCONNECT << 4, &body, deadline_ms);
}

/* ---- what comes */

enum mqtt_packet_type mqtt_type(const struct mqtt_packet *packet)
{
	return (enum mqtt_packet_type)(packet->first >> 4);
}

static int read_all(struct reach *reach, unsigned char *bytes, size_t size, int64_t deadline_ms)
{
	int r = 0;

	while (size > 0 && (r = reach_read(reach, bytes, size, deadline_ms)) > 0) {
		bytes += r;
		size -= (size_t)r;
	}
	return r < 0 ? r : 0;
}

static int read_length(struct reach *reach, size_t *ret_length, int64_t deadline_ms)
{
	unsigned char byte;
	size_t length = 0;

	for (int i = 0; i < LENGTH_BYTES_MAX; i++) {
		int r = read_all(reach, &byte, 1, deadline_ms);

		if (r < 0)
			return r;
		length |= (size_t)(byte & 127) << 7 * i;
		if (byte < 128) {
			*ret_length = length;
			return 0;
		}
	}
	return -EPROTO;
}

static int pass_over(struct reach *reach, struct mqtt_packet *packet, size_t size, int64_t deadline_ms)
{
	int r = 0;

	for (; size > 0 && r == 0; size -= packet->size) {
		packet->size = size < MQTT_PACKET_MAX ? size : MQTT_PACKET_MAX;
		r = read_all(reach, packet->body, packet->size, deadline_ms);
	}
	packet->size = 0;
	return r;
}

/* What a server may send, and with which flags (2.2.2); a PUBLISH has its own. */
static bool is_packet(unsigned char first)
{
	unsigned type = first >> 4, flags = first & 15;

	return type == MQTT_PUBLISH ||
	       (flags == 0 &&
		       (type == MQTT_CONNACK || type == MQTT_PUBACK || type == MQTT_SUBACK || type == 13)) ||
	       (flags == 0 && (type == 5 || type == 7 || type == 11)) || (flags == 2 && type == 6);
}

int mqtt_read(struct reach *reach, struct mqtt_packet *packet, int64_t deadline_ms)
{
	size_t length = 0;
	int r;

	packet->size = 0;
	packet->first = 0;
	r = read_all(reach, &packet->first, 1, deadline_ms);
	if (r == 0 && !is_packet(packet->first))
		r = -EPROTO;
	if (r == 0)
		r = read_length(reach, &length, deadline_ms);
	if (r < 0)
		return r;
	if (length > MQTT_PACKET_MAX)
		return pass_over(reach, packet, length, deadline_ms);
	packet->size = length;
	return read_all(reach, packet->body, length, deadline_ms);
}

static uint16_t get_short(const unsigned char *bytes)
{
	return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

bool mqtt_answers(const struct mqtt_packet *packet, enum mqtt_packet_type type, uint16_t id)
{
	return mqtt_type(packet) == type && packet->size >= 2 && get_short(packet->body) == id;
}

bool mqtt_is_publish(const struct mqtt_packet *packet, const char *topic, const char *text, uint16_t *ret_id)
{
	size_t topic_size = strlen(topic), text_size = strlen(text);
	size_t id_size = packet->first & 6 ? 2 : 0; /* 3.3.2.2 */
	const unsigned char *at = packet->body;

	if (mqtt_type(packet) != MQTT_PUBLISH || packet->size != 2 + topic_size + id_size + text_size ||
		get_short(at) != topic_size || memcmp(at + 2, topic, topic_size) != 0 ||
		memcmp(at + 2 + topic_size + id_size, text, text_size) != 0)
		return false;
	*ret_id = id_size ? get_short(at + 2 + topic_size) : 0;
	return true;
}
