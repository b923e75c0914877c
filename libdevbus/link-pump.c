// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * The link as a pump: our epoll watches Paho's own socket and calls MQTTClient_receive(0) when something came. No
 * thread, no callback, no copy between threads, no polling; doc/design/link.md has the measurements behind these rules:
 *
 * - Calls that wait for the broker (connect, subscribe, disconnect) run in a helper thread, and until it is back
 *   this thread leaves Paho alone.
 * - A publish is made only when it cannot wait: the outbox's window, and room in the socket.
 * - Messages that came while the helper waited for an answer, or a payload larger than the socket's buffer was written, are in Paho's
 *   queue, announced by no socket: so we pump after it.
 * - Paho sends its ping from inside receive: so we call it when one is due.
 * - Otherwise one receive for each time that epoll finds something: to be told "no more" costs as much as a message.
 */
#include "handoff.h"
#include "link-work.h"
#include "socket.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	RETRY_MS = 5, /* how soon a full socket is looked at again */
	PUMP_BUDGET = 64, /* messages before other work of the loop gets its turn */
	HEADER_BYTES = 128, /* what MQTT adds to topic and payload, generously */
};

struct pump {
	struct link link;
	struct loop *loop;
	struct handoff *handoff;
	struct loop_watch *watch; /* on Paho's socket, while connected and not busy */
	struct loop_timer *keepalive, *retry;
	int fd; /* a descriptor of our own for it: Paho closes its one inside its functions */
	size_t room_bytes; /* of the socket, that a publish may use unasked */
	struct paho *paho; /* NULL: none, or with the helper */
	bool connected, pinged, parked;
	int64_t keepalive_ms, last_sent_ms, last_received_ms;
};

static void rest(struct pump *pump)
{
	if (pump->watch) {
		loop_unwatch(pump->watch);
		close(pump->fd);
	}
	pump->watch = NULL;
	loop_timer_stop(pump->keepalive);
	loop_timer_stop(pump->retry);
}

static int start(struct pump *pump, enum task task, const struct link_options *options,
	const struct link_filter *filters, size_t count)
{
	struct work *work = work_new(task, pump->paho, options, filters, count);
	int r;

	if (!work)
		return -ENOMEM;
	r = handoff_start(pump->handoff, work);
	if (r < 0) {
		work->paho = NULL;
		work_free(work);
		return r;
	}
	pump->paho = NULL;
	rest(pump);
	return 0;
}

/* ---- pumping */

static void lose(struct pump *pump, const char *reason)
{
	rest(pump);
	/* It may be there, only not to be watched; the next connect would leave its socket open. */
	if (pump->paho)
		paho_drop(pump->paho);
	if (pump->paho && paho_drained(pump->paho)) {
		paho_free(pump->paho);
		pump->paho = NULL;
	}
	pump->connected = pump->pinged = false;
	pump->link.events->lost(pump->link.userdata, reason);
}

/* Events may start work for the helper, and then Paho is not ours. */
static bool may_use(const struct pump *pump)
{
	return pump->paho != NULL && pump->connected;
}

static void sent(struct pump *pump)
{
	pump->last_sent_ms = loop_now_ms(pump->loop);
}

static void deliver(const struct link_message *message, void *userdata)
{
	struct pump *pump = userdata;

	if (message->qos > 0) { /* Paho has acknowledged it */
		sent(pump);
		pump->room_bytes = 0;
	}
	pump->link.events->message(pump->link.userdata, message);
}

static bool deliver_acknowledgements(struct pump *pump)
{
	struct paho_acknowledgement acknowledgement;
	bool any = false;

	while (may_use(pump) && paho_take_acknowledgement(pump->paho, &acknowledgement)) {
		any = true;
		pump->link.events->published(
			pump->link.userdata, acknowledgement.token, acknowledgement.reason);
	}
	return any;
}

/* The rule of Paho, plus what rounding may cost: a ping when for so long nothing was sent, or nothing came. */
static int64_t ping_due_ms(const struct pump *pump)
{
	int64_t since_ms =
		pump->last_sent_ms < pump->last_received_ms ? pump->last_sent_ms : pump->last_received_ms;

	return since_ms + pump->keepalive_ms + 1;
}

static void arm_keepalive(struct pump *pump)
{
	int64_t now_ms = loop_now_ms(pump->loop);
	int64_t due_ms = ping_due_ms(pump);

	/* A ping is out: look again until its answer came or the connection is given up. */
	if (pump->pinged || due_ms <= now_ms)
		due_ms = now_ms + pump->keepalive_ms / 4;
	loop_timer_set(pump->keepalive, due_ms);
}

/*
 * Paho reads nothing while its socket has no room for an answer, and would be asked again at once, for ever. So
 * the socket is left alone until the retry timer.
 */
static void park_if_choked(struct pump *pump)
{
	if (!socket_is_choked(pump->fd) || loop_watch_change(pump->watch, 0) < 0)
		return;
	pump->parked = true;
	loop_timer_set(pump->retry, loop_now_ms(pump->loop) + RETRY_MS);
}

static void pump_all(struct pump *pump)
{
	int budget = PUMP_BUDGET;
	bool more = true, any = false;

	while (more && --budget > 0 && may_use(pump)) {
		bool queued = !paho_drained(pump->paho);

		more = paho_receive(pump->paho, deliver, pump);
		more |= deliver_acknowledgements(pump);
		any |= more;
		more &= queued;
	}
	if (!may_use(pump))
		return;
	if (!paho_connected(pump->paho)) {
		lose(pump, "the connection to the broker was lost");
		return;
	}
	if (more)
		loop_timer_set(pump->retry, loop_now_ms(pump->loop));
	else if (!any)
		park_if_choked(pump);
	arm_keepalive(pump);
}

static void socket_ready(int fd, uint32_t events, void *userdata)
{
	struct pump *pump = userdata;

	(void)fd, (void)events;
	pump->last_received_ms = loop_now_ms(pump->loop);
	pump->pinged = false;
	pump_all(pump);
}

/* Paho itself waits 2.5 x keep-alive for a silent broker, in all; we wait 2 x. */
static void keepalive_due(void *userdata)
{
	struct pump *pump = userdata;
	int64_t now_ms = loop_now_ms(pump->loop);

	if (pump->pinged && now_ms - pump->last_received_ms >= 2 * pump->keepalive_ms) {
		shutdown(pump->fd, SHUT_RDWR); /* Paho finds it closed, and so do we */
	} else if (now_ms >= ping_due_ms(pump)) {
		pump->pinged = true;
		pump->last_sent_ms = now_ms; /* the ping that goes out now */
		pump->room_bytes = 0;
	}
	pump_all(pump);
}

static void offer_room(struct pump *pump)
{
	if (may_use(pump))
		pump->link.events->writable(pump->link.userdata);
}

static void retry_due(void *userdata)
{
	struct pump *pump = userdata;

	if (pump->parked)
		loop_watch_change(pump->watch, EPOLLIN);
	pump->parked = false;
	pump_all(pump);
	offer_room(pump);
}

/* ---- work that came back */

static bool resume_watching(struct pump *pump)
{
	if (!paho_connected(pump->paho))
		return false;
	pump->fd = socket_duplicate(paho_fd(pump->paho));
	if (pump->fd < 0)
		return false;
	if (loop_watch(pump->loop, pump->fd, EPOLLIN, socket_ready, pump, &pump->watch) == 0)
		return true;
	close(pump->fd);
	return false;
}

static void report_subscriptions(struct pump *pump, const struct work *work)
{
	for (size_t i = 0; i < work->count; i++)
		pump->link.events->subscribed(pump->link.userdata, work->filters[i].id, work->reasons[i]);
}

static void finish(struct pump *pump, const struct work *work)
{
	bool fresh = work->task == TASK_CONNECT;

	pump->paho = work->paho;
	if (!pump->paho || !resume_watching(pump)) {
		lose(pump, work->reason[0] ? work->reason : "the connection to the broker was lost");
		return;
	}
	pump->connected = true;
	pump->pinged = pump->parked = false;
	pump->room_bytes = 0;
	pump->last_sent_ms = pump->last_received_ms = loop_now_ms(pump->loop);
	if (fresh)
		pump->keepalive_ms = 1000 * (int64_t)work->options.keepalive_s;
	if (work->task != TASK_UNSUBSCRIBE)
		report_subscriptions(pump, work);
	if (fresh)
		pump->link.events->connected(pump->link.userdata);
	pump_all(pump);
	offer_room(pump);
}

static void work_done(void *argument, void *userdata)
{
	struct work *work = argument;

	if (work->task != TASK_DISCONNECT) {
		finish(userdata, work);
		work->paho = NULL; /* the pump's again */
	}
}

/* ---- the functions of link.h */

static int pump_connect(struct link *link, const struct link_options *options,
	const struct link_filter *filters, size_t count)
{
	return start((struct pump *)link, TASK_CONNECT, options, filters, count);
}

static int not_now(const struct pump *pump)
{
	if (!pump->connected)
		return -ENOTCONN;
	return may_use(pump) ? 0 : -EAGAIN;
}

static int pump_subscribe(struct link *link, const struct link_filter *filters, size_t count)
{
	struct pump *pump = (struct pump *)link;
	int r = not_now(pump);

	return r < 0 ? r : start(pump, TASK_SUBSCRIBE, NULL, filters, count);
}

static int pump_unsubscribe(struct link *link, const char *filter)
{
	struct pump *pump = (struct pump *)link;
	int r = not_now(pump);

	return r < 0 ? r : start(pump, TASK_UNSUBSCRIBE, NULL, &(struct link_filter) { .filter = filter }, 1);
}

static int pump_publish(struct link *link, const struct link_message *message, uint32_t *ret_token)
{
	struct pump *pump = (struct pump *)link;
	int r = not_now(pump);

	if (r < 0)
		return r;
	if (!paho_drained(pump->paho))
		return -EAGAIN; /* the pump is at it, and says writable() then */
	if (!socket_has_room(pump->fd, message->payload_size + strlen(message->topic) + HEADER_BYTES,
		    &pump->room_bytes)) {
		loop_timer_set(pump->retry, loop_now_ms(pump->loop) + RETRY_MS);
		return -EAGAIN;
	}
	r = paho_publish(pump->paho, message, pump->room_bytes > 0, ret_token);
	if (r == -ENOTCONN || !paho_drained(pump->paho))
		loop_timer_set(pump->retry, 0); /* lost() and message() come from the loop, not from here */
	if (r != -ENOTCONN)
		sent(pump);
	return r;
}

/* One piece of work may begin the next: when it is connected, the bus asks for what was subscribed meanwhile. */
static bool wait_for_helper(struct pump *pump, int64_t until_ms)
{
	while (handoff_busy(pump->handoff)) {
		int64_t left_ms = until_ms - loop_now_ms(pump->loop);

		if (handoff_wait(pump->handoff, left_ms > 0 ? (uint32_t)left_ms : 0) < 0)
			return false;
	}
	return true;
}

static void pump_disconnect(struct link *link, uint32_t timeout_ms)
{
	struct pump *pump = (struct pump *)link;
	int64_t until_ms = loop_now_ms(pump->loop) + timeout_ms;

	if (!wait_for_helper(pump, until_ms) || !may_use(pump))
		return;
	if (start(pump, TASK_DISCONNECT, NULL, NULL, 0) == 0)
		wait_for_helper(pump, until_ms);
	pump->connected = false;
}

static bool pump_free(struct link *link)
{
	struct pump *pump = (struct pump *)link;
	bool abandoned = handoff_free(pump->handoff);

	rest(pump);
	loop_timer_free(pump->keepalive);
	loop_timer_free(pump->retry);
	paho_free(pump->paho);
	free(pump);
	return abandoned;
}

int link_paho_new(struct loop *loop, const struct link_events *events, void *userdata, struct link **ret_link)
{
	static const struct link_functions functions = { pump_connect, pump_subscribe, pump_unsubscribe,
		pump_publish, pump_disconnect, pump_free };
	static const struct handoff_functions work = { work_do, work_done, work_free };
	struct pump *pump = calloc(1, sizeof *pump);
	int r;

	if (!pump)
		return -ENOMEM;
	*pump = (struct pump) { .link = { &functions, events, userdata }, .loop = loop };
	r = handoff_new(loop, &work, pump, &pump->handoff);
	if (r == 0)
		r = loop_timer_new(loop, keepalive_due, pump, &pump->keepalive);
	if (r == 0)
		r = loop_timer_new(loop, retry_due, pump, &pump->retry);
	if (r < 0) {
		pump_free(&pump->link);
		return r;
	}
	*ret_link = &pump->link;
	return 0;
}
