// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* The heartbeat on the bus: echoes out, the two witnesses in, status and state out. */
#include "watcher.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void take(struct watcher *watcher, enum heartbeat_what what, int64_t took_ms);

static void on_echo(struct devbus *bus, int64_t took_ms, void *userdata)
{
	struct watcher *watcher = userdata;

	(void)bus;
	watcher->asking = false;
	take(watcher, took_ms < 0 ? HEARTBEAT_UNANSWERED : HEARTBEAT_ANSWERED, took_ms);
}

static void ask(struct watcher *watcher)
{
	uint32_t timeout_ms = heartbeat_timeout_ms(&watcher->heartbeat, &watcher->settings);
	int r = devbus_echo(watcher->bus, timeout_ms, on_echo, watcher);

	watcher->asking = r == 0 || r == -EBUSY;
	if (r < 0)
		devbus_log(DEVBUS_LOG_ERROR, "cannot ask the cloud: %s", strerror(-r));
}

static void on_beat(struct devbus *bus, void *userdata)
{
	struct watcher *watcher = userdata;

	(void)bus;
	watcher->beat = NULL;
	if (!watcher->asking)
		ask(watcher);
}

/* One echo is under way, or the timer of the next one runs. */
static void ask_after(struct watcher *watcher, uint32_t pause_ms)
{
	int r;

	if (watcher->asking)
		return;
	devbus_timer_stop(watcher->beat);
	watcher->beat = NULL;
	r = devbus_after(watcher->bus, pause_ms ? pause_ms : 1, on_beat, watcher, &watcher->beat);
	if (r < 0)
		ask(watcher);
}

void beat_tell(struct watcher *watcher)
{
	char reason[HEARTBEAT_REASON_SIZE + CAUSE_TEXT_SIZE], cause[CAUSE_TEXT_SIZE];
	bool wrong = heartbeat_reason(&watcher->heartbeat, reason);
	bool connected = watcher->heartbeat.raw == HEARTBEAT_RAW_CONNECTED;
	struct devbus_json *state = heartbeat_state(&watcher->heartbeat);
	int r;

	if (wrong && cause_tell(&watcher->cause, connected, cause))
		snprintf(reason + strlen(reason), sizeof reason - strlen(reason), ": %s", cause);
	r = devbus_degraded(watcher->bus, wrong ? reason : NULL);
	if (r == 0 && state)
		r = devbus_publish_json(watcher->bus, DEVBUS_STATE, "link", state);
	else
		devbus_json_free(state);
	if (r < 0)
		devbus_log(DEVBUS_LOG_ERROR, "cannot tell how the link is: %s", strerror(-r));
}

static void take(struct watcher *watcher, enum heartbeat_what what, int64_t took_ms)
{
	char time[DEVBUS_TIME_SIZE];
	struct heartbeat_event event = { .what = what, .took_ms = took_ms, .time = time };
	struct heartbeat_advice advice;

	devbus_time(time);
	advice = heartbeat_take(&watcher->heartbeat, &watcher->settings, &event);
	diagnosis_follow(watcher);
	if (advice.tell)
		beat_tell(watcher);
	ask_after(watcher, advice.pause_ms);
}

static void on_raw(struct devbus *bus, const char *topic, const void *payload, size_t size, bool retained,
	void *userdata)
{
	const char *text = payload;

	(void)bus;
	(void)topic;
	(void)retained;
	if (size == 1 && *text == '1')
		take(userdata, HEARTBEAT_BRIDGE_CONNECTED, 0);
	else if (size == 1 && *text == '0')
		take(userdata, HEARTBEAT_BRIDGE_DISCONNECTED, 0);
}

int beat_start(struct watcher *watcher)
{
	char time[DEVBUS_TIME_SIZE];
	int r;

	devbus_time(time);
	heartbeat_begin(&watcher->heartbeat, time);
	beat_tell(watcher);
	r = devbus_subscribe_raw(watcher->bus, "service/bridge/raw", on_raw, watcher);
	if (r == 0)
		ask_after(watcher, 0);
	return r;
}

void beat_connected(struct watcher *watcher)
{
	take(watcher, HEARTBEAT_CONNECTED, 0);
}
