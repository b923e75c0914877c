// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * The only file that includes a header of Paho. It uses the synchronous mode of MQTTClient, and one handle for each
 * connection: a handle that is used again would retransmit by itself what our outbox sends again as
 * well. doc/design/link.md has the measurements and the traps.
 */
#include "paho.h"
#include "log.h"
#include "socket.h"
#include <MQTTClient.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static const unsigned SESSION_FOR_EVER_S = 0xFFFFFFFF; /* MQTT 5.0 3.1.2.11.2 */

enum {
	PAHO_WINDOW = 2 * LINK_WINDOW,
	URI_SIZE = 300,
	COMMAND_TIMEOUT_MS = 5000, /* for the answer to a subscribe: the least that Paho takes */
};

struct paho {
	MQTTClient handle;
	int fd;
	bool drained;
	size_t first, count; /* of a ring: never more than the window of unacknowledged messages */
	struct paho_acknowledgement acknowledged[PAHO_WINDOW];
};

/* Called by Paho from inside its functions, for each PUBACK. */
static void on_published(
	void *context, int token, int packet, MQTTProperties *properties, enum MQTTReasonCodes reason)
{
	struct paho *paho = context;

	(void)packet, (void)properties;
	if (paho->count == PAHO_WINDOW)
		return;
	paho->acknowledged[(paho->first + paho->count++) % PAHO_WINDOW] =
		(struct paho_acknowledgement) { (uint32_t)token, (int)reason };
}

bool paho_take_acknowledgement(struct paho *paho, struct paho_acknowledgement *ret_acknowledgement)
{
	if (!paho->count)
		return false;
	*ret_acknowledgement = paho->acknowledged[paho->first];
	paho->first = (paho->first + 1) % PAHO_WINDOW;
	paho->count--;
	return true;
}

/* ---- connect */

/* Paho says the same of a host without a broker and of a name without a host. */
static bool name_is_known(const char *host)
{
	struct addrinfo *addresses;

	if (getaddrinfo(host, NULL, NULL, &addresses) != 0)
		return false;
	freeaddrinfo(addresses);
	return true;
}

static void explain(const struct link_options *options, int code, char reason[PAHO_REASON_SIZE])
{
	const char *why = NULL;

	if (code == MQTTREASONCODE_NOT_AUTHORIZED || code == MQTTREASONCODE_BAD_USER_NAME_OR_PASSWORD)
		why = "it refuses user name or password: provision this user (devbus-provision(8)), or see password_file";
	else if (code >= MQTTREASONCODE_UNSPECIFIED_ERROR)
		why = MQTTReasonCode_toString((enum MQTTReasonCodes)code);
	else if (code != MQTTCLIENT_FAILURE)
		why = MQTTClient_strerror(code);
	else if (!name_is_known(options->host))
		why = "its name is not known: mend the setting broker, or DNS";
	snprintf(reason, PAHO_REASON_SIZE, "cannot connect to the broker at %s:%u: %s", options->host,
		(unsigned)options->port, why ? why : "nobody answers");
}

static int add_number(MQTTProperties *properties, enum MQTTPropertyCodes identifier, unsigned value)
{
	MQTTProperty property = { .identifier = identifier };

	property.value.integer4 = value;
	return MQTTProperties_add(properties, &property);
}

static int create_handle(struct paho *paho, const struct link_options *from)
{
	MQTTClient_createOptions options = MQTTClient_createOptions_initializer;
	bool v6 = strchr(from->host, ':') != NULL;
	char uri[URI_SIZE];
	int r;

	snprintf(uri, sizeof uri, v6 ? "tcp://[%s]:%u" : "tcp://%s:%u", from->host, (unsigned)from->port);
	options.MQTTVersion = MQTTVERSION_5;
	r = MQTTClient_createWithOptions(
		&paho->handle, uri, from->client_id, MQTTCLIENT_PERSISTENCE_NONE, NULL, &options);
	if (r == MQTTCLIENT_SUCCESS)
		r = MQTTClient_setPublished(paho->handle, paho, on_published);
	if (r == MQTTCLIENT_SUCCESS)
		r = MQTTClient_setCommandTimeout(paho->handle, COMMAND_TIMEOUT_MS);
	return r;
}

static int connect_handle(struct paho *paho, const struct link_options *from)
{
	MQTTClient_connectOptions options = MQTTClient_connectOptions_initializer5;
	MQTTClient_willOptions will = MQTTClient_willOptions_initializer;
	MQTTProperties properties = MQTTProperties_initializer, none = MQTTProperties_initializer;
	MQTTResponse response;
	int code;

	options.keepAliveInterval = (int)from->keepalive_s;
	options.connectTimeout = (int)from->connect_timeout_s;
	options.cleanstart = from->clean;
	options.maxInflightMessages = PAHO_WINDOW;
	options.username = from->user;
	options.password = from->user ? from->password : NULL;
	will.topicName = from->will_topic;
	will.message = from->will_payload;
	will.qos = 1;
	will.retained = 1;
	if (from->will_topic)
		options.will = &will;
	if (!from->clean)
		add_number(&properties, MQTTPROPERTY_CODE_SESSION_EXPIRY_INTERVAL, SESSION_FOR_EVER_S);
	response = MQTTClient_connect5(paho->handle, &options, &properties, from->will_topic ? &none : NULL);
	code = (int)response.reasonCode;
	MQTTResponse_free(response);
	MQTTProperties_free(&properties);
	return code;
}

/* Paho has no function that tells its socket: it is the one that was not there before. */
static int connect_and_find_socket(struct paho *paho, const struct link_options *options)
{
	struct socket_peers before = { .count = 0 }, now = { .count = 0 };
	int code;

	socket_list_peers(options->port, &before);
	code = connect_handle(paho, options);
	if (code != MQTTCLIENT_SUCCESS)
		return code;
	socket_list_peers(options->port, &now);
	paho->fd = socket_find_new(&before, &now);
	if (paho->fd < 0) {
		log_error("cannot tell which socket is Paho's (port %u): %s; is /proc mounted?",
			(unsigned)options->port, strerror(-paho->fd));
		MQTTClient_disconnect5(paho->handle, 0, MQTTREASONCODE_UNSPECIFIED_ERROR, NULL);
		return MQTTCLIENT_FAILURE;
	}
	socket_prepare(paho->fd);
	return MQTTCLIENT_SUCCESS;
}

int paho_connect(struct paho **paho, const struct link_options *options, char ret_reason[PAHO_REASON_SIZE])
{
	struct paho *fresh = *paho ? *paho : calloc(1, sizeof *fresh);
	int code = MQTTCLIENT_SUCCESS;

	if (!fresh)
		return -ENOMEM;
	fresh->fd = -1;
	fresh->first = fresh->count = 0; /* those of the last connection acknowledge nothing of this one */
	if (!*paho)
		code = create_handle(fresh, options);
	if (code == MQTTCLIENT_SUCCESS)
		code = connect_and_find_socket(fresh, options);
	if (code == MQTTCLIENT_SUCCESS) {
		fresh->drained = false;
		*paho = fresh;
		return 0;
	}
	explain(options, code, ret_reason);
	if (!*paho)
		paho_free(fresh);
	return -ECONNREFUSED;
}

bool paho_drained(const struct paho *paho)
{
	return paho->drained;
}

int paho_fd(const struct paho *paho)
{
	return paho->fd;
}

bool paho_connected(const struct paho *paho)
{
	return MQTTClient_isConnected(paho->handle);
}

void paho_disconnect(struct paho *paho)
{
	MQTTClient_disconnect5(paho->handle, 0, MQTTREASONCODE_SUCCESS, NULL);
}

/* MQTTClient_destroy() leaves the socket open, and disconnect alone would keep the will from being published. */
void paho_drop(struct paho *paho)
{
	if (!paho->handle || !paho_connected(paho))
		return;
	if (paho->fd >= 0)
		shutdown(paho->fd, SHUT_RDWR);
	paho_disconnect(paho);
}

void paho_free(struct paho *paho)
{
	if (!paho)
		return;
	paho_drop(paho);
	MQTTClient_destroy(&paho->handle);
	free(paho);
}

/* ---- subscribe and publish */

int paho_subscribe(struct paho *paho, const struct link_filter *filter)
{
	MQTTSubscribe_options options = MQTTSubscribe_options_initializer;
	MQTTProperties properties = MQTTProperties_initializer;
	MQTTResponse response;
	int code;

	options.retainAsPublished = filter->retain_as_published;
	options.retainHandling = filter->retained_only_if_new ? 1 : 0;
	add_number(&properties, MQTTPROPERTY_CODE_SUBSCRIPTION_IDENTIFIER, filter->id);
	response = MQTTClient_subscribe5(paho->handle, filter->filter, filter->qos, &options, &properties);
	code = (int)response.reasonCode;
	MQTTResponse_free(response);
	MQTTProperties_free(&properties);
	paho->drained = false;
	return code < 0 ? -EIO : code;
}

int paho_unsubscribe(struct paho *paho, const char *filter)
{
	MQTTResponse response = MQTTClient_unsubscribe5(paho->handle, filter, NULL);
	int code = (int)response.reasonCode;

	MQTTResponse_free(response);
	paho->drained = false;
	return code < 0 ? -EIO : code;
}

/*
 * Borrows @data: MQTTProperties_add() would copy it, and that is a tenth of what a call costs. The length of a property is that of its identifier,
 * its own length, and itself (MQTT 5.0 2.2.2.2 and 1.5.6).
 */
static void put_data(
	MQTTProperties *properties, enum MQTTPropertyCodes identifier, const void *data, size_t size)
{
	MQTTProperty *property = &properties->array[properties->count];

	if (!data)
		return;
	property->identifier = identifier;
	property->value.data.data = (char *)data;
	property->value.data.len = (int)size;
	properties->count++;
	properties->length += 1 + 2 + (int)size;
}

int paho_publish(struct paho *paho, const struct link_message *message, bool fits, uint32_t *ret_token)
{
	MQTTProperty array[2];
	MQTTProperties properties = { .max_count = 2, .array = array };
	MQTTClient_deliveryToken token = 0;
	MQTTResponse response;

	put_data(&properties, MQTTPROPERTY_CODE_RESPONSE_TOPIC, message->response_topic,
		message->response_topic ? strlen(message->response_topic) : 0);
	put_data(&properties, MQTTPROPERTY_CODE_CORRELATION_DATA, message->correlation,
		message->correlation_size);
	response = MQTTClient_publish5(paho->handle, message->topic, (int)message->payload_size,
		message->payload, message->qos, message->retained, &properties, &token);
	paho->drained &= fits;
	/* Paho reports success for a QoS 1 message that it could not write, meaning to send it again. */
	if (!paho_connected(paho))
		return -ENOTCONN;
	if (response.reasonCode != MQTTCLIENT_SUCCESS)
		return -EINVAL;
	*ret_token = (uint32_t)token;
	return 0;
}

/* ---- receive */

static const MQTTProperty *property_of(const MQTTClient_message *message, enum MQTTPropertyCodes identifier)
{
	return MQTTProperties_getProperty((MQTTProperties *)&message->properties, identifier);
}

/* A copy with a NUL behind it: Paho's own strings have none. */
static char *copy_text(const MQTTProperty *property)
{
	return property ? strndup(property->value.data.data, (size_t)property->value.data.len) : NULL;
}

static void hand_out(const char *topic, const MQTTClient_message *from,
	void (*receive)(const struct link_message *message, void *userdata), void *userdata)
{
	const MQTTProperty *id = property_of(from, MQTTPROPERTY_CODE_SUBSCRIPTION_IDENTIFIER);
	const MQTTProperty *correlation = property_of(from, MQTTPROPERTY_CODE_CORRELATION_DATA);
	char *response_topic = copy_text(property_of(from, MQTTPROPERTY_CODE_RESPONSE_TOPIC));
	char *payload = malloc((size_t)from->payloadlen + 1);
	struct link_message message = {
		.topic = topic,
		.payload = payload,
		.payload_size = (size_t)from->payloadlen,
		.qos = from->qos,
		.retained = from->retained,
		.duplicate = from->dup,
		.subscription_id = id ? id->value.integer4 : 0,
		.response_topic = response_topic,
		.correlation = correlation ? correlation->value.data.data : NULL,
		.correlation_size = correlation ? (size_t)correlation->value.data.len : 0,
	};

	if (payload) {
		if (from->payloadlen)
			memcpy(payload, from->payload, (size_t)from->payloadlen);
		payload[from->payloadlen] = '\0';
		receive(&message, userdata);
	} else {
		log_error("no memory for a message of %d bytes on %s: dropped", from->payloadlen, topic);
	}
	free(payload);
	free(response_topic);
}

bool paho_receive(struct paho *paho, void (*receive)(const struct link_message *message, void *userdata),
	void *userdata)
{
	MQTTClient_message *message = NULL;
	char *topic = NULL;
	int size = 0;

	if (!paho_connected(paho))
		return false;
	MQTTClient_receive(paho->handle, &topic, &size, &message, 0);
	if (!message) {
		/* A loss found by this very call may leave messages behind; an honest "none" does not. */
		paho->drained |= paho_connected(paho);
		return false;
	}
	hand_out(topic, message, receive, userdata);
	MQTTClient_freeMessage(&message);
	MQTTClient_free(topic);
	return true;
}
