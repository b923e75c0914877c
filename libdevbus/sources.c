// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* The user's own timers and fds, in the same loop as the bus. */
#include "bus.h"
#include <errno.h>
#include <stdlib.h>

struct devbus_timer {
	struct devbus_timer *next, **link;
	struct devbus *bus;
	struct loop_timer *timer;
	uint32_t interval_ms; /* 0: once */
	int64_t due_ms;
	devbus_timer_handler *handler;
	void *userdata;
	bool firing, stopped; /* stopped from inside its own handler: freed after it */
};

struct watch {
	struct watch *next;
	struct devbus *bus;
	struct loop_watch *watch;
	int fd;
	devbus_fd_handler *handler;
	void *userdata;
};

struct public_sources {
	struct devbus_timer *timers;
	struct watch *watches;
};

static int make_sources(struct devbus *bus)
{
	if (!bus->sources)
		bus->sources = calloc(1, sizeof *bus->sources);
	return bus->sources ? 0 : -ENOMEM;
}

/* ---- timers */

static void fired(void *userdata)
{
	struct devbus_timer *timer = userdata;
	struct devbus *bus = timer->bus;
	int64_t entered_ms = bus_enter(bus);

	/* Before the handler, which may stop it. On the grid of the first turn; turns that were missed are left out. */
	if (timer->interval_ms) {
		timer->due_ms += timer->interval_ms;
		if (timer->due_ms <= entered_ms)
			timer->due_ms +=
				(entered_ms - timer->due_ms) / timer->interval_ms * timer->interval_ms +
				timer->interval_ms;
		loop_timer_set(timer->timer, timer->due_ms);
	}
	timer->firing = true;
	timer->handler(bus, timer->userdata);
	timer->firing = false;
	if (timer->stopped || !timer->interval_ms)
		devbus_timer_stop(timer);
	bus_leave(bus, entered_ms, "handler of a", "timer");
}

static int add_timer(struct devbus *bus, uint32_t delay_ms, uint32_t interval_ms,
	devbus_timer_handler *handler, void *userdata, struct devbus_timer **ret_timer)
{
	struct devbus_timer *timer;
	int r = delay_ms > INT32_MAX || !handler ? -EINVAL : make_sources(bus);

	if (r < 0)
		return r;
	timer = calloc(1, sizeof *timer);
	if (!timer)
		return -ENOMEM;
	r = loop_timer_new(bus->loop, fired, timer, &timer->timer);
	if (r < 0) {
		free(timer);
		return r;
	}
	timer->bus = bus;
	timer->interval_ms = interval_ms;
	timer->due_ms = loop_now_ms(bus->loop) + delay_ms;
	timer->handler = handler;
	timer->userdata = userdata;
	timer->next = bus->sources->timers;
	timer->link = &bus->sources->timers;
	if (timer->next)
		timer->next->link = &timer->next;
	bus->sources->timers = timer;
	loop_timer_set(timer->timer, timer->due_ms);
	if (ret_timer)
		*ret_timer = timer;
	return 0;
}

int devbus_every(struct devbus *bus, uint32_t interval_ms, devbus_timer_handler *handler, void *userdata,
	struct devbus_timer **ret_timer)
{
	return interval_ms ? add_timer(bus, interval_ms, interval_ms, handler, userdata, ret_timer) : -EINVAL;
}

int devbus_after(struct devbus *bus, uint32_t delay_ms, devbus_timer_handler *handler, void *userdata,
	struct devbus_timer **ret_timer)
{
	return add_timer(bus, delay_ms, 0, handler, userdata, ret_timer);
}

void devbus_timer_stop(struct devbus_timer *timer)
{
	if (!timer)
		return;
	if (timer->firing) {
		timer->stopped = true;
		loop_timer_stop(timer->timer);
		return;
	}
	*timer->link = timer->next;
	if (timer->next)
		timer->next->link = timer->link;
	loop_timer_free(timer->timer);
	free(timer);
}

/* ---- fds */

static void ready(int fd, uint32_t events, void *userdata)
{
	const struct watch *watch = userdata;
	struct devbus *bus = watch->bus;
	int64_t entered_ms = bus_enter(bus);

	watch->handler(bus, fd, events, watch->userdata);
	bus_leave(bus, entered_ms, "handler of an", "fd");
}

int devbus_watch(struct devbus *bus, int fd, uint32_t events, devbus_fd_handler *handler, void *userdata)
{
	struct watch *watch;
	int r = make_sources(bus);

	if (r < 0)
		return r;
	watch = malloc(sizeof *watch);
	if (!watch)
		return -ENOMEM;
	*watch = (struct watch) {
		.next = bus->sources->watches, .bus = bus, .fd = fd, .handler = handler, .userdata = userdata
	};
	r = loop_watch(bus->loop, fd, events, ready, watch, &watch->watch);
	if (r < 0) {
		free(watch);
		return r;
	}
	bus->sources->watches = watch;
	return 0;
}

int devbus_unwatch(struct devbus *bus, int fd)
{
	for (struct watch **link = bus->sources ? &bus->sources->watches : NULL; link && *link;
		link = &(*link)->next) {
		struct watch *watch = *link;

		if (watch->fd != fd)
			continue;
		*link = watch->next;
		loop_unwatch(watch->watch);
		free(watch);
		return 0;
	}
	return -ENOENT;
}

void sources_free(struct devbus *bus)
{
	if (!bus->sources)
		return;
	while (bus->sources->timers)
		devbus_timer_stop(bus->sources->timers);
	while (bus->sources->watches)
		devbus_unwatch(bus, bus->sources->watches->fd);
	free(bus->sources);
	bus->sources = NULL;
}
