// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* Opening, running and closing a bus: where the modules are put together. */
#include "durable.h"
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

enum { PASSWORD_SIZE = 1024, FLUSH_STEP_MS = 100 };

/* Paho's synchronous mode serves one connection in a process: its functions read for whichever client has something. */
static atomic_flag is_open = ATOMIC_FLAG_INIT;

/* ---- open */

/* What the program says goes before the settings. */
static int take_option(const char *option, char *setting, size_t size, struct devbus_error *ret_error)
{
	if (!option)
		return 0;
	if (strlen(option) >= size) {
		error_set(ret_error, DEVBUS_E_INVALID_ARGS, "\"%.40s...\" has more than %zu bytes", option,
			size - 1);
		return -EINVAL;
	}
	strcpy(setting, option);
	return 0;
}

static int read_settings(struct devbus *bus, const struct devbus_options *options)
{
	struct devbus_error error;
	char password[PASSWORD_SIZE] = "";
	int r = settings_read(options->config_dir, bus->name, &bus->settings, &error);

	if (r == 0)
		r = take_option(options->broker, bus->settings.broker, sizeof bus->settings.broker, &error);
	if (r == 0)
		r = take_option(options->user, bus->settings.user, sizeof bus->settings.user, &error);
	if (r == 0 && !options->password)
		r = settings_password(&bus->settings, password, sizeof password, &error);
	if (r < 0) {
		log_error("%s", error.message);
		return r;
	}
	bus->password = strdup(options->password ? options->password : password);
	explicit_bzero(password, sizeof password);
	return bus->password ? 0 : -ENOMEM;
}

static int check_broker(const struct devbus *bus)
{
	char host[256];
	uint16_t port;
	int r = settings_split_address(bus->settings.broker, host, sizeof host, &port);

	if (r < 0)
		log_error("broker = %s: write HOST:PORT", bus->settings.broker);
	return r;
}

/* A service's id is always the same, so that its session is found again; callers each have their own. */
static void name_client(struct devbus *bus)
{
	uint32_t random = 0;

	if (!(bus->flags & DEVBUS_CALLER)) {
		snprintf(bus->client_id, sizeof bus->client_id, "%s-%s", bus->settings.device_id, bus->name);
		return;
	}
	if (getrandom(&random, sizeof random, 0) != sizeof random)
		random = (uint32_t)clock_monotonic_ms();
	snprintf(bus->client_id, sizeof bus->client_id, "%s-%d-%08" PRIx32, bus->name, (int)getpid(), random);
}

static int open_parts(struct devbus *bus, const struct bus_parts *parts)
{
	int r = loop_new(&bus->clock, &bus->loop);

	bus->started_ms = r == 0 ? loop_now_ms(bus->loop) : 0;
	if (r == 0)
		r = bus_timers(bus);
	if (r == 0)
		r = outbox_new(bus->settings.queue_limit_bytes, &bus->stats, &bus->outbox);
	if (r == 0)
		r = calls_new(bus);
	if (r == 0)
		r = parts->link_new(bus->loop, &bus_link_events, bus, &bus->link);
	if (r == 0 && !(bus->flags & DEVBUS_CALLER)) {
		clock_boot_id(NULL, bus->boot_id);
		r = status_new(bus);
		if (r == 0)
			r = state_open(bus);
		if (r == 0)
			r = durable_new(bus);
		if (r == 0)
			r = echo_new(bus);
	}
	return r;
}

static int open_bus(struct devbus *bus, const struct devbus_options *options, const struct bus_parts *parts)
{
	int r;

	bus->lock_fd = -1;
	bus->flags = options->flags;
	bus->version = strdup(options->version ? options->version : devbus_version());
	snprintf(bus->name, sizeof bus->name, "%s", options->name);
	bus->config_dir = strdup(settings_config_dir(options->config_dir));
	if (!bus->version || !bus->config_dir)
		return -ENOMEM;
	r = read_settings(bus, options);
	if (r == 0)
		r = check_broker(bus);
	if (r < 0)
		return r;
	bus->clock = parts->clock ? *parts->clock : clock_system;
	if (!parts->clock)
		bus->clock.userdata = bus->settings.clock_sync;
	name_client(bus);
	return open_parts(bus, parts);
}

/* Not to a thread that was left behind in connect, which looks for it. */
static void give_http_proxy_back(struct devbus *bus, bool left_behind)
{
	if (bus->http_proxy && !left_behind)
		setenv("http_proxy", bus->http_proxy, 0);
	free(bus->http_proxy);
}

/* Returns whether a thread had to be left behind. */
static bool free_bus(struct devbus *bus)
{
	bool left_behind = false;

	sources_free(bus);
	server_free(bus);
	durable_free(bus);
	echo_free(bus);
	config_free(bus);
	if (bus->link)
		left_behind = bus->link->functions->free(bus->link);
	bus_free_subscriptions(bus);
	status_free(bus);
	states_free(bus);
	calls_free(bus);
	outbox_free(bus->outbox);
	store_close(bus->store);
	loop_timer_free(bus->reconnect);
	loop_timer_free(bus->again);
	loop_free(bus->loop);
	if (bus->lock_fd >= 0)
		close(bus->lock_fd);
	if (bus->password)
		explicit_bzero(bus->password, strlen(bus->password));
	free(bus->password);
	free(bus->version);
	give_http_proxy_back(bus, left_behind);
	free(bus->config_dir);
	free(bus);
	return left_behind;
}

/* Paho obeys it even for loopback. */
static void take_http_proxy(struct devbus *bus)
{
	const char *proxy = getenv("http_proxy");

	bus->http_proxy = proxy ? strdup(proxy) : NULL;
	unsetenv("http_proxy");
}

int bus_open(const struct devbus_options *options, const struct bus_parts *parts, struct devbus **ret_bus)
{
	struct devbus *bus;
	int r;

	log_setup();
	if (!topic_level_valid(options->name)) {
		log_error("\"%s\" is no name for a service: [a-z0-9_-]{1,64}",
			options->name ? options->name : "");
		return -EINVAL;
	}
	log_set_name(options->name);
	if (atomic_flag_test_and_set(&is_open))
		return -EBUSY;
	bus = calloc(1, sizeof *bus);
	if (bus)
		take_http_proxy(bus);
	r = bus ? open_bus(bus, options, parts) : -ENOMEM;
	if (r < 0) {
		if (bus)
			free_bus(bus);
		atomic_flag_clear(&is_open);
		return r;
	}
	bus_start(bus);
	*ret_bus = bus;
	return 0;
}

int devbus_open_with(const struct devbus_options *options, struct devbus **ret_bus)
{
	return bus_open(options, &(struct bus_parts) { .link_new = link_paho_new }, ret_bus);
}

int devbus_open(const char *name, struct devbus **ret_bus)
{
	return devbus_open_with(&(struct devbus_options) { .name = name }, ret_bus);
}

void devbus_close(struct devbus *bus)
{
	if (!bus)
		return;
	bus->closing = true;
	sources_free(bus);
	commands_closing(bus);
	if (bus->status)
		status_offline(bus, "stopped");
	bus_disconnect(bus, bus->settings.stop_timeout_ms);
	if (!free_bus(bus))
		atomic_flag_clear(&is_open);
}

/* ---- run */

int devbus_fd(const struct devbus *bus)
{
	return loop_fd(bus->loop);
}

int devbus_dispatch(struct devbus *bus)
{
	return loop_dispatch(bus->loop, 0);
}

void devbus_quit(struct devbus *bus)
{
	atomic_store(&bus->quit, true);
	loop_wake(bus->loop);
}

/*
 * A signal handler rather than a mask and a signalfd: a thread that the service started before devbus_run() has the signals
 * unblocked and would be chosen to die of them, and programs that the service starts would inherit the mask.
 */
static struct devbus *_Atomic running;

static void on_signal(int number)
{
	(void)number;
	devbus_quit(atomic_load(&running));
}

static int run_until_quit(struct devbus *bus)
{
	int r = devbus_ready(bus);

	while (r == 0 && !atomic_exchange(&bus->quit, false))
		r = loop_dispatch(bus->loop, -1);
	return r;
}

int devbus_run(struct devbus *bus)
{
	const struct sigaction quit = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	struct sigaction term, interrupt;
	sigset_t stop, before;
	int r;

	sigemptyset(&stop);
	sigaddset(&stop, SIGTERM);
	sigaddset(&stop, SIGINT);
	atomic_store(&running, bus);
	sigaction(SIGTERM, &quit, &term);
	sigaction(SIGINT, &quit, &interrupt);
	pthread_sigmask(SIG_UNBLOCK, &stop, &before);
	r = run_until_quit(bus);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	sigaction(SIGTERM, &term, NULL);
	sigaction(SIGINT, &interrupt, NULL);
	return r;
}

static bool unconfirmed(const struct devbus *bus)
{
	return outbox_count(bus->outbox) + durable_count(bus) > 0 || states_wait(bus);
}

int devbus_flush(struct devbus *bus, uint32_t timeout_ms)
{
	int64_t until_ms = loop_now_ms(bus->loop) + timeout_ms;
	int r = 0;

	while (r == 0 && unconfirmed(bus)) {
		if (loop_now_ms(bus->loop) >= until_ms)
			r = -ETIMEDOUT;
		else
			r = loop_dispatch(bus->loop, FLUSH_STEP_MS);
	}
	if ((r == 0 || r == -ETIMEDOUT) && bus->stats.messages_refused > bus->refusals_told)
		r = -EACCES;
	bus->refusals_told = bus->stats.messages_refused;
	return r;
}

/* ---- what it knows */

const char *devbus_name(const struct devbus *bus)
{
	return bus->name;
}

const char *devbus_device_id(const struct devbus *bus)
{
	return bus->settings.device_id;
}

const char *devbus_http_proxy(const struct devbus *bus)
{
	return bus->http_proxy;
}

bool devbus_connected(const struct devbus *bus)
{
	return bus->connected;
}

const char *devbus_state_dir(const struct devbus *bus)
{
	return bus->state_dir[0] ? bus->state_dir : NULL;
}

int devbus_settings(struct devbus *bus, const struct devbus_field *fields, void *value)
{
	struct devbus_error error;
	int r = settings_read_section(bus->config_dir, bus->name, fields, value, &error);

	if (r < 0)
		log_error("%s", error.message);
	return r;
}

const char *devbus_version(void)
{
	return DEVBUS_VERSION;
}
