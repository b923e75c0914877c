// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * Whether the service is alive, as others see it: the birth after each connect, the will that the broker publishes for us, and
 * the number that tells an old will from a new birth (protocol 3). The will of a connection carries the
 * incarnation of its own birth, so a `lost` that comes late cannot kill a service that is back.
 */
#include "bus.h"
#include "json.h"
#include "notify.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Not sooner after a failure: a full disk still takes a small write now and then, and the status would go to and fro. */
enum { PROBE_MS = 4000 };

struct status {
	uint64_t incarnation;
	bool born; /* the incarnation was used for a connection */
	bool ready; /* devbus_ready() was called */
	bool told_systemd;
	char *problems[STATUS_PROBLEMS];
	const char *offline; /* why the service stops; NULL: it does not. From then on nothing else is said */
	bool untold; /* what was to be published could not be, for want of memory */
	struct loop_timer *probe; /* of the store, while it could not be written */
	struct loop_timer *watchdog;
	uint32_t watchdog_ms;
};

static const char *first_problem(const struct status *status)
{
	for (int i = 0; i < STATUS_PROBLEMS; i++)
		if (status->problems[i])
			return status->problems[i];
	return NULL;
}

static enum envelope_state state_now(const struct status *status)
{
	if (status->offline)
		return ENVELOPE_OFFLINE;
	if (!status->ready)
		return ENVELOPE_STARTING;
	return first_problem(status) ? ENVELOPE_DEGRADED : ENVELOPE_ONLINE;
}

static int make(const struct devbus *bus, enum envelope_state state, const char *reason,
	struct devbus_json **ret_object)
{
	return envelope_status_write(
		&(struct envelope_status) {
			.state = state,
			.reason = reason,
			.version = bus->version,
			.boot_id = bus->boot_id[0] ? bus->boot_id : NULL,
			.wall_ms = bus_wall_ms(bus),
			.pid = getpid(),
			.incarnation = bus->status->incarnation,
			.clock_unsynced = bus_clock_unsynced(bus),
		},
		ret_object);
}

static void tell_ready(struct devbus *bus)
{
	struct status *status = bus->status;

	if (!status->ready || status->told_systemd)
		return;
	status->told_systemd = true;
	notify_send("READY=1");
}

static void on_acknowledged(int reason, void *userdata)
{
	(void)reason;
	tell_ready(userdata);
}

static void publish(struct devbus *bus, enum envelope_state state, const char *reason)
{
	char topic[TOPIC_SIZE];
	struct devbus_json *object;
	struct bus_packet packet = {
		.class = OUTBOX_CONTROL,
		.topic = topic,
		.qos = 1,
		.retain = true,
		.acknowledged = on_acknowledged,
		.userdata = bus,
	};
	int r = topic_make(topic, "service", bus->name, "status");

	if (!bus->connected)
		return; /* the birth says it */
	if (r == 0)
		r = make(bus, state, reason, &object);
	if (r == 0)
		r = bus_send_json(bus, &packet, object);
	bus->status->untold = r < 0;
	if (r == 0)
		return;
	log_error("cannot publish the status: %s", strerror(-r));
	bus_try_again(bus);
}

static void publish_now(struct devbus *bus)
{
	const struct status *status = bus->status;

	publish(bus, state_now(status), status->offline ? status->offline : first_problem(status));
}

void status_try_again(struct devbus *bus)
{
	if (bus->status->untold)
		publish_now(bus);
}

/* A service that has nothing to write would be degraded for ever by a disk that was full once. */
static void probe_store(void *userdata)
{
	struct devbus *bus = userdata;

	if (!bus->status->problems[STATUS_STORE])
		return;
	if (store_probe(bus->store) == 0)
		status_problem(bus, STATUS_STORE, NULL);
	else
		loop_timer_set(bus->status->probe, loop_now_ms(bus->loop) + PROBE_MS);
}

/* A `lost` on our own topic is the will of a connection before this one, or somebody's mistake: we are alive. */
static void on_own_status(struct devbus *bus, const struct link_message *message, void *userdata)
{
	struct devbus_json *object = NULL;
	struct envelope_status status;

	(void)userdata;
	if (bus_parse(bus, message, &object, NULL) == 0 && object &&
		envelope_status_read(object, &status) == 0 && status.state == ENVELOPE_LOST)
		publish_now(bus);
	devbus_json_free(object);
}

static void feed_watchdog(void *userdata)
{
	struct devbus *bus = userdata;

	notify_send("WATCHDOG=1");
	loop_timer_set(bus->status->watchdog, loop_now_ms(bus->loop) + bus->status->watchdog_ms);
}

static int start_watchdog(struct devbus *bus)
{
	int r;

	bus->status->watchdog_ms = notify_watchdog_interval_ms();
	if (!bus->status->watchdog_ms)
		return 0;
	r = loop_timer_new(bus->loop, feed_watchdog, bus, &bus->status->watchdog);
	if (r == 0)
		loop_timer_set(bus->status->watchdog, loop_now_ms(bus->loop) + bus->status->watchdog_ms);
	return r;
}

int status_new(struct devbus *bus)
{
	char topic[TOPIC_SIZE];
	int r = topic_make(topic, "service", bus->name, "status");

	bus->status = calloc(1, sizeof *bus->status);
	if (!bus->status)
		return -ENOMEM;
	if (r == 0)
		r = loop_timer_new(bus->loop, probe_store, bus, &bus->status->probe);
	if (r == 0)
		r = start_watchdog(bus);
	if (r == 0)
		r = bus_subscribe(
			bus, &(struct link_filter) { .filter = topic, .qos = 1 }, on_own_status, NULL, NULL);
	return r;
}

void status_free(struct devbus *bus)
{
	if (!bus->status)
		return;
	for (int i = 0; i < STATUS_PROBLEMS; i++)
		free(bus->status->problems[i]);
	loop_timer_free(bus->status->probe);
	loop_timer_free(bus->status->watchdog);
	free(bus->status);
	bus->status = NULL;
}

/* A number that is not on disk is better than no connection: it still grows within this run. */
static void next_incarnation(struct devbus *bus)
{
	struct status *status = bus->status;
	uint64_t written, least = status->incarnation + 1;
	int r;

	do /* more than once when the numbers of a full disk are to be caught up with */
		r = store_next_incarnation(bus->store, &written);
	while (r == 0 && written < least);
	if (r < 0)
		log_error("cannot write the incarnation to %s: %s", bus->state_dir, strerror(-r));
	status->incarnation = r < 0 ? least : written;
	status->born = false;
	status_problem(bus, STATUS_STORE, r < 0 ? "the state folder cannot be written" : NULL);
}

/* An attempt that did not connect bore nobody: its number is used again, and the flash is spared while a broker is away. */
int status_next_will(struct devbus *bus, char **ret_will)
{
	struct devbus_json *object;
	int r;

	if (bus->status->born || bus->status->incarnation == 0)
		next_incarnation(bus);
	r = make(bus, ENVELOPE_LOST, NULL, &object);
	if (r < 0)
		return r;
	*ret_will = json_print_and_free(object);
	return *ret_will ? 0 : -ENOMEM;
}

void status_connected(struct devbus *bus)
{
	bus->status->born = true;
	publish_now(bus);
}

void status_connect_failed(struct devbus *bus)
{
	tell_ready(bus);
}

void status_offline(struct devbus *bus, const char *reason)
{
	notify_send("STOPPING=1");
	bus->status->offline = reason;
	publish_now(bus);
}

int status_problem(struct devbus *bus, enum status_problem problem, const char *reason)
{
	char **known;
	char *copy;

	if (!bus->status)
		return 0;
	if (problem == STATUS_STORE && reason)
		loop_timer_set(bus->status->probe, loop_now_ms(bus->loop) + PROBE_MS);
	copy = reason ? strndup(reason, BUS_REASON_SIZE - 1) : NULL;
	if (reason && !copy)
		return -ENOMEM;
	known = &bus->status->problems[problem];
	if (copy ? *known && strcmp(*known, copy) == 0 : !*known) {
		free(copy);
		return 0;
	}
	free(*known);
	*known = copy;
	if (copy)
		log_warning("degraded: %s", copy);
	else
		log_info("no longer degraded by: %s", problem == STATUS_SERVICE ? "the service" : "the bus");
	publish_now(bus);
	return 0;
}

int devbus_degraded(struct devbus *bus, const char *reason)
{
	return status_problem(bus, STATUS_SERVICE, reason);
}

int devbus_ready(struct devbus *bus)
{
	if (!bus->status || bus->status->ready)
		return 0;
	bus->status->ready = true;
	publish_now(bus);
	if (bus->failures)
		tell_ready(bus);
	return 0;
}
