// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * Settings: devbus.conf, then devbus.d/NAME.conf, then the environment, through the same field tables as
 * everything else. Files are `key = value` lines with # comments; keys before any [section] are the library's,
 * those in [NAME] are the service's own. What is wrong is refused, with file and line: a typing error must not
 * become a default.
 */
#ifndef DEVBUS_INTERNAL_SETTINGS_H
#define DEVBUS_INTERNAL_SETTINGS_H

#include <devbus/field.h>
#include <limits.h>

/* The library's own settings; the table settings_fields says bounds and defaults. */
struct settings {
	char broker[256]; /* HOST:PORT */
	char user[65]; /* default: the service's name */
	char password_file[PATH_MAX]; /* default: $CREDENTIALS_DIRECTORY/mqtt-password if it is there */
	char device_id[129];
	char state_dir[PATH_MAX]; /* of the device; each service has a folder in it */
	char clock_sync[8]; /* auto, always, never: whether the wall clock is trusted */
	char cloud_broker[256]; /* HOST:PORT of the cloud, for tools that act as the cloud */
	char cloud_prefix[257];
	uint32_t keepalive_s;
	uint32_t reconnect_min_ms; /* first step of the back-off */
	uint32_t reconnect_max_ms; /* its cap */
	uint32_t connect_timeout_s;
	uint32_t stop_timeout_ms;
	uint32_t payload_limit_bytes;
	uint32_t queue_limit_bytes; /* of messages waiting for the broker, in memory */
	uint32_t pending_calls_max; /* calls of ours, and requests not yet answered */
	uint32_t journal_max; /* command ids remembered (protocol 4.3) */
	uint32_t outbox_limit_bytes; /* of durable events on disk */
	uint32_t outbox_hours; /* how old a durable event may get */
	char confirm[8]; /* echo, ack, time: what confirms a durable event (protocol 6.5) */
	uint32_t confirm_after_s; /* with time: how long after the local broker's acknowledgement */
	uint32_t journal_days; /* and for how long */
};
extern const struct devbus_field settings_fields[];

/*
 * Reads the library's settings for service @name from @config_dir (NULL: $DEVBUS_CONFIG_DIR, else the built-in one, which need
 * not be there). A missing devbus.conf or NAME.conf is fine. Environment: DEVBUS_<KEY>, e.g. DEVBUS_BROKER, DEVBUS_STATE_DIR; an empty variable
 * counts as not set. @ret_error names file and line (or the variable) and the remedy.
 * Returns 0, -EINVAL, -ENAMETOOLONG, -EFBIG (a file above 256 KiB), -ENOTSUP (not a file), -ENOMEM or a negative errno of
 * open(2) or read(2).
 */
int settings_read(const char *config_dir, const char *name, struct settings *ret_settings,
	struct devbus_error *ret_error);

/*
 * The service's own: section [NAME] of the same files, and DEVBUS_<NAME>_<KEY> (a '-' in a name becomes '_'). The
 * same errors; *@ret_value is then undefined with nothing left allocated. Otherwise the caller frees what was read with
 * devbus_fields_clear().
 */
int settings_read_section(const char *config_dir, const char *name, const struct devbus_field *fields,
	void *ret_value, struct devbus_error *ret_error);

/*
 * The password: first line of settings.password_file, or of $CREDENTIALS_DIRECTORY/mqtt-password; "" when neither is set.
 * Refused: a file that others may read or write (-EPERM), an empty first line or one with a NUL (-EINVAL), a password that does not
 * fit @size (-EMSGSIZE). Returns 0 or a negative errno, also of open(2) and read(2); @ret_error says what to do.
 */
int settings_password(
	const struct settings *settings, char *ret_password, size_t size, struct devbus_error *ret_error);

/* Splits "HOST:PORT" or "[v6]:PORT" (@ret_host without the brackets). Returns 0 or -EINVAL. */
int settings_split_address(const char *address, char *ret_host, size_t host_size, uint16_t *ret_port);

/* The folder that is read: @config_dir, else $DEVBUS_CONFIG_DIR, else the built-in one. Borrowed. */
const char *settings_config_dir(const char *config_dir);

#endif
