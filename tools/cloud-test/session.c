// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * Most clouds answer what they refuse; some only close the connection, so that the last thing that was asked for has to be named.
 */
#include "session.h"
#include "../../services/reach/words.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TLS_RECORD_ALERT 0x15 /* RFC 8446 5.1: how a TLS server answers somebody who does not speak TLS */
#define OWN_ID_HINT                                                                                          \
	"; or it takes the device's own client id only: try again with --as-device, while the bridge is "    \
	"stopped"
#define TOPIC_MAX 600

__attribute__((format(printf, 3, 4))) static int fail(
	struct session *session, int error, const char *format, ...)
{
	char text[REACH_TEXT_SIZE];
	va_list words;

	va_start(words, format);
	vsnprintf(text, sizeof text, format, words);
	va_end(words);
	return reach_fail(session->reach, error, text);
}

static int64_t deadline_ms(const struct session *session)
{
	return reach_now_ms() + session->reach->timeout_ms;
}

static const char *own_id_hint(const struct session *session)
{
	return session->as_device ? "" : OWN_ID_HINT;
}

/* ---- connect */

static int fail_connect(struct session *session, int r)
{
	if (session->reach->trouble[0])
		return r;
	if (r == -ETIMEDOUT)
		return fail(session, r,
			"the server takes the connection, but does not answer an MQTT CONNECT; check the "
			"port%s, and that the broker is not stuck",
			session->reach->ssl ? "" : ", whether it is one with TLS (set bridge_cafile)");
	if (r == -EPROTO && session->packet.first == TLS_RECORD_ALERT && !session->reach->ssl)
		return fail(session, r, "TLS is spoken on this port; set bridge_cafile or bridge_capath");
	if (r == -EPROTO)
		return fail(session, r, "the server does not speak MQTT; check the port%s",
			session->reach->conf->alpn[0] ? " and bridge_alpn" : "");
	if (r == -ECONNRESET)
		return fail(session, r,
			"the server closes the connection in place of an answer to CONNECT; it is no MQTT "
			"broker, %sor refuses the client id, user or certificate of this device without a "
			"word%s",
			session->reach->ssl ? "" : "speaks TLS only (set bridge_cafile), ",
			own_id_hint(session));
	return fail(session, r, "%s", strerror(-r));
}

static int judge_connack(struct session *session)
{
	const struct mqtt_packet *packet = &session->packet;
	int code;

	if (mqtt_type(packet) != MQTT_CONNACK || packet->size != 2)
		return fail_connect(session, -EPROTO);
	code = packet->body[1];
	if (code == 0) {
		session->connected = true;
		snprintf(session->reach->found, REACH_TEXT_SIZE, "accepted as %.300s", session->client_id);
		return 0;
	}
	return fail(session, -EACCES, "%s%s", words_connack(code, session->reach->conf->private_bit),
		code == 2 || code == 5 ? own_id_hint(session) : "");
}

int session_connect(struct session *session)
{
	const struct bridge_conf *conf = session->reach->conf;
	struct mqtt_connect connect = {
		.version = conf->version,
		.private_bit = conf->private_bit,
		.clean = !session->as_device,
		.client_id = session->client_id,
		.user = conf->user,
		.password = conf->password,
	};
	int64_t until_ms = deadline_ms(session);
	int r;

	if (strncmp(conf->version, "mqttv31", strlen("mqttv31")) != 0)
		return fail(session, -ENOTSUP,
			"bridge_protocol_version is %.20s; set mqttv311, with which no command is lost while the "
			"device is away",
			conf->version);
	snprintf(session->client_id, sizeof session->client_id, "%s%s", conf->client_id,
		session->as_device ? "" : "-test");
	r = mqtt_connect(session->reach, &connect, until_ms);
	if (r == 0)
		r = mqtt_read(session->reach, &session->packet, until_ms);
	return r < 0 ? fail_connect(session, r) : judge_connack(session);
}

/* ---- topics */

static int wait_for(struct session *session, enum mqtt_packet_type type, uint16_t id)
{
	int64_t until_ms = deadline_ms(session);
	int r;

	do
		r = mqtt_read(session->reach, &session->packet, until_ms);
	while (r == 0 && !mqtt_answers(&session->packet, type, id));
	return r;
}

static int fail_topic(struct session *session, int r, const char *done, const char *topic)
{
	if (r == -ETIMEDOUT)
		return fail(session, r, "no answer after %s %.250s; the broker is stuck, or refuses it", done,
			topic);
	if (r == -ECONNRESET)
		return fail(session, r,
			"the cloud closes the connection after %s %.250s; give this device the right to it, or "
			"correct the prefix",
			done, topic);
	return session->reach->trouble[0] ? r : fail(session, r, "%s", strerror(-r));
}

static void join(const char *prefix, const char *rest, char topic[TOPIC_MAX])
{
	snprintf(topic, TOPIC_MAX, "%s%s", prefix, rest);
}

static int subscribe(struct session *session, const struct bridge_topic *topic, uint16_t id)
{
	char filter[TOPIC_MAX];
	int r;

	join(topic->remote, topic->pattern, filter);
	r = mqtt_subscribe(session->reach, id, filter, deadline_ms(session));
	if (r == 0)
		r = wait_for(session, MQTT_SUBACK, id);
	if (r < 0)
		return fail_topic(session, r, "SUBSCRIBE to", filter);
	if (session->packet.size < 3 || session->packet.body[2] > 2)
		return fail(session, -EACCES,
			"the cloud refuses the subscription to %.250s; give this device the right to it, or "
			"correct the prefix",
			filter);
	return 0;
}

int session_subscribe(struct session *session)
{
	const struct bridge_conf *conf = session->reach->conf;
	int count = 0, r = 0;

	for (int i = 0; i < conf->topic_count && r == 0; i++)
		if (conf->topics[i].direction != BRIDGE_OUT)
			r = subscribe(session, &conf->topics[i], (uint16_t)++count);
	if (r == 0)
		snprintf(session->reach->found, REACH_TEXT_SIZE, "%d topic%s", count, count == 1 ? "" : "s");
	return r;
}

/* ---- the echo */

static bool is_returned(const struct bridge_conf *conf, const struct bridge_topic *out)
{
	for (int i = 0; i < conf->topic_count; i++)
		if (conf->topics[i].direction == BRIDGE_IN && !strcmp(conf->topics[i].remote, out->remote) &&
			!strcmp(conf->topics[i].pattern, out->pattern))
			return true;
	return false;
}

/* Out and in by the same name (protocol 6.5). NULL: this cloud has none. */
static const struct bridge_topic *find_echo(const struct bridge_conf *conf)
{
	for (int i = 0; i < conf->topic_count; i++)
		if (conf->topics[i].direction == BRIDGE_OUT && !strcmp(conf->topics[i].pattern, "#") &&
			is_returned(conf, &conf->topics[i]))
			return &conf->topics[i];
	return NULL;
}

static int wait_for_echo(struct session *session, const char *topic, const char *token)
{
	int64_t until_ms = deadline_ms(session);
	uint16_t id = 0;
	int r;

	do
		r = mqtt_read(session->reach, &session->packet, until_ms);
	while (r == 0 && !mqtt_is_publish(&session->packet, topic, token, &id));
	if (r == 0 && id)
		r = mqtt_acknowledge(session->reach, id, until_ms);
	if (r == -ETIMEDOUT)
		return fail(session, r,
			"what is published on %.250s does not come back; give this device the right to publish "
			"and to read it",
			topic);
	return r < 0 ? fail_topic(session, r, "PUBLISH on", topic) : 0;
}

int session_echo(struct session *session)
{
	const struct bridge_topic *echo = find_echo(session->reach->conf);
	char topic[TOPIC_MAX], token[64];
	int r;

	if (!echo) {
		snprintf(session->reach->found, REACH_TEXT_SIZE, "not tried: this bridge has none");
		return 0;
	}
	/* No service has this name, so a token that the bridge gets in the end is for nobody. */
	join(echo->remote, "cloud-test", topic);
	snprintf(token, sizeof token, "cloud-test:%ld-%lld", (long)getpid(), (long long)reach_now_ms());
	r = mqtt_publish(session->reach, UINT16_MAX, topic, token, deadline_ms(session));
	if (r < 0)
		return fail_topic(session, r, "PUBLISH on", topic);
	snprintf(session->reach->found, REACH_TEXT_SIZE, "back on %.300s", topic);
	return wait_for_echo(session, topic, token);
}

void session_end(struct session *session)
{
	if (session->connected)
		mqtt_disconnect(session->reach, deadline_ms(session));
	session->connected = false;
}
