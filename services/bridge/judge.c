// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * The roster on the bus. Before a service is said to be lost it is asked, and so are we ourselves: while our own ping does not
 * come back either, the broker is frozen or away, and nothing can be said about anybody.
 */
#include "watcher.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define TICK_MS 250
#define STREAM_SIZE 17 /* 16 hex digits and NUL */
#define ANSWER_MAX_MS 5000 /* for a ping; half of the limit at most */

/* One ping. It belongs to the outcome's handler. */
struct question {
	struct question *next;
	struct watcher *watcher;
	unsigned epoch;
	char name[ROSTER_NAME_SIZE];
};

/* ---- asking */

static void forget(struct watcher *watcher, struct question *question)
{
	struct question **link = &watcher->questions;

	while (*link != question)
		link = &(*link)->next;
	*link = question->next;
	free(question);
}

static void declare_lost(struct watcher *watcher, const char *name)
{
	char time[DEVBUS_TIME_SIZE], topic[ROSTER_NAME_SIZE + 20];
	struct devbus_json *status;
	int r;

	devbus_time(time);
	status = roster_lost(&watcher->roster, name, time);
	if (!status)
		return;
	snprintf(topic, sizeof topic, "service/%s/status", name);
	devbus_log(DEVBUS_LOG_WARNING, "%s is lost: no sign of life since the broker's return", name);
	r = devbus_publish_topic(watcher->bus, topic, 1, true, status);
	if (r < 0)
		devbus_log(DEVBUS_LOG_ERROR, "cannot publish on %s: %s", topic, strerror(-r));
}

static void on_outcome(struct devbus *bus, const struct devbus_outcome *outcome, void *userdata)
{
	struct question *question = userdata;
	struct watcher *watcher = question->watcher;
	bool answered = !outcome->code || strcmp(outcome->code, DEVBUS_E_TIMEOUT) != 0;
	const char *name = question->name;

	if (question->epoch != watcher->roster.epoch)
		; /* an earlier broker was asked */
	else if (strcmp(name, watcher->roster.own) == 0)
		watcher->broker_answers = answered;
	else if (answered)
		roster_answered(&watcher->roster, name);
	else if (watcher->broker_answers && devbus_connected(bus))
		declare_lost(watcher, name);
	else
		roster_ask_again(&watcher->roster, name);
	forget(watcher, question);
}

static uint32_t answer_ms(const struct watcher *watcher)
{
	uint32_t half_ms = watcher->settings.lost_after_s * 500;

	return half_ms < ANSWER_MAX_MS ? half_ms : ANSWER_MAX_MS;
}

static int ask(struct watcher *watcher, const char *name)
{
	struct question *question = malloc(sizeof *question);
	struct devbus_call call = {
		.service = name,
		.method = "ping",
		.timeout_ms = answer_ms(watcher),
		.handler = on_outcome,
		.userdata = question,
	};
	int r;

	if (!question)
		return -ENOMEM;
	*question = (struct question) {
		.next = watcher->questions, .watcher = watcher, .epoch = watcher->roster.epoch
	};
	snprintf(question->name, sizeof question->name, "%s", name);
	r = devbus_call(watcher->bus, &call, NULL);
	if (r < 0) {
		free(question);
		return r;
	}
	watcher->questions = question;
	return 0;
}

/* All in one go, so that the limit holds for all of them; what cannot be asked now is asked at the next tick. */
static void ask_suspects(struct watcher *watcher)
{
	const char *name = roster_ask(&watcher->roster);

	if (!name)
		return;
	watcher->broker_answers = false;
	if (ask(watcher, watcher->roster.own) < 0) {
		roster_ask_again(&watcher->roster, name);
		return;
	}
	do {
		if (ask(watcher, name) < 0) {
			roster_ask_again(&watcher->roster, name);
			return;
		}
	} while ((name = roster_ask(&watcher->roster)));
}

/* ---- commands for nobody */

/* A service that does not exist has no store, and so no stream: each answer is one of its own. */
static int make_stream(char ret_stream[STREAM_SIZE])
{
	uint64_t number;

	if (getrandom(&number, sizeof number, GRND_NONBLOCK) != sizeof number)
		return -EIO;
	snprintf(ret_stream, STREAM_SIZE, "%016" PRIx64, number);
	return 0;
}

static void answer(struct watcher *watcher, const struct stray *stray)
{
	char time[DEVBUS_TIME_SIZE], stream[STREAM_SIZE], topic[2 * STRAY_NAME_SIZE + 20];
	struct devbus_json *event = NULL;
	int r = make_stream(stream);

	devbus_time(time);
	if (r == 0 && !(event = stray_answer(stray, time, stream)))
		r = -ENOMEM;
	snprintf(topic, sizeof topic, "cloud/event/%s/%s", stray->service, stray->command);
	if (event)
		r = devbus_publish_topic(watcher->bus, topic, 1, false, event);
	if (r < 0)
		devbus_log(DEVBUS_LOG_ERROR, "cannot publish on %s: %s", topic, strerror(-r));
}

static void answer_strays(struct watcher *watcher)
{
	struct stray *stray;

	while ((stray = stray_take(&watcher->strays))) {
		if (!roster_knows(&watcher->roster, stray->service))
			answer(watcher, stray);
		free(stray);
	}
}

/* ---- time */

static bool is_due(const struct watcher *watcher, int64_t delay_ms)
{
	return watcher->roster.settled && devbus_connected(watcher->bus) &&
	       watcher_now_ms() - watcher->roster.epoch_ms >= delay_ms;
}

static bool is_idle(const struct watcher *watcher)
{
	return watcher->roster.settled && !watcher->strays.count && !roster_has_suspects(&watcher->roster);
}

static void on_tick(struct devbus *bus, void *userdata)
{
	struct watcher *watcher = userdata;

	if (roster_settle_late(&watcher->roster, devbus_connected(bus), watcher_now_ms()))
		beat_connected(watcher);
	if (is_due(watcher, (int64_t)watcher->settings.grace_s * 1000))
		answer_strays(watcher);
	if (is_due(watcher, (int64_t)watcher->settings.lost_after_s * 1000 - answer_ms(watcher)))
		ask_suspects(watcher);
	if (!is_idle(watcher))
		return;
	devbus_timer_stop(watcher->tick);
	watcher->tick = NULL;
}

static void wake(struct watcher *watcher)
{
	int r;

	if (watcher->tick || is_idle(watcher))
		return;
	r = devbus_every(watcher->bus, TICK_MS, on_tick, watcher, &watcher->tick);
	if (r < 0)
		devbus_log(DEVBUS_LOG_ERROR, "cannot start a timer: %s", strerror(-r));
}

/* ---- messages */

/* Between "service/" and "/status"; one that no service can have (protocol 1.3) is nobody's. */
static bool read_name(const char *topic, char ret_name[ROSTER_NAME_SIZE])
{
	static const char root[] = "service/";
	const char *name = topic + strlen(root);
	size_t size = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-");

	if (size == 0 || size >= ROSTER_NAME_SIZE || name[size] != '/')
		return false;
	memcpy(ret_name, name, size);
	ret_name[size] = '\0';
	return true;
}

static void on_status(struct devbus *bus, const struct devbus_message *message, void *userdata)
{
	struct watcher *watcher = userdata;
	char name[ROSTER_NAME_SIZE];
	struct roster_message heard = {
		.name = name,
		.status = message->object,
		.retained = message->retained,
		.connected = devbus_connected(bus),
	};

	if (read_name(message->topic, name) && roster_heard(&watcher->roster, &heard, watcher_now_ms()))
		beat_connected(watcher);
	wake(watcher);
}

/* A retained one was answered when it came, or was never ours to answer. */
static void on_command(struct devbus *bus, const char *topic, const void *payload, size_t size, bool retained,
	void *userdata)
{
	struct watcher *watcher = userdata;
	struct stray *stray, *gone;

	(void)bus;
	if (retained || stray_read(topic, payload, size, &stray) < 0)
		return;
	if (roster_knows(&watcher->roster, stray->service)) {
		free(stray);
		return;
	}
	gone = stray_hold(&watcher->strays, stray);
	if (gone)
		devbus_log(DEVBUS_LOG_WARNING, "a command for %s stays without an answer: too many of them",
			gone->service);
	free(gone);
	wake(watcher);
}

int judge_start(struct watcher *watcher)
{
	int r;

	roster_begin(&watcher->roster, devbus_name(watcher->bus), watcher_now_ms());
	r = devbus_subscribe(watcher->bus, "service/+/status", NULL, 0, on_status, watcher);
	if (r == 0)
		r = devbus_subscribe_raw(watcher->bus, "cloud/command/+/+", on_command, watcher);
	if (r == 0)
		wake(watcher);
	return r;
}

void judge_stop(struct watcher *watcher)
{
	while (watcher->questions)
		forget(watcher, watcher->questions);
	stray_clear(&watcher->strays);
	roster_clear(&watcher->roster);
}
