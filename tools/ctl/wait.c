// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * Signals stay blocked except while it waits: so none is lost between the question "has one come?" and the wait,
 * and the library's threads, which inherit the mask, never take one.
 */
#include "wait.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <time.h>

static volatile sig_atomic_t interrupted;
static sigset_t mask_while_waiting;

static void on_signal(int number)
{
	(void)number;
	interrupted = 1;
}

void ctl_catch_signals(void)
{
	struct sigaction action = { .sa_handler = on_signal };
	sigset_t caught;

	sigemptyset(&caught);
	sigaddset(&caught, SIGINT);
	sigaddset(&caught, SIGTERM);
	sigprocmask(SIG_BLOCK, &caught, &mask_while_waiting);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

int64_t ctl_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t ctl_deadline(uint32_t timeout_ms)
{
	return ctl_now_ms() + timeout_ms;
}

static int wait_once(struct devbus *bus, int64_t deadline_ms)
{
	struct pollfd fd = { .fd = devbus_fd(bus), .events = POLLIN };
	int64_t left_ms = deadline_ms == CTL_FOREVER ? 3600 * 1000 : deadline_ms - ctl_now_ms();
	struct timespec left;

	if (left_ms <= 0)
		return -ETIMEDOUT;
	left = (struct timespec) { .tv_sec = left_ms / 1000, .tv_nsec = left_ms % 1000 * 1000000 };
	if (ppoll(&fd, 1, &left, &mask_while_waiting) < 0 && errno != EINTR)
		return -errno;
	return interrupted ? -EINTR : devbus_dispatch(bus);
}

int ctl_wait(struct devbus *bus, ctl_condition *done, void *userdata, int64_t deadline_ms)
{
	int r = devbus_dispatch(bus);

	while (r >= 0 && !done(userdata))
		r = wait_once(bus, deadline_ms);
	return r < 0 ? r : 0;
}
