// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * The one thing that waits: an epoll fd with a timerfd and a wake-up eventfd behind it. Functions are called
 * from loop_dispatch(), one at a time; anything may be added or removed from inside them.
 */
#ifndef DEVBUS_INTERNAL_LOOP_H
#define DEVBUS_INTERNAL_LOOP_H

#include "clock.h"
#include <stdint.h>
#include <sys/epoll.h>

struct loop;
struct loop_timer;
struct loop_watch;

/* @clock is borrowed for the loop's life. Returns 0, -ENOMEM, -EMFILE or -ENFILE. */
int loop_new(const struct clock *clock, struct loop **ret_loop);
void loop_free(struct loop *loop); /* watches too; timers are freed before it. NULL is fine */

/* The fd for a foreign loop, readable when loop_dispatch() has work. */
int loop_fd(const struct loop *loop);

/* Monotonic time in ms by the injected clock. */
int64_t loop_now_ms(const struct loop *loop);

/* Runs what is due; waits for something at most @timeout_ms (0: not at all, -1: for ever). 0 or a negative errno. */
int loop_dispatch(struct loop *loop, int timeout_ms);

/* Makes the loop's fd readable once. From any thread or signal handler. */
void loop_wake(struct loop *loop);

/* A timer begins unarmed. Arming it never fails. It fires once per arming; set from inside a timer's function, 1 ms later at the earliest. */
typedef void loop_timer_fired(void *userdata);
int loop_timer_new(struct loop *loop, loop_timer_fired *fired, void *userdata, struct loop_timer **ret_timer);
void loop_timer_set(struct loop_timer *timer, int64_t at_ms); /* monotonic */
void loop_timer_stop(struct loop_timer *timer); /* NULL is fine */
void loop_timer_free(struct loop_timer *timer); /* NULL is fine */

/* @fd is borrowed until loop_unwatch(). Returns 0 or the negative errno of epoll_ctl(2). */
typedef void loop_watch_ready(int fd, uint32_t events, void *userdata);
int loop_watch(struct loop *loop, int fd, uint32_t events, loop_watch_ready *ready, void *userdata,
	struct loop_watch **ret_watch);
int loop_watch_change(struct loop_watch *watch, uint32_t events);
void loop_unwatch(struct loop_watch *watch); /* NULL is fine */

#endif
