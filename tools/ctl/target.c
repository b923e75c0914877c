// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * See target.h. libdevbus finds the device's own broker by itself; here is only what it cannot know: a testbed that
 * was named, and the far side of the bridge.
 */
#include "target.h"
#include "keyfile.h"
#include "wait.h"
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef DEVBUSCTL_CONFIG_DIR
#define DEVBUSCTL_CONFIG_DIR "/etc/devbus"
#endif

/* Buffers behind the pointers of a struct devbus_options. */
struct target {
	char env[PATH_MAX]; /* the testbed's testbed.env; "" when none was named */
	char config_dir[PATH_MAX];
	bool is_default; /* nobody has chosen that folder, so it need not be there */
	char broker[300];
	char user[128];
	char password[512];
};

static int from_env(const struct target *target, const char *key, char *ret_value, size_t size)
{
	int r = keyfile_get(target->env, key, ret_value, size);

	if (r < 0)
		ctl_error("%s: %s: %s", target->env, key, strerror(-r));
	return r;
}

static int find_testbed(const struct ctl_globals *globals, struct target *target)
{
	if (!globals->dir || !*globals->dir)
		return 0;
	if ((size_t)snprintf(target->env, sizeof target->env, "%s/testbed.env", globals->dir) >=
		sizeof target->env)
		return -ENAMETOOLONG;
	if (access(target->env, R_OK) < 0) {
		ctl_error("%s: %s; is the testbed up?", target->env, strerror(errno));
		return -errno;
	}
	return 0;
}

/* The order in which the library looks for it, with the testbed before the environment. */
static int find_config_dir(const struct ctl_globals *globals, struct target *target)
{
	const char *dir = globals->config_dir ? globals->config_dir : getenv("DEVBUS_CONFIG_DIR");

	if (!globals->config_dir && *target->env)
		return from_env(target, "DEVBUS_CONFIG_DIR", target->config_dir, sizeof target->config_dir);
	target->is_default = !dir || !*dir;
	snprintf(target->config_dir, sizeof target->config_dir, "%s",
		target->is_default ? DEVBUSCTL_CONFIG_DIR : dir);
	return 0;
}

static int find_target(const struct ctl_globals *globals, struct target *ret_target)
{
	int r;

	memset(ret_target, 0, sizeof *ret_target);
	if ((r = find_testbed(globals, ret_target)) < 0)
		return r;
	return find_config_dir(globals, ret_target);
}

/* A key of devbus.conf that only tools need: environment first, then the file. */
static int setting(
	const struct target *target, const char *key, const char *variable, char *ret_value, size_t size)
{
	char path[PATH_MAX + 16];
	const char *value = getenv(variable);

	if (value) {
		snprintf(ret_value, size, "%s", value);
		return 0;
	}
	snprintf(path, sizeof path, "%s/devbus.conf", target->config_dir);
	return keyfile_get(path, key, ret_value, size);
}

/* HOST:PORT of a testbed's broker. */
static int env_address(struct target *target, const char *host_key, const char *port_key)
{
	char host[256], port[16];
	int r;

	if ((r = from_env(target, host_key, host, sizeof host)) < 0 ||
		(r = from_env(target, port_key, port, sizeof port)) < 0)
		return r;
	snprintf(target->broker, sizeof target->broker, "%s:%s", host, port);
	return 0;
}

static int find_cloud(const struct ctl_globals *globals, struct target *target)
{
	int r = 0;

	if (globals->cloud)
		snprintf(target->broker, sizeof target->broker, "%s", globals->cloud);
	else if (*target->env)
		r = env_address(target, "CLOUD_HOST", "CLOUD_PORT");
	else if ((r = setting(target, "cloud_broker", "DEVBUS_CLOUD_BROKER", target->broker,
			  sizeof target->broker)) < 0)
		ctl_error("where is the cloud's broker? Give --cloud HOST:PORT, or set cloud_broker in "
			  "%s/devbus.conf",
			target->config_dir);
	return r;
}

/* The testbed's names for host, port, user and password behind a door. */
static const struct {
	const char *name, *user_key, *password_key;
} doors[] = {
	[TARGET_CALLER] = { "cli", "CALLER_USER", "CALLER_PASSWORD" },
	[TARGET_MONITOR] = { "monitor", "MONITOR_USER", "MONITOR_PASSWORD" },
};

static int find_local(const struct ctl_globals *globals, enum target_door door, struct target *target)
{
	int r;

	if (target->is_default && !globals->broker && !getenv("DEVBUS_BROKER") &&
		access(target->config_dir, F_OK) < 0) {
		ctl_error(
			"there is no %s, so this is no device; name a testbed (--dir, DEVBUS_TESTBED), a folder "
			"with a devbus.conf (--config-dir), or --broker HOST:PORT",
			target->config_dir);
		return -ENOENT;
	}
	if (!*target->env || door == TARGET_SERVICE)
		return 0;
	if ((r = env_address(target, "LOCAL_HOST", "LOCAL_PORT")) < 0 ||
		(r = from_env(target, doors[door].user_key, target->user, sizeof target->user)) < 0)
		return r;
	return from_env(target, doors[door].password_key, target->password, sizeof target->password);
}

/* Whether this device has the user monitor, and we may be it. */
static bool has_monitor(const struct target *target)
{
	char path[PATH_MAX + 32], value[PATH_MAX];

	if (*target->env)
		return keyfile_get(target->env, "MONITOR_USER", value, sizeof value) == 0 && *value;
	snprintf(path, sizeof path, "%s/devbus.d/monitor.conf", target->config_dir);
	return keyfile_get(path, "password_file", value, sizeof value) == 0 && access(value, R_OK) == 0;
}

static int apply_user(const struct ctl_globals *globals, struct target *target)
{
	int r;

	if (globals->broker)
		snprintf(target->broker, sizeof target->broker, "%s", globals->broker);
	if (globals->user) {
		snprintf(target->user, sizeof target->user, "%s", globals->user);
		target->password[0] = '\0';
	}
	if (!globals->password_file)
		return 0;
	r = keyfile_secret(globals->password_file, target->password, sizeof target->password);
	if (r == -ENODATA)
		ctl_error("%s: its first line is the password, and is empty", globals->password_file);
	else if (r == -EPERM)
		ctl_error("%s: everyone can read it; chmod 600 it", globals->password_file);
	else if (r < 0)
		ctl_error("%s: %s", globals->password_file, strerror(-r));
	return r;
}

static int fill(const struct ctl_globals *globals, enum target_door door, struct target *target)
{
	struct ctl_globals others = *globals;
	int r = 0;

	if (door == TARGET_CLOUD) {
		r = find_cloud(globals, target);
		others.broker = NULL; /* the device's */
		snprintf(target->user, sizeof target->user, "cli");
	} else {
		r = find_local(globals, door, target);
	}
	return r < 0 ? r : apply_user(&others, target);
}

static const char *text_or_null(const char *text)
{
	return *text ? text : NULL;
}

static int open_bus(
	const struct target *target, enum target_door door, const char *name, struct devbus **ret_bus)
{
	struct devbus_options options = {
		.name = door == TARGET_SERVICE   ? name
			: door == TARGET_MONITOR ? "monitor"
						 : "cli",
		.flags = door == TARGET_SERVICE ? 0 : DEVBUS_CALLER,
		.config_dir = target->is_default ? NULL : target->config_dir,
		.broker = text_or_null(target->broker),
		.user = text_or_null(target->user),
		/* Never this device's own password at a broker elsewhere: "" there, not what the settings have. */
		.password = door == TARGET_CLOUD ? target->password : text_or_null(target->password),
	};
	int r = devbus_open_with(&options, ret_bus);

	if (r == -EADDRINUSE)
		ctl_error("a service named %s runs already", options.name);
	else if (r < 0)
		ctl_error("cannot open the bus: %s", strerror(-r));
	return r;
}

static bool is_connected(void *bus)
{
	return devbus_connected(bus);
}

static int await(struct devbus *bus, const struct target *target, uint32_t timeout_ms)
{
	int r = timeout_ms ? ctl_wait(bus, is_connected, bus, ctl_deadline(timeout_ms)) : 0;

	if (r == -ETIMEDOUT)
		ctl_error("no connection to %s in %.1f s", *target->broker ? target->broker : "the broker",
			timeout_ms / 1000.0);
	else if (r < 0 && r != -EINTR)
		ctl_error("%s", strerror(-r));
	return r;
}

int target_open(const struct ctl_globals *globals, enum target_door door, const char *name,
	uint32_t timeout_ms, struct devbus **ret_bus)
{
	struct target target;
	struct devbus *bus = NULL;
	int r = find_target(globals, &target);

	if (r < 0)
		return CTL_UNREACHABLE;
	if (door == TARGET_MONITOR && (globals->user || !has_monitor(&target)))
		door = TARGET_CALLER;
	if (fill(globals, door, &target) < 0)
		return CTL_UNREACHABLE;
	r = open_bus(&target, door, name, &bus);
	explicit_bzero(target.password, sizeof target.password);
	if (r < 0)
		return r == -EADDRINUSE ? CTL_NO : CTL_UNREACHABLE;
	r = await(bus, &target, timeout_ms);
	if (r < 0) {
		devbus_close(bus);
		return r == -EINTR ? CTL_INTERRUPTED : CTL_UNREACHABLE;
	}
	*ret_bus = bus;
	return CTL_OK;
}

/* "" where both sides have the same topics. */
static void find_prefix(
	const struct ctl_globals *globals, const struct target *target, char *ret_prefix, size_t size)
{
	if (globals->cloud_prefix)
		snprintf(ret_prefix, size, "%s", globals->cloud_prefix);
	else if (setting(target, "cloud_prefix", "DEVBUS_CLOUD_PREFIX", ret_prefix, size) < 0)
		*ret_prefix = '\0';
}

int target_cloud_topic(const struct ctl_globals *globals, const char *kind, const char *service,
	const char *item, char ret_topic[TARGET_TOPIC_SIZE])
{
	struct target target;
	char prefix[257];
	int r = find_target(globals, &target);

	if (r < 0)
		return r;
	find_prefix(globals, &target, prefix, sizeof prefix);
	size_t length = strlen(prefix);
	while (length && prefix[length - 1] == '/')
		prefix[--length] = '\0';
	snprintf(ret_topic, TARGET_TOPIC_SIZE, "%s/%s/%s/%s", length ? prefix : "cloud", kind, service, item);
	return 0;
}
