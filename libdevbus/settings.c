// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * The library's own settings. The defaults are for a small device beside its broker; where a figure comes from a
 * limit of the broker or the cloud, its description says so.
 */
#include "settings.h"
#include "error.h"
#include "settings-source.h"
#include "topic.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const confirmations[] = { "echo", "ack", "time", NULL };
static const char *const clock_modes[] = { "auto", "always", "never", NULL };

const struct devbus_field settings_fields[] = {
	DEVBUS_FIELD(struct settings, broker, .min = 1, .max = 255, .initial_text = "127.0.0.1:1883",
		.description = "HOST:PORT of the local broker"),
	DEVBUS_FIELD(
		struct settings, user, .description = "user name at the broker; default: the service's name"),
	DEVBUS_FIELD(struct settings, password_file,
		.description = "file whose first line is the password; "
			       "default: mqtt-password among the credentials given by systemd"),
	DEVBUS_FIELD(struct settings, device_id, .min = 1, .max = 128, .initial_text = "device",
		.description = "name of this device, part of each MQTT client id"),
	DEVBUS_FIELD(struct settings, state_dir, .min = 1, .max = PATH_MAX - 1,
		.initial_text = DEVBUS_STATE_DIR_DEFAULT,
		.description = "folder for what outlives a service; each has a folder in it"),
	DEVBUS_FIELD(struct settings, clock_sync, .initial_text = "auto", .choices = clock_modes,
		.description = "whether the wall clock is trusted; auto: when the kernel says so"),
	DEVBUS_FIELD(struct settings, cloud_broker,
		.description = "HOST:PORT of the cloud, for tools that act as the cloud"),
	DEVBUS_FIELD(struct settings, cloud_prefix, .description = "what topics begin with at the cloud"),
	DEVBUS_FIELD(struct settings, keepalive_s, .min = 5, .max = 1200, .initial = 10,
		.description = "MQTT keep-alive in seconds; a handler may block for half of it; "
			       "1200 is the most that AWS IoT takes"),
	DEVBUS_FIELD(struct settings, reconnect_min_ms, .min = 10, .max = 3600000, .initial = 100,
		.description = "first pause between two attempts to connect, in ms"),
	DEVBUS_FIELD(struct settings, reconnect_max_ms, .min = 10, .max = 3600000, .initial = 2000,
		.description = "longest pause between two attempts to connect, in ms"),
	DEVBUS_FIELD(struct settings, connect_timeout_s, .min = 1, .max = 300, .initial = 5,
		.description = "how long one attempt to connect may take, in seconds"),
	DEVBUS_FIELD(struct settings, stop_timeout_ms, .min = 0, .max = 60000, .initial = 2000,
		.description = "how long a stop waits for what is still to be sent, in ms"),
	DEVBUS_FIELD(struct settings, payload_limit_bytes, .min = 1024, .max = 16777216, .initial = 130048,
		.description = "largest payload sent or taken; default: 128 KiB, the limit of AWS IoT, "
			       "less 1 KiB for headers"),
	DEVBUS_FIELD(struct settings, queue_limit_bytes, .min = 1024, .max = 1073741824, .initial = 4194304,
		.description = "memory for messages that wait for the broker, in bytes"),
	DEVBUS_FIELD(struct settings, pending_calls_max, .min = 1, .max = 65536, .initial = 256,
		.description = "calls of ours, and requests to us, that may be unanswered at once"),
	DEVBUS_FIELD(struct settings, journal_max, .min = 1, .max = 65536, .initial = 1024,
		.description = "command ids remembered"),
	DEVBUS_FIELD(struct settings, journal_days, .min = 1, .max = 3650, .initial = 7,
		.description = "days for which a finished command's id is remembered"),
	DEVBUS_FIELD(struct settings, outbox_limit_bytes, .min = 65536, .max = 1073741824,
		.initial = 16777216,
		.description = "disk for durable events that are not confirmed, in bytes"),
	DEVBUS_FIELD(struct settings, outbox_hours, .min = 1, .max = 87600, .initial = 720,
		.description = "hours after which a durable event is given up; states of commands never are"),
	DEVBUS_FIELD(struct settings, confirm, .initial_text = "echo", .choices = confirmations,
		.description = "what confirms a durable event: the echo through the bridge, only the cloud's "
			       "own ack, or time, where a cloud can do neither"),
	DEVBUS_FIELD(struct settings, confirm_after_s, .min = 1, .max = 86400, .initial = 60,
		.description =
			"with confirm = time: seconds from the local broker's acknowledgement; with ack: from the echo "
			"until what the cloud does not acknowledge is sent again"),
	{ 0 },
};

/* ---- what the table cannot say */

static bool valid_address(const char *text)
{
	char host[256];
	uint16_t port;

	return settings_split_address(text, host, sizeof(host), &port) == 0;
}

/* It is part of client ids and, at some clouds, of topics. */
static bool valid_device_id(const char *text)
{
	return text[strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-")] ==
	       '\0';
}

static const struct settings_check checks[] = {
	{ "broker", valid_address, "write HOST:PORT, such as 127.0.0.1:1883 or [::1]:1883" },
	{ "cloud_broker", valid_address, "write HOST:PORT, such as mqtt.example.com:8883" },
	{ "cloud_prefix", topic_name_valid, "write an MQTT topic without + and #, such as devices/d1" },
	{ "device_id", valid_device_id, "write only A-Z a-z 0-9 . _ : -" },
	{ 0 },
};

static int check_together(
	const struct settings_source *source, const struct settings *settings, struct devbus_error *ret_error)
{
	const bool found = settings_source_found(source, "reconnect_min_ms");

	if (settings->reconnect_min_ms <= settings->reconnect_max_ms)
		return 0;
	return settings_source_refuse(source, found ? "reconnect_min_ms" : "reconnect_max_ms", ret_error,
		"reconnect_min_ms %u is above reconnect_max_ms %u: lower the first or raise the second",
		settings->reconnect_min_ms, settings->reconnect_max_ms);
}

/* ---- defaults that depend on where we run */

static void find_credential(char path[PATH_MAX])
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");

	if (*path || !dir)
		return;
	if (snprintf(path, PATH_MAX, "%s/mqtt-password", dir) >= PATH_MAX || access(path, F_OK) < 0)
		*path = '\0';
}

/* The folder that somebody asked for; NULL: nobody did. */
static const char *chosen_config_dir(const char *config_dir)
{
	const char *variable = getenv("DEVBUS_CONFIG_DIR");

	if (config_dir)
		return config_dir;
	return variable && *variable ? variable : NULL;
}

const char *settings_config_dir(const char *config_dir)
{
	const char *chosen = chosen_config_dir(config_dir);

	return chosen ? chosen : DEVBUS_CONFIG_DIR_DEFAULT;
}

/* The one chosen at build time need not be there: then all settings have their defaults. */
static int check_config_dir(const char *config_dir, struct devbus_error *ret_error)
{
	const char *chosen = chosen_config_dir(config_dir);
	int r = chosen && access(chosen, X_OK) < 0 ? -errno : 0;

	if (r < 0)
		error_set(ret_error, DEVBUS_E_NOT_FOUND,
			"the configuration folder %s: %s (--config-dir, DEVBUS_CONFIG_DIR)", chosen,
			strerror(-r));
	return r;
}

static int check_name(const char *name, struct devbus_error *ret_error)
{
	if (topic_level_valid(name))
		return 0;
	error_set(ret_error, DEVBUS_E_INVALID_ARGS, "the name of a service is 1 to %d of a-z 0-9 _ -",
		TOPIC_LEVEL_MAX);
	return -EINVAL;
}

int settings_read(const char *config_dir, const char *name, struct settings *ret_settings,
	struct devbus_error *ret_error)
{
	struct settings settings;
	struct settings_source source = {
		.name = name,
		.config_dir = settings_config_dir(config_dir),
		.fields = settings_fields,
		.checks = checks,
		.value = &settings,
	};
	int r = check_name(name, ret_error);

	if (r == 0)
		r = check_config_dir(config_dir, ret_error);
	if (r == 0)
		r = settings_source_read(&source, ret_error);
	if (r == 0)
		r = check_together(&source, &settings, ret_error);
	settings_source_clear(&source);
	if (r < 0)
		return r;
	if (!settings.user[0])
		memcpy(settings.user, name, strlen(name) + 1);
	find_credential(settings.password_file);
	*ret_settings = settings;
	return 0;
}

int settings_read_section(const char *config_dir, const char *name, const struct devbus_field *fields,
	void *ret_value, struct devbus_error *ret_error)
{
	struct settings_source source = {
		.name = name,
		.config_dir = settings_config_dir(config_dir),
		.own = true,
		.fields = fields,
		.value = ret_value,
	};
	int r = check_name(name, ret_error);

	if (r < 0)
		return r;
	r = settings_source_read(&source, ret_error);
	settings_source_clear(&source);
	if (r < 0)
		devbus_fields_clear(fields, ret_value);
	return r;
}
