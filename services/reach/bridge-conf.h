// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * What a bridge of Mosquitto is told about the cloud, read from its own configuration: a test of the way to the cloud must not have
 * a configuration of its own, which could be right where the bridge's is wrong. Keys that are not needed for that are passed over.
 */
#ifndef REACH_BRIDGE_CONF_H
#define REACH_BRIDGE_CONF_H

#include <stdbool.h>
#include <stddef.h>

#define BRIDGE_CONF_LIMIT_BYTES 65536 /* of the file */
#define BRIDGE_CONF_TEXT_SIZE 1024
#define BRIDGE_CONF_ADDRESSES_MAX 8
#define BRIDGE_CONF_TOPICS_MAX 32
#define BRIDGE_CONF_TROUBLE_SIZE 512

struct bridge_address {
	char host[256];
	char port[6];
};

enum bridge_direction { BRIDGE_IN, BRIDGE_OUT, BRIDGE_BOTH };

struct bridge_topic {
	enum bridge_direction direction;
	char pattern[256];
	char remote[256]; /* prefix at the cloud, with its slash */
};

struct bridge_conf {
	struct bridge_address addresses[BRIDGE_CONF_ADDRESSES_MAX];
	int address_count;
	struct bridge_topic topics[BRIDGE_CONF_TOPICS_MAX];
	int topic_count;
	char client_id[BRIDGE_CONF_TEXT_SIZE];
	char user[BRIDGE_CONF_TEXT_SIZE]; /* "": none; so for all that follow */
	char password[BRIDGE_CONF_TEXT_SIZE];
	char cafile[BRIDGE_CONF_TEXT_SIZE];
	char capath[BRIDGE_CONF_TEXT_SIZE];
	char certfile[BRIDGE_CONF_TEXT_SIZE];
	char keyfile[BRIDGE_CONF_TEXT_SIZE];
	char alpn[BRIDGE_CONF_TEXT_SIZE];
	char listener[BRIDGE_CONF_TEXT_SIZE]; /* of the tunnel: port, address */
	char local_password[BRIDGE_CONF_TEXT_SIZE]; /* what the broker shows there */
	char version[BRIDGE_CONF_TEXT_SIZE]; /* as Mosquitto names it: mqttv311 */
	bool insecure; /* the host name is not checked */
	bool private_bit; /* the CONNECT says that a bridge makes it; not every cloud bears that */
};

/* As Mosquitto: TLS is used when an authority is named. */
bool bridge_conf_has_tls(const struct bridge_conf *conf);

/*
 * Reads @size bytes of @text. Returns 0 or -EINVAL; @ret_trouble then says what is wrong, never with a value.
 */
int bridge_conf_parse(const char *text, size_t size, struct bridge_conf *ret_conf,
	char ret_trouble[BRIDGE_CONF_TROUBLE_SIZE]);

/* Reads the file @path; names of files in it are of its folder where they are not absolute. Returns 0 or a negative errno; @ret_trouble then names the file and says what is wrong. */
int bridge_conf_read(
	const char *path, struct bridge_conf *ret_conf, char ret_trouble[BRIDGE_CONF_TROUBLE_SIZE]);

#endif
