// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * As much of MQTT 3.1.1 as a test needs, over a way that is already open. Paho's client hides which answer the server gave; and
 * what is tested here, an acknowledgement that is left out on purpose, it cannot do.
 *
 * Functions return 0 or a negative errno: -ETIMEDOUT, -ECONNRESET (closed by the other side), -EPROTO (that is not MQTT), or one of
 * reach_read() and reach_write().
 */
#ifndef CLOUD_TEST_MQTT_H
#define CLOUD_TEST_MQTT_H

#include "../../services/reach/reach.h"

#define MQTT_PACKET_MAX 65536 /* of a packet that is looked into; longer ones are passed over */

enum mqtt_packet_type {
	MQTT_CONNECT = 1,
	MQTT_CONNACK = 2,
	MQTT_PUBLISH = 3,
	MQTT_PUBACK = 4,
	MQTT_SUBSCRIBE = 8,
	MQTT_SUBACK = 9,
	MQTT_DISCONNECT = 14,
};

struct mqtt_packet {
	unsigned char first; /* type and flags */
	unsigned char body[MQTT_PACKET_MAX];
	size_t size; /* of the body; 0 for one that was too long */
};

struct mqtt_connect {
	const char *version; /* as Mosquitto names it: mqttv31 or mqttv311 */
	bool private_bit;
	bool clean;
	const char *client_id, *user, *password; /* "": none */
};

enum mqtt_packet_type mqtt_type(const struct mqtt_packet *packet);

int mqtt_connect(struct reach *reach, const struct mqtt_connect *connect, int64_t deadline_ms);
int mqtt_subscribe(struct reach *reach, uint16_t id, const char *filter, int64_t deadline_ms); /* QoS 1 */
int mqtt_publish(struct reach *reach, uint16_t id, const char *topic, const char *text,
	int64_t deadline_ms); /* QoS 1 */
int mqtt_acknowledge(struct reach *reach, uint16_t id, int64_t deadline_ms);
int mqtt_disconnect(struct reach *reach, int64_t deadline_ms);

/* The next packet. -EPROTO: it is none; what came is in `first`. */
int mqtt_read(struct reach *reach, struct mqtt_packet *packet, int64_t deadline_ms);

/* Whether @packet is a PUBLISH of @text on @topic; @ret_id is 0 for one of QoS 0. */
bool mqtt_is_publish(const struct mqtt_packet *packet, const char *topic, const char *text, uint16_t *ret_id);

/* Whether @packet answers the packet @id, and is of @type. */
bool mqtt_answers(const struct mqtt_packet *packet, enum mqtt_packet_type type, uint16_t id);

#endif
