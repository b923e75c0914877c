// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * While the link is down no tokens are heaped up in the bridge's queue: one stays under way, with a growing timeout, and comes
 * back by itself when the link does.
 */
#include "heartbeat.h"

#include <stdio.h>
#include <string.h>

#define RTT_NOISE_MS 20

static void copy_time(char to[DEVBUS_TIME_SIZE], const char *time)
{
	snprintf(to, DEVBUS_TIME_SIZE, "%s", time);
}

void heartbeat_begin(struct heartbeat *heartbeat, const char *time)
{
	memset(heartbeat, 0, sizeof *heartbeat);
	copy_time(heartbeat->answered, time);
	copy_time(heartbeat->since, time);
}

/* The state is kept by the broker for late-comers, so it is not written anew for every millisecond. */
static bool rtt_is_news(const struct heartbeat *heartbeat)
{
	int64_t low = heartbeat->rtt_ms, high = heartbeat->told_rtt_ms;

	if (low > high) {
		low = heartbeat->told_rtt_ms;
		high = heartbeat->rtt_ms;
	}
	return high > 2 * low + RTT_NOISE_MS;
}

static uint32_t pause_ms(const struct heartbeat *heartbeat, const struct bridge_settings *settings)
{
	if (heartbeat->link == HEARTBEAT_UP)
		return settings->heartbeat_s * 1000;
	return heartbeat->raw == HEARTBEAT_RAW_DISCONNECTED ? HEARTBEAT_RARE_MS : 0;
}

static bool answered(struct heartbeat *heartbeat, const struct heartbeat_event *event)
{
	bool news = heartbeat->link != HEARTBEAT_UP;

	if (news)
		copy_time(heartbeat->since, event->time);
	if (heartbeat->raw == HEARTBEAT_RAW_DISCONNECTED)
		heartbeat->raw = HEARTBEAT_RAW_UNKNOWN; /* the echo says otherwise */
	heartbeat->link = HEARTBEAT_UP;
	heartbeat->unanswered = 0;
	heartbeat->rtt_ms = event->took_ms;
	copy_time(heartbeat->answered, event->time);
	news = news || rtt_is_news(heartbeat);
	if (news)
		heartbeat->told_rtt_ms = heartbeat->rtt_ms;
	return news;
}

static void go_down(struct heartbeat *heartbeat, const char *since)
{
	if (heartbeat->link != HEARTBEAT_DOWN)
		copy_time(heartbeat->since, since);
	heartbeat->link = HEARTBEAT_DOWN;
}

struct heartbeat_advice heartbeat_take(struct heartbeat *heartbeat, const struct bridge_settings *settings,
	const struct heartbeat_event *event)
{
	struct heartbeat_advice advice = { .tell = false };

	switch (event->what) {
	case HEARTBEAT_CONNECTED:
		return advice;
	case HEARTBEAT_BRIDGE_CONNECTED:
		heartbeat->raw = HEARTBEAT_RAW_CONNECTED;
		return advice; /* the reason stays until an echo has told what is true */
	case HEARTBEAT_BRIDGE_DISCONNECTED:
		advice.tell =
			heartbeat->raw != HEARTBEAT_RAW_DISCONNECTED || heartbeat->link != HEARTBEAT_DOWN;
		heartbeat->raw = HEARTBEAT_RAW_DISCONNECTED;
		go_down(heartbeat, event->time);
		break;
	case HEARTBEAT_ANSWERED:
		advice.tell = answered(heartbeat, event);
		if (event->took_ms > (int64_t)settings->echo_timeout_s * 1000)
			return advice; /* it waited for the link, so it says nothing about the way as it is now */
		break;
	case HEARTBEAT_UNANSWERED:
		heartbeat->unanswered++;
		go_down(heartbeat, heartbeat->answered);
		advice.tell = true;
		break;
	}
	advice.pause_ms = pause_ms(heartbeat, settings);
	return advice;
}

uint32_t heartbeat_timeout_ms(const struct heartbeat *heartbeat, const struct bridge_settings *settings)
{
	uint32_t first_ms = settings->echo_timeout_s * 1000;
	uint32_t most_ms = first_ms > HEARTBEAT_TIMEOUT_MAX_MS ? first_ms : HEARTBEAT_TIMEOUT_MAX_MS;
	uint32_t timeout_ms = first_ms;

	for (unsigned i = 0; i < heartbeat->unanswered && timeout_ms < most_ms; i++)
		timeout_ms *= 2;
	return timeout_ms < most_ms ? timeout_ms : most_ms;
}

bool heartbeat_reason(const struct heartbeat *heartbeat, char text[HEARTBEAT_REASON_SIZE])
{
	static const char *const reasons[] = {
		[HEARTBEAT_RAW_UNKNOWN] = "no answer from the cloud",
		[HEARTBEAT_RAW_DISCONNECTED] = "the bridge is disconnected",
		[HEARTBEAT_RAW_CONNECTED] =
			"the bridge is stalled: it is connected, but no answer from the cloud",
	};

	if (heartbeat->link == HEARTBEAT_UP)
		return false;
	if (heartbeat->link == HEARTBEAT_UNKNOWN)
		snprintf(text, HEARTBEAT_REASON_SIZE, "no answer from the cloud yet");
	else
		snprintf(text, HEARTBEAT_REASON_SIZE, "%s since %s", reasons[heartbeat->raw],
			heartbeat->since);
	return true;
}

struct devbus_json *heartbeat_state(const struct heartbeat *heartbeat)
{
	struct devbus_json *state;
	int r;

	if (heartbeat->link == HEARTBEAT_UNKNOWN || !(state = devbus_json_new_object()))
		return NULL;
	r = devbus_json_set(state, "up", devbus_json_new_bool(heartbeat->link == HEARTBEAT_UP));
	if (r == 0)
		r = devbus_json_set(state, "since", devbus_json_new_string(heartbeat->since));
	if (r == 0 && heartbeat->link == HEARTBEAT_UP)
		r = devbus_json_set(state, "rtt_ms", devbus_json_new_number((double)heartbeat->told_rtt_ms));
	if (r == 0)
		return state;
	devbus_json_free(state);
	return NULL;
}
