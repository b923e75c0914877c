// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* Lines are taken apart as Mosquitto 2.0 does it: a key, spaces, and the rest of the line as it is; "#" begins a comment only in front. */
#include "bridge-conf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_SIZE 2048

struct reading {
	struct bridge_conf *conf;
	int connections;
	const char *trouble;
};

/* ---- values */

static int set_text(struct reading *reading, const char *value, char *to, size_t size)
{
	size_t length = strlen(value);

	if (length == 0 || length >= size) {
		reading->trouble = length ? "the value is too long" : "the value is missing";
		return -EINVAL;
	}
	memcpy(to, value, length + 1);
	return 0;
}

static int set_flag(struct reading *reading, const char *value, bool *to)
{
	bool on = !strcmp(value, "true") || !strcmp(value, "1");

	if (!on && strcmp(value, "false") != 0 && strcmp(value, "0") != 0) {
		reading->trouble = "write true or false";
		return -EINVAL;
	}
	*to = on;
	return 0;
}

static bool is_port(const char *text)
{
	char *end;
	unsigned long port = strtoul(text, &end, 10);

	return strspn(text, "0123456789") == strlen(text) && strlen(text) <= 5 && *end == '\0' && port >= 1 &&
	       port <= 65535;
}

/* HOST or HOST:PORT. */
static int add_address(struct reading *reading, char *text)
{
	struct bridge_conf *conf = reading->conf;
	char *colon = strrchr(text, ':');
	const char *port = colon ? colon + 1 : "1883";
	struct bridge_address *address = &conf->addresses[conf->address_count];

	reading->trouble = "write HOST:PORT";
	if (conf->address_count == BRIDGE_CONF_ADDRESSES_MAX) {
		reading->trouble = "there are too many addresses";
		return -EINVAL;
	}
	if (colon)
		*colon = '\0';
	if (!is_port(port) || text[0] == '\0' || strlen(text) >= sizeof address->host)
		return -EINVAL;
	snprintf(address->host, sizeof address->host, "%s", text);
	snprintf(address->port, sizeof address->port, "%s", port);
	conf->address_count++;
	return 0;
}

static int add_addresses(struct reading *reading, char *value)
{
	char *rest = value, *word;

	if (reading->conf->address_count) {
		reading->trouble = "there is another line of addresses";
		return -EINVAL;
	}
	while ((word = strtok_r(rest, " \t", &rest)))
		if (add_address(reading, word) < 0)
			return -EINVAL;
	if (reading->conf->address_count)
		return 0;
	reading->trouble = "the value is missing";
	return -EINVAL;
}

static int read_direction(const char *word)
{
	static const char *const words[] = { "in", "out", "both" };

	for (int i = 0; word && i < 3; i++)
		if (!strcmp(word, words[i]))
			return i;
	return word ? -EINVAL : BRIDGE_OUT;
}

static bool put_word(const char *word, char to[256])
{
	bool none = !word || !strcmp(word, "\"\"");

	return snprintf(to, 256, "%s", none ? "" : word) < 256;
}

/* PATTERN [DIRECTION [QOS [LOCAL [REMOTE]]]] */
static int add_topic(struct reading *reading, char *value)
{
	struct bridge_conf *conf = reading->conf;
	struct bridge_topic *topic = &conf->topics[conf->topic_count];
	char *words[5] = { NULL }, *rest = value;
	int direction;

	if (conf->topic_count == BRIDGE_CONF_TOPICS_MAX) {
		reading->trouble = "there are too many topics";
		return -EINVAL;
	}
	for (int i = 0; i < 5; i++)
		words[i] = strtok_r(rest, " \t", &rest);
	direction = read_direction(words[1]);
	if (!words[0] || direction < 0 || !put_word(words[0], topic->pattern) ||
		!put_word(words[4], topic->remote)) {
		reading->trouble = "write topic PATTERN in|out|both QOS LOCAL-PREFIX REMOTE-PREFIX";
		return -EINVAL;
	}
	topic->direction = (enum bridge_direction)direction;
	conf->topic_count++;
	return 0;
}

/* A second bridge would take over, in part, what was said of the first. */
static int begin_connection(struct reading *reading, char *value)
{
	(void)value;
	reading->trouble = "there is more than one connection; give a file with one";
	return ++reading->connections > 1 ? -EINVAL : 0;
}

/* ---- keys */

#define TEXT(name, member)                                                                                   \
	{                                                                                                    \
		.key = name, .offset = offsetof(struct bridge_conf, member),                                 \
		.size = sizeof(((struct bridge_conf *)0)->member)                                            \
	}
#define FLAG(name, member)                                                                                   \
	{                                                                                                    \
		.key = name, .offset = offsetof(struct bridge_conf, member)                                  \
	}

static const struct option {
	const char *key;
	size_t offset, size; /* no size: a flag */
	int (*take)(struct reading *reading, char *value); /* in place of a member */
} options[] = {
	{ .key = "connection", .take = begin_connection },
	{ .key = "address", .take = add_addresses },
	{ .key = "addresses", .take = add_addresses },
	{ .key = "topic", .take = add_topic },
	TEXT("remote_clientid", client_id),
	TEXT("clientid", client_id),
	TEXT("remote_username", user),
	TEXT("username", user),
	TEXT("remote_password", password),
	TEXT("password", password),
	TEXT("bridge_cafile", cafile),
	TEXT("bridge_capath", capath),
	TEXT("bridge_certfile", certfile),
	TEXT("bridge_keyfile", keyfile),
	TEXT("bridge_alpn", alpn),
	TEXT("listener", listener),
	TEXT("local_password", local_password),
	TEXT("bridge_protocol_version", version),
	FLAG("bridge_insecure", insecure),
	FLAG("try_private", private_bit),
};

static const struct option *find(const char *key)
{
	for (size_t i = 0; i < sizeof options / sizeof *options; i++)
		if (!strcmp(key, options[i].key))
			return &options[i];
	return NULL;
}

static int take_option(struct reading *reading, const struct option *option, char *value)
{
	char *member = (char *)reading->conf + option->offset;

	if (option->take)
		return option->take(reading, value);
	if (option->size)
		return set_text(reading, value, member, option->size);
	return set_flag(reading, value, (bool *)member);
}

/* ---- lines */

/* @ret_key gets the key, if that is one of ours. */
static int take_line(struct reading *reading, char *line, const char **ret_key)
{
	char *value = line + strcspn(line, " \t");
	const struct option *option;

	if (line[0] == '#' || line[0] == '\0')
		return 0;
	if (*value) {
		*value++ = '\0';
		value += strspn(value, " \t");
	}
	option = find(line);
	if (!option)
		return 0;
	*ret_key = option->key;
	return take_option(reading, option, value);
}

static int copy_line(struct reading *reading, const char *text, size_t length, char line[LINE_SIZE])
{
	if (length > 0 && text[length - 1] == '\r')
		length--;
	reading->trouble = "the line is too long, or has a byte 0";
	if (length >= LINE_SIZE || memchr(text, '\0', length))
		return -EINVAL;
	memcpy(line, text, length);
	line[length] = '\0';
	return 0;
}

static int check_whole(struct reading *reading)
{
	const struct bridge_conf *conf = reading->conf;

	if (!reading->connections)
		reading->trouble = "there is no connection: give the configuration of a bridge of Mosquitto";
	else if (!conf->address_count)
		reading->trouble = "there is no address of the cloud";
	else if (!conf->certfile[0] != !conf->keyfile[0])
		reading->trouble = "bridge_certfile and bridge_keyfile go together";
	else
		return 0;
	return -EINVAL;
}

int bridge_conf_parse(const char *text, size_t size, struct bridge_conf *ret_conf,
	char ret_trouble[BRIDGE_CONF_TROUBLE_SIZE])
{
	struct reading reading = { .conf = ret_conf };
	char line[LINE_SIZE];
	const char *key = NULL, *end = text + size;
	int number = 0, r = 0;

	*ret_conf = (struct bridge_conf) { .private_bit = true, .version = "mqttv311" };
	while (r == 0 && text < end) {
		const char *stop = memchr(text, '\n', (size_t)(end - text));
		size_t length = (size_t)((stop ? stop : end) - text);

		number++;
		key = NULL;
		r = copy_line(&reading, text, length, line);
		if (r == 0)
			r = take_line(&reading, line, &key);
		text = stop ? stop + 1 : end;
	}
	explicit_bzero(line, sizeof line);
	if (r < 0) {
		snprintf(ret_trouble, BRIDGE_CONF_TROUBLE_SIZE, "line %d: %s%s%s", number, key ? key : "",
			key ? ": " : "", reading.trouble);
		return r;
	}
	r = check_whole(&reading);
	if (r < 0)
		snprintf(ret_trouble, BRIDGE_CONF_TROUBLE_SIZE, "%s", reading.trouble);
	return r;
}

bool bridge_conf_has_tls(const struct bridge_conf *conf)
{
	return conf->cafile[0] || conf->capath[0];
}

/* ---- the file */

/* So that the folder can be moved, as systemd does with credentials. */
static int put_folder_before(const char *path, char *file)
{
	const char *slash = strrchr(path, '/');
	char name[BRIDGE_CONF_TEXT_SIZE];

	if (!slash || file[0] == '\0' || file[0] == '/')
		return 0;
	memcpy(name, file, sizeof name);
	return snprintf(file, BRIDGE_CONF_TEXT_SIZE, "%.*s/%s", (int)(slash - path), path, name) <
			       BRIDGE_CONF_TEXT_SIZE
		       ? 0
		       : -ENAMETOOLONG;
}

static int complete_files(const char *path, struct bridge_conf *conf)
{
	char *const files[] = { conf->cafile, conf->capath, conf->certfile, conf->keyfile };
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof files / sizeof *files; i++)
		r = put_folder_before(path, files[i]);
	return r;
}

int bridge_conf_read(
	const char *path, struct bridge_conf *ret_conf, char ret_trouble[BRIDGE_CONF_TROUBLE_SIZE])
{
	char trouble[BRIDGE_CONF_TROUBLE_SIZE] = "", *text = malloc(BRIDGE_CONF_LIMIT_BYTES);
	FILE *file = text ? fopen(path, "re") : NULL;
	size_t size;
	int r = file ? 0 : -errno;

	if (r == 0) {
		setvbuf(file, NULL, _IONBF, 0); /* no second copy of a password in memory */
		size = fread(text, 1, BRIDGE_CONF_LIMIT_BYTES, file);
		if (ferror(file))
			r = -errno;
		else if (size == BRIDGE_CONF_LIMIT_BYTES)
			r = -EFBIG;
		else
			r = bridge_conf_parse(text, size, ret_conf, trouble);
		if (r == 0)
			r = complete_files(path, ret_conf);
		fclose(file);
		explicit_bzero(text, BRIDGE_CONF_LIMIT_BYTES);
	}
	free(text);
	if (r < 0)
		snprintf(ret_trouble, BRIDGE_CONF_TROUBLE_SIZE, "%.200s: %.300s", path,
			*trouble ? trouble : strerror(-r));
	return r;
}
