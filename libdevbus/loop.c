// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * Why not one of the many event libraries: a service of ours lives inside somebody else's loop as well as in its
 * own, so all that waits must fit behind one fd; and tests must be able to turn the clock. Both are a few
 * lines over epoll and timerfd, less than the glue to a library would be.
 *
 * Timers are a binary heap. The timerfd stands at the earliest one or before it: a wake-up too early finds
 * nothing due and costs little, so that stopping a timer need not touch the kernel.
 */
#include "loop.h"
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum { EVENTS_PER_WAIT = 16, NOT_ARMED = -1 };

struct loop_timer {
	struct loop *loop;
	loop_timer_fired *fired;
	void *userdata;
	int64_t at_ms;
	ssize_t index; /* in the heap, or NOT_ARMED */
};

struct loop_watch {
	struct loop *loop;
	struct loop_watch *next;
	loop_watch_ready *ready;
	void *userdata;
	int fd;
	bool removed; /* freed once the current batch of events is over */
};

struct loop {
	const struct clock *clock;
	int epoll_fd, timer_fd, wake_fd;
	struct loop_timer **heap;
	size_t armed, timers, room; /* armed timers; timers alive; places in the heap */
	int64_t timer_fd_ms; /* when the timerfd will fire; INT64_MAX: never */
	int64_t round_ms; /* what is due by then is being run; INT64_MIN: nothing is */
	struct loop_watch *watches;
	struct loop_watch *wake_watch, *timer_watch;
	bool removed_some;
	unsigned depth; /* of nested dispatching (devbus_call_wait in a tool) */
};

/* ---- timers */

static void heap_put(struct loop *loop, size_t index, struct loop_timer *timer)
{
	loop->heap[index] = timer;
	timer->index = (ssize_t)index;
}

static void heap_up(struct loop *loop, size_t index)
{
	struct loop_timer *timer = loop->heap[index];

	while (index > 0 && loop->heap[(index - 1) / 2]->at_ms > timer->at_ms) {
		heap_put(loop, index, loop->heap[(index - 1) / 2]);
		index = (index - 1) / 2;
	}
	heap_put(loop, index, timer);
}

static void heap_down(struct loop *loop, size_t index)
{
	struct loop_timer *timer = loop->heap[index];

	for (size_t child; (child = 2 * index + 1) < loop->armed; index = child) {
		if (child + 1 < loop->armed && loop->heap[child + 1]->at_ms < loop->heap[child]->at_ms)
			child++;
		if (loop->heap[child]->at_ms >= timer->at_ms)
			break;
		heap_put(loop, index, loop->heap[child]);
	}
	heap_put(loop, index, timer);
}

static void arm_timer_fd(struct loop *loop, int64_t at_ms)
{
	struct itimerspec when = { 0 };

	if (at_ms == loop->timer_fd_ms)
		return;
	loop->timer_fd_ms = at_ms;
	if (at_ms != INT64_MAX) {
		int64_t ms = at_ms > 0 ? at_ms : 0;

		when.it_value.tv_sec = ms / 1000;
		when.it_value.tv_nsec = ms % 1000 * 1000000 + 1; /* all zero would disarm it */
	}
	timerfd_settime(loop->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

int loop_timer_new(struct loop *loop, loop_timer_fired *fired, void *userdata, struct loop_timer **ret_timer)
{
	struct loop_timer *timer;

	if (loop->timers == loop->room) {
		size_t room = loop->room ? 2 * loop->room : 16;
		struct loop_timer **heap = realloc(loop->heap, room * sizeof *heap);

		if (!heap)
			return -ENOMEM;
		loop->heap = heap;
		loop->room = room;
	}
	timer = malloc(sizeof *timer);
	if (!timer)
		return -ENOMEM;
	*timer = (struct loop_timer) {
		.loop = loop, .fired = fired, .userdata = userdata, .index = NOT_ARMED
	};
	loop->timers++;
	*ret_timer = timer;
	return 0;
}

void loop_timer_set(struct loop_timer *timer, int64_t at_ms)
{
	struct loop *loop = timer->loop;

	timer->at_ms = at_ms > loop->round_ms ? at_ms : loop->round_ms + 1;
	if (timer->index == NOT_ARMED)
		heap_put(loop, loop->armed++, timer);
	heap_up(loop, (size_t)timer->index);
	heap_down(loop, (size_t)timer->index);
	if (loop->heap[0]->at_ms < loop->timer_fd_ms)
		arm_timer_fd(loop, loop->heap[0]->at_ms);
}

void loop_timer_stop(struct loop_timer *timer)
{
	struct loop *loop;
	size_t hole;
	struct loop_timer *last;

	if (!timer || timer->index == NOT_ARMED)
		return;
	loop = timer->loop;
	hole = (size_t)timer->index;
	timer->index = NOT_ARMED;
	last = loop->heap[--loop->armed];
	if (last == timer)
		return;
	heap_put(loop, hole, last);
	heap_up(loop, hole);
	heap_down(loop, (size_t)last->index);
}

void loop_timer_free(struct loop_timer *timer)
{
	if (!timer)
		return;
	loop_timer_stop(timer);
	timer->loop->timers--;
	free(timer);
}

/* Timers that are set again from inside a function that fires wait for the next round: no timer can starve the rest. */
static void run_timers(struct loop *loop)
{
	int64_t now = loop_now_ms(loop);

	loop->round_ms = now;
	while (loop->armed && loop->heap[0]->at_ms <= now) {
		struct loop_timer *timer = loop->heap[0];

		loop_timer_stop(timer);
		timer->fired(timer->userdata);
	}
	loop->round_ms = INT64_MIN;
	arm_timer_fd(loop, loop->armed ? loop->heap[0]->at_ms : INT64_MAX);
}

/* ---- watches */

int loop_watch(struct loop *loop, int fd, uint32_t events, loop_watch_ready *ready, void *userdata,
	struct loop_watch **ret_watch)
{
	struct loop_watch *watch = malloc(sizeof *watch);
	struct epoll_event event = { .events = events, .data.ptr = watch };

	if (!watch)
		return -ENOMEM;
	*watch = (struct loop_watch) {
		.loop = loop, .next = loop->watches, .ready = ready, .userdata = userdata, .fd = fd
	};
	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) {
		int r = -errno;

		free(watch);
		return r;
	}
	loop->watches = watch;
	*ret_watch = watch;
	return 0;
}

int loop_watch_change(struct loop_watch *watch, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = watch };

	return epoll_ctl(watch->loop->epoll_fd, EPOLL_CTL_MOD, watch->fd, &event) < 0 ? -errno : 0;
}

static void sweep_watches(struct loop *loop)
{
	struct loop_watch **link = &loop->watches;

	if (!loop->removed_some || loop->depth > 0)
		return;
	loop->removed_some = false;
	while (*link) {
		struct loop_watch *watch = *link;

		if (!watch->removed) {
			link = &watch->next;
			continue;
		}
		*link = watch->next;
		free(watch);
	}
}

void loop_unwatch(struct loop_watch *watch)
{
	if (!watch)
		return;
	epoll_ctl(watch->loop->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
	watch->removed = true;
	watch->loop->removed_some = true;
	sweep_watches(watch->loop);
}

static void drain(int fd, uint32_t events, void *userdata)
{
	uint64_t count;

	(void)events, (void)userdata;
	while (read(fd, &count, sizeof count) < 0 && errno == EINTR)
		;
}

static void timer_fd_ready(int fd, uint32_t events, void *userdata)
{
	struct loop *loop = userdata;

	drain(fd, events, NULL);
	loop->timer_fd_ms = INT64_MAX; /* fired: run_timers() arms it anew */
}

/* ---- the loop */

int loop_new(const struct clock *clock, struct loop **ret_loop)
{
	struct loop *loop = malloc(sizeof *loop);
	int r;

	if (!loop)
		return -ENOMEM;
	*loop = (struct loop) { .clock = clock, .timer_fd_ms = INT64_MAX, .round_ms = INT64_MIN };
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	loop->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (loop->epoll_fd < 0 || loop->timer_fd < 0 || loop->wake_fd < 0) {
		r = -errno;
		loop_free(loop);
		return r;
	}
	r = loop_watch(loop, loop->timer_fd, EPOLLIN, timer_fd_ready, loop, &loop->timer_watch);
	if (r == 0)
		r = loop_watch(loop, loop->wake_fd, EPOLLIN, drain, loop, &loop->wake_watch);
	if (r < 0) {
		loop_free(loop);
		return r;
	}
	*ret_loop = loop;
	return 0;
}

void loop_free(struct loop *loop)
{
	if (!loop)
		return;
	while (loop->armed)
		loop_timer_stop(loop->heap[0]);
	for (struct loop_watch *watch; (watch = loop->watches);) {
		loop->watches = watch->next;
		free(watch);
	}
	free(loop->heap);
	if (loop->wake_fd >= 0)
		close(loop->wake_fd);
	if (loop->timer_fd >= 0)
		close(loop->timer_fd);
	if (loop->epoll_fd >= 0)
		close(loop->epoll_fd);
	free(loop);
}

int loop_fd(const struct loop *loop)
{
	return loop->epoll_fd;
}

int64_t loop_now_ms(const struct loop *loop)
{
	return loop->clock->monotonic_ms(loop->clock->userdata);
}

int loop_dispatch(struct loop *loop, int timeout_ms)
{
	struct epoll_event events[EVENTS_PER_WAIT];
	int count = epoll_wait(loop->epoll_fd, events, EVENTS_PER_WAIT, timeout_ms);

	if (count < 0 && errno != EINTR)
		return -errno;
	loop->depth++;
	for (int i = 0; i < count; i++) {
		struct loop_watch *watch = events[i].data.ptr;

		if (!watch->removed)
			watch->ready(watch->fd, events[i].events, watch->userdata);
	}
	run_timers(loop);
	loop->depth--;
	sweep_watches(loop);
	return 0;
}

void loop_wake(struct loop *loop)
{
	int saved = errno;
	uint64_t one = 1;

	while (write(loop->wake_fd, &one, sizeof one) < 0 && errno == EINTR)
		;
	errno = saved;
}
