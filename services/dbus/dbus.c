// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * sd-bus keeps no promise about its fd's events between two calls, so they are asked for anew after each of them. A time-out of sd-bus is a
 * timer of the loop; it is looked at again when it is over, as sd-bus may have a later one by then.
 */
#include "dbus.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

struct dbus {
	struct devbus *bus;
	sd_bus *connection;
	void (*lost)(void *userdata, int error);
	void *userdata;
	struct devbus_timer *timer;
	uint32_t watched; /* 0: the fd is not watched */
	bool *freed; /* set when it is freed under sd_bus_process() */
};

sd_bus *dbus_connection(struct dbus *dbus)
{
	return dbus->connection;
}

static void unwatch(struct dbus *dbus)
{
	if (dbus->watched)
		devbus_unwatch(dbus->bus, sd_bus_get_fd(dbus->connection));
	dbus->watched = 0;
}

void dbus_free(struct dbus *dbus)
{
	if (!dbus)
		return;
	if (dbus->freed)
		*dbus->freed = true;
	devbus_timer_stop(dbus->timer);
	unwatch(dbus);
	sd_bus_close_unref(dbus->connection);
	free(dbus);
}

/* All that has arrived and all that is due. */
static void process(struct dbus *dbus)
{
	bool freed = false;
	int r;
	dbus->freed = &freed;
	do {
		r = sd_bus_process(dbus->connection, NULL);
	} while (r > 0 && !freed);
	if (freed)
		return;
	dbus->freed = NULL;
	if (r < 0) {
		unwatch(dbus);
		dbus->lost(dbus->userdata, r);
	} else {
		dbus_pump(dbus);
	}
}

static void on_fd(struct devbus *bus, int fd, uint32_t events, void *userdata)
{
	(void)bus, (void)fd, (void)events;
	process(userdata);
}

static void on_timer(struct devbus *bus, void *userdata)
{
	struct dbus *dbus = userdata;
	(void)bus;
	dbus->timer = NULL;
	process(dbus);
}

/* Until sd-bus wants to be called; 0 for now, -1 for never. */
static int64_t wait_ms(struct dbus *dbus)
{
	uint64_t until_us;
	struct timespec now;
	if (sd_bus_get_timeout(dbus->connection, &until_us) < 0 || until_us == UINT64_MAX)
		return -1;
	clock_gettime(CLOCK_MONOTONIC, &now);
	uint64_t now_us = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
	return until_us > now_us ? (int64_t)((until_us - now_us + 999) / 1000) : 0;
}

void dbus_pump(struct dbus *dbus)
{
	int events = sd_bus_get_events(dbus->connection);
	uint32_t wanted = EPOLLIN | (events > 0 && (events & POLLOUT) ? EPOLLOUT : 0);
	int64_t after_ms = wait_ms(dbus);
	int r = 0;
	if (wanted != dbus->watched) {
		unwatch(dbus);
		r = devbus_watch(dbus->bus, sd_bus_get_fd(dbus->connection), wanted, on_fd, dbus);
		if (r == 0)
			dbus->watched = wanted;
	}
	devbus_timer_stop(dbus->timer);
	dbus->timer = NULL;
	if (r == 0 && after_ms >= 0)
		r = devbus_after(dbus->bus,
			after_ms < 1           ? 1
			: after_ms > INT32_MAX ? INT32_MAX
					       : (uint32_t)after_ms,
			on_timer, dbus, &dbus->timer);
	if (r < 0)
		devbus_log(DEVBUS_LOG_ERROR, "D-Bus: the loop cannot wait for it: %s", strerror(-r));
}

int dbus_open(
	struct devbus *bus, void (*lost)(void *userdata, int error), void *userdata, struct dbus **ret_dbus)
{
	struct dbus *dbus = calloc(1, sizeof(*dbus));
	int r = -ENOMEM;
	if (dbus) {
		*dbus = (struct dbus) { .bus = bus, .lost = lost, .userdata = userdata };
		r = sd_bus_open_system(&dbus->connection);
	}
	if (r < 0) {
		free(dbus);
		return r;
	}
	dbus_pump(dbus);
	*ret_dbus = dbus;
	return 0;
}
