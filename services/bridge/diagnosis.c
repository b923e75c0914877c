// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* The cause on the bus: looks beside the loop while the way is closed, each after a longer pause, and listens to Mosquitto's errors. */
#include "watcher.h"

#include <devbus/worker.h>
#include <stdio.h>
#include <string.h>

/* Static, because a look that waits for a name server may outlive the service. */
static struct {
	char path[PATH_MAX];
	struct cause_look look;
} work;

static bool is_closed(const struct watcher *watcher)
{
	return watcher->heartbeat.link == HEARTBEAT_DOWN;
}

static void run(void *unused)
{
	(void)unused;
	cause_look(work.path, &work.look);
}

static void look(struct devbus *bus, void *userdata)
{
	struct watcher *watcher = userdata;
	int r = devbus_worker_start(watcher->looker, &work);

	(void)bus;
	watcher->look = NULL;
	if (r < 0)
		devbus_log(DEVBUS_LOG_ERROR, "cannot look at the way to the cloud: %s", strerror(-r));
}

static void look_later(struct watcher *watcher, uint32_t pause_ms)
{
	int r = devbus_after(watcher->bus, pause_ms, look, watcher, &watcher->look);

	if (r < 0)
		devbus_log(DEVBUS_LOG_ERROR, "cannot start a timer: %s", strerror(-r));
}

static void on_looked(struct devbus *bus, void *unused, void *userdata)
{
	struct watcher *watcher = userdata;

	(void)bus;
	(void)unused;
	if (!is_closed(watcher))
		return;
	cause_looked(&watcher->cause, &work.look);
	beat_tell(watcher);
	look_later(watcher, cause_pause_ms(&watcher->cause));
}

void diagnosis_follow(struct watcher *watcher)
{
	if (watcher->heartbeat.link == HEARTBEAT_UP) {
		devbus_timer_stop(watcher->look);
		watcher->look = NULL;
		cause_forget(&watcher->cause);
	} else if (is_closed(watcher) && !watcher->tunnel && !watcher->look &&
		   !devbus_worker_busy(watcher->looker)) {
		look(watcher->bus, watcher);
	}
}

void diagnosis_met(struct watcher *watcher, const char *trouble)
{
	bool news = cause_met(&watcher->cause, trouble);

	devbus_log(news ? DEVBUS_LOG_WARNING : DEVBUS_LOG_DEBUG, "%s", trouble);
	if (news && watcher->heartbeat.link != HEARTBEAT_UP)
		beat_tell(watcher);
}

static void on_error(struct devbus *bus, const char *topic, const void *payload, size_t size, bool retained,
	void *userdata)
{
	struct watcher *watcher = userdata;

	(void)bus;
	(void)topic;
	(void)retained;
	if (is_closed(watcher) && cause_logged(&watcher->cause, payload, size))
		beat_tell(watcher);
}

int diagnosis_start(struct watcher *watcher)
{
	static const struct devbus_worker_functions functions = { .run = run, .done = on_looked };
	int r;

	snprintf(work.path, sizeof work.path, "%s", watcher->cloud_conf);
	r = devbus_worker_new(watcher->bus, &functions, watcher, &watcher->looker);
	if (r == 0)
		r = devbus_subscribe_raw(watcher->bus, "$SYS/broker/log/E", on_error, watcher);
	return r;
}

void diagnosis_stop(struct watcher *watcher)
{
	devbus_worker_free(watcher->looker);
}
