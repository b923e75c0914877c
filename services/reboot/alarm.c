// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* A timerfd of its own, since the timers of the bus stand still while the device sleeps. */
#include "alarm.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

uint64_t boot_clock_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void on_fd(struct devbus *bus, int fd, uint32_t events, void *userdata)
{
	struct alarm fired = *(struct alarm *)userdata;
	(void)fd;
	(void)events;
	alarm_stop(userdata); /* first: the handler may set it again */
	fired.handler(bus, fired.userdata);
}

static int start(struct alarm *alarm, uint64_t rest_ms)
{
	/* All zero would disarm it. */
	struct itimerspec when = { .it_value = {
					   (time_t)(rest_ms / 1000), (long)(rest_ms % 1000) * 1000000 + 1 } };
	if (timerfd_settime(alarm->fd, 0, &when, NULL) < 0)
		return -errno;
	return devbus_watch(alarm->bus, alarm->fd, EPOLLIN, on_fd, alarm);
}

int alarm_set(struct alarm *alarm, struct devbus *bus, uint64_t rest_ms, devbus_timer_handler *handler,
	void *userdata)
{
	alarm_stop(alarm);
	int fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	if (fd < 0)
		return -errno;
	*alarm = (struct alarm) { bus, fd, handler, userdata };
	int r = start(alarm, rest_ms);
	if (r < 0)
		alarm_stop(alarm);
	return r;
}

void alarm_stop(struct alarm *alarm)
{
	if (alarm->fd > 0) {
		devbus_unwatch(alarm->bus, alarm->fd);
		close(alarm->fd);
	}
	memset(alarm, 0, sizeof(*alarm));
}
