// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
#include "outbox.h"
#include "log.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { LANE_CONTROL, LANE_EVENTS, LANES, REFUSED = 0x80, NOT_AUTHORIZED = 0x87 };

struct entry {
	struct entry *next;
	struct outbox_message queued; /* strings in the same allocation */
	size_t bytes;
	uint32_t token;
};

struct list {
	struct entry *first, **end;
};

struct outbox {
	struct stats *stats;
	size_t limit_bytes, count, bytes[2]; /* of what is only in memory, of what is stored */
	size_t waiting[OUTBOX_CLASSES]; /* how many of each class are in the lanes */
	size_t in_flight; /* QoS 1, unacknowledged */
	bool full; /* the window was, and is not yet half empty: in batches the broker wakes up less often */
	struct list lanes[LANES];
	struct list sent; /* in the order in which they were sent */
	struct bridge_window window; /* of those for the cloud that are only in memory */
	uint64_t dropped[2]; /* local, for the cloud */
};

/* ---- lists */

static void list_init(struct list *list)
{
	list->first = NULL;
	list->end = &list->first;
}

static void list_append(struct list *list, struct entry *entry)
{
	entry->next = NULL;
	*list->end = entry;
	list->end = &entry->next;
}

/* Takes out the entry that *@link points to. */
static struct entry *list_take(struct list *list, struct entry **link)
{
	struct entry *entry = *link;

	*link = entry->next;
	if (!entry->next)
		list->end = link;
	return entry;
}

static struct list *lane_of(struct outbox *outbox, enum outbox_class class)
{
	return &outbox->lanes[class == OUTBOX_CONTROL ? LANE_CONTROL : LANE_EVENTS];
}

/* ---- entries: one allocation holds the message and its strings */

static char *place(char **at, const void *data, size_t size)
{
	char *copy = *at;

	memcpy(copy, data, size);
	copy[size] = '\0';
	*at += size + 1;
	return copy;
}

static struct entry *entry_new(const struct outbox_message *from)
{
	const struct link_message *message = &from->message;
	size_t topic = strlen(message->topic);
	size_t response = message->response_topic ? strlen(message->response_topic) : 0;
	size_t bytes = sizeof(struct entry) + topic + response + message->payload_size +
		       message->correlation_size + 4;
	struct entry *entry = malloc(bytes);
	char *at;

	if (!entry)
		return NULL;
	at = (char *)(entry + 1);
	*entry = (struct entry) { .queued = *from, .bytes = bytes };
	entry->queued.message.topic = place(&at, message->topic, topic);
	entry->queued.message.payload = place(&at, message->payload, message->payload_size);
	if (message->response_topic)
		entry->queued.message.response_topic = place(&at, message->response_topic, response);
	if (message->correlation)
		entry->queued.message.correlation =
			place(&at, message->correlation, message->correlation_size);
	return entry;
}

static void entry_free(struct outbox *outbox, struct entry *entry)
{
	outbox->bytes[entry->queued.stored] -= entry->bytes;
	outbox->count--;
	free(entry);
}

int outbox_new(size_t limit_bytes, struct stats *stats, struct outbox **ret_outbox)
{
	struct outbox *outbox = calloc(1, sizeof *outbox);

	if (!outbox)
		return -ENOMEM;
	outbox->stats = stats;
	outbox->limit_bytes = limit_bytes;
	for (int i = 0; i < LANES; i++)
		list_init(&outbox->lanes[i]);
	list_init(&outbox->sent);
	*ret_outbox = outbox;
	return 0;
}

static void empty(struct outbox *outbox, struct list *list)
{
	while (list->first)
		entry_free(outbox, list_take(list, &list->first));
}

void outbox_free(struct outbox *outbox)
{
	if (!outbox)
		return;
	for (int i = 0; i < LANES; i++)
		empty(outbox, &outbox->lanes[i]);
	empty(outbox, &outbox->sent);
	free(outbox);
}

/* ---- adding, dropping */

static void count_drop(struct outbox *outbox, const struct outbox_message *message)
{
	outbox->stats->messages_dropped++;
	if (message->class != OUTBOX_CONTROL)
		outbox->dropped[message->cloud]++;
}

/* What it would have told of earlier ones is still to be told. */
static void count_lost(struct outbox *outbox, const struct entry *entry)
{
	count_drop(outbox, &entry->queued);
	outbox->dropped[entry->queued.cloud] += entry->queued.dropped;
}

static struct entry *take_waiting(struct outbox *outbox, struct list *lane, struct entry **link)
{
	outbox->waiting[(*link)->queued.class]--;
	return list_take(lane, link);
}

/* Makes room by dropping the oldest one of the least important class, up to @most. */
static bool drop_one(struct outbox *outbox, enum outbox_class most)
{
	for (int class = OUTBOX_TELEMETRY; class <= (int)most; class ++) {
		struct list *lane = lane_of(outbox, class);

		if (!outbox->waiting[class])
			continue;
		for (struct entry **link = &lane->first; *link; link = &(*link)->next) {
			if ((int)(*link)->queued.class != class || (*link)->queued.stored)
				continue;
			count_lost(outbox, *link);
			entry_free(outbox, take_waiting(outbox, lane, link));
			return true;
		}
	}
	return false;
}

static void forget_same_topic(struct outbox *outbox, struct list *lane, const char *topic)
{
	for (struct entry **link = &lane->first; *link; link = &(*link)->next) {
		const struct link_message *message = &(*link)->queued.message;

		if (message->retained && strcmp(message->topic, topic) == 0) {
			entry_free(outbox, take_waiting(outbox, lane, link));
			return;
		}
	}
}

int outbox_add(struct outbox *outbox, const struct outbox_message *message)
{
	struct list *lane = lane_of(outbox, message->class);
	struct entry *entry = entry_new(message);

	if (!entry)
		return -ENOMEM;
	if (message->message.retained)
		forget_same_topic(outbox, lane, message->message.topic);
	while (!message->stored && outbox->bytes[false] + entry->bytes > outbox->limit_bytes) {
		if (entry->bytes > outbox->limit_bytes || !drop_one(outbox, message->class)) {
			count_drop(outbox, message);
			free(entry);
			return -ENOBUFS;
		}
	}
	outbox->bytes[message->stored] += entry->bytes;
	outbox->count++;
	outbox->waiting[message->class]++;
	list_append(lane, entry);
	return 0;
}

void outbox_withdraw(struct outbox *outbox, const void *userdata)
{
	struct list *lane = &outbox->lanes[LANE_CONTROL];

	for (struct entry **link = &lane->first; *link; link = &(*link)->next) {
		if ((*link)->queued.userdata == userdata) {
			entry_free(outbox, take_waiting(outbox, lane, link));
			return;
		}
	}
}

/* ---- sending */

/* Telemetry is not queued for the bridge, and what is stored has a window of its own. */
static bool counts_for_bridge(const struct entry *entry)
{
	return entry->queued.cloud && !entry->queued.stored && entry->queued.message.qos > 0;
}

/* The first one, unless it waits for the bridge: then all for the cloud wait, in order, and the first for this device. */
static struct entry **next_of(struct outbox *outbox, struct list *lane)
{
	struct entry **next = &lane->first;

	if (*next && counts_for_bridge(*next) && !bridge_window_open(&outbox->window))
		while (*next && ((*next)->queued.cloud || (*next)->queued.stored ||
					(*next)->queued.class == OUTBOX_COMMAND))
			next = &(*next)->next;
	return next;
}

/* Returns whether the next one may be tried. */
static bool send_one(struct outbox *outbox, struct list *lane, struct link *link)
{
	struct entry **next = next_of(outbox, lane), *entry = *next;
	const struct link_message *message;
	int r;

	if (!entry)
		return false;
	message = &entry->queued.message;
	if (message->qos > 0 && outbox->full)
		return false;
	r = link->functions->publish(link, message, &entry->token);
	if (r == -EAGAIN || r == -ENOTCONN)
		return false;
	take_waiting(outbox, lane, next);
	if (r == 0)
		outbox->stats->messages_published++;
	else
		log_error("cannot publish on %s: %s", message->topic, strerror(-r));
	if (r < 0 && !entry->queued.stored)
		count_lost(outbox, entry);
	if (r == 0 && message->qos > 0) {
		outbox->full = ++outbox->in_flight >= LINK_WINDOW;
		if (counts_for_bridge(entry))
			bridge_window_sent(&outbox->window, entry->bytes);
		list_append(&outbox->sent, entry);
	} else {
		struct outbox_message queued = entry->queued;

		entry_free(outbox, entry);
		if (queued.acknowledged && (r == 0 || queued.stored))
			queued.acknowledged(r == 0 ? 0 : REFUSED, queued.userdata);
	}
	return true;
}

void outbox_send(struct outbox *outbox, struct link *link)
{
	for (int i = 0; i < LANES; i++)
		while (send_one(outbox, &outbox->lanes[i], link))
			;
}

bool outbox_waits(const struct outbox *outbox)
{
	return outbox->lanes[LANE_CONTROL].first || outbox->lanes[LANE_EVENTS].first;
}

uint64_t outbox_acknowledge(struct outbox *outbox, uint32_t token, int reason)
{
	uint64_t told;

	for (struct entry **link = &outbox->sent.first; *link; link = &(*link)->next) {
		struct entry *entry = *link;

		if (entry->token != token)
			continue;
		list_take(&outbox->sent, link);
		told = entry->queued.cloud ? entry->queued.dropped : 0;
		if (--outbox->in_flight <= LINK_WINDOW / 2)
			outbox->full = false;
		if (counts_for_bridge(entry))
			bridge_window_acknowledged(&outbox->window, entry->bytes);
		if (reason >= REFUSED) {
			outbox->stats->messages_refused++;
			outbox->dropped[entry->queued.cloud] += entry->queued.dropped;
			told = 0;
			log_warning("the broker refuses what we publish on %s (reason 0x%02x)%s",
				entry->queued.message.topic, (unsigned)reason,
				reason == NOT_AUTHORIZED ? ": see its ACL" : "");
		}
		if (entry->queued.acknowledged)
			entry->queued.acknowledged(reason, entry->queued.userdata);
		entry_free(outbox, entry);
		return told;
	}
	return 0;
}

/* ---- losing the connection */

static bool survives(const struct entry *entry)
{
	return entry->queued.class != OUTBOX_CONTROL && entry->queued.message.qos > 0 &&
	       !entry->queued.stored && !entry->queued.repeat;
}

static void give_up(struct outbox *outbox, struct entry *entry)
{
	if (entry->queued.message.qos == 0)
		count_lost(outbox, entry);
	entry_free(outbox, entry);
}

static void keep_survivors(struct outbox *outbox, struct list *from, struct list *to)
{
	while (from->first) {
		struct entry *entry = list_take(from, &from->first);

		if (survives(entry))
			list_append(to, entry);
		else
			give_up(outbox, entry);
	}
}

void outbox_lost(struct outbox *outbox)
{
	struct list kept;

	list_init(&kept);
	keep_survivors(outbox, &outbox->sent, &kept);
	keep_survivors(outbox, &outbox->lanes[LANE_EVENTS], &kept);
	empty(outbox, &outbox->lanes[LANE_CONTROL]);
	memset(outbox->waiting, 0, sizeof outbox->waiting);
	outbox->in_flight = 0;
	outbox->full = false;
	bridge_window_lost(&outbox->window);
	while (kept.first) {
		struct entry *entry = list_take(&kept, &kept.first);

		outbox->waiting[entry->queued.class]++;
		list_append(&outbox->lanes[LANE_EVENTS], entry);
	}
}

size_t outbox_count(const struct outbox *outbox)
{
	return outbox->count;
}

size_t outbox_bytes(const struct outbox *outbox)
{
	return outbox->bytes[false] + outbox->bytes[true];
}

uint64_t outbox_take_dropped(struct outbox *outbox, bool cloud)
{
	uint64_t dropped = outbox->dropped[cloud];

	outbox->dropped[cloud] = 0;
	return dropped;
}

void outbox_give_back_dropped(struct outbox *outbox, bool cloud, uint64_t dropped)
{
	outbox->dropped[cloud] += dropped;
}

struct bridge_window *outbox_window(struct outbox *outbox)
{
	return &outbox->window;
}
