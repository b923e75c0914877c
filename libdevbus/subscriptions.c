// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * What the bus wants to hear: remembered here, because the broker may forget it, and asked for before a connection
 * counts as there. A refusal is not silence: it shows in the status.
 */
#include "bus.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	REFUSED = 0x80, /* MQTT 5.0 2.4: reason codes from here on are failures */
	SUBSCRIPTION_ID_MAX = 268435455, /* MQTT 5.0 3.8.2.1.2 */
};

static void report_refused(struct devbus *bus);

static struct bus_subscription *find_subscription(
	const struct devbus *bus, const char *filter, bus_message_handler *handler)
{
	for (size_t i = 0; i < bus->subscription_count; i++) {
		struct bus_subscription *subscription = bus->subscriptions[i];

		if (subscription && !subscription->removed && subscription->handler == handler &&
			strcmp(subscription->filter.filter, filter) == 0)
			return subscription;
	}
	return NULL;
}

static void free_subscription(struct bus_subscription *subscription)
{
	if (!subscription)
		return;
	if (subscription->free_userdata)
		subscription->free_userdata(subscription->userdata);
	free((char *)subscription->filter.filter);
	free(subscription);
}

/* Numbers are given in the order of the calls, so that they are the same after a restart of the service. */
static int add_subscription(struct devbus *bus, struct bus_subscription *subscription)
{
	struct bus_subscription **grown;

	for (size_t i = 0; i < bus->subscription_count; i++) {
		if (!bus->subscriptions[i]) {
			bus->subscriptions[i] = subscription;
			subscription->filter.id = (uint32_t)i + 1;
			return 0;
		}
	}
	if (bus->subscription_count >= SUBSCRIPTION_ID_MAX)
		return -ENOMEM;
	grown = realloc(
		bus->subscriptions, (bus->subscription_count + 1) * sizeof(struct bus_subscription *));
	if (!grown)
		return -ENOMEM;
	bus->subscriptions = grown;
	grown[bus->subscription_count++] = subscription;
	subscription->filter.id = (uint32_t)bus->subscription_count;
	return 0;
}

/* One filter, several handlers: messages come with the number of one of them only. */
static unsigned mark_shared(struct devbus *bus, const struct bus_subscription *subscription)
{
	unsigned count = 0;

	for (size_t i = 0; i < bus->subscription_count; i++) {
		struct bus_subscription *other = bus->subscriptions[i];

		if (other && !other->removed &&
			strcmp(other->filter.filter, subscription->filter.filter) == 0)
			count++;
	}
	for (size_t i = 0; count > 1 && i < bus->subscription_count; i++) {
		struct bus_subscription *other = bus->subscriptions[i];

		if (other && strcmp(other->filter.filter, subscription->filter.filter) == 0)
			other->shared = true;
	}
	return count;
}

/* The number that the broker has for this filter may have been that of the one that goes. */
static void ask_again(struct devbus *bus, const char *filter)
{
	for (size_t i = 0; i < bus->subscription_count; i++)
		if (bus->subscriptions[i] && strcmp(bus->subscriptions[i]->filter.filter, filter) == 0)
			bus->subscriptions[i]->reason = -1;
	bus->subscribe_pending = true;
}

/*
 * Forgets what is not wanted any more, once the broker was told: it would keep it in the session for ever. Until then its
 * number is not given to another, to which an answer that is still under way would be taken to belong.
 */
static void sweep_subscriptions(struct devbus *bus)
{
	if (bus->delivering || !bus->removed_some)
		return;
	bus->removed_some = false;
	for (size_t i = 0; i < bus->subscription_count; i++) {
		struct bus_subscription *subscription = bus->subscriptions[i];

		if (!subscription || !subscription->removed)
			continue;
		if (mark_shared(bus, subscription) > 0) {
			ask_again(bus, subscription->filter.filter);
		} else if (bus->link->functions->unsubscribe(bus->link, subscription->filter.filter) < 0) {
			bus->removed_some = true;
			bus_try_again(bus); /* or before, when the link is writable, or connected */
			continue;
		}
		bus->subscriptions[i] = NULL;
		free_subscription(subscription);
	}
}

/* Asks for those that the broker has not answered yet; one round at a time. */
void subscriptions_ask(struct devbus *bus)
{
	struct link_filter *filters;
	size_t count = 0;

	if (!bus->connected)
		return;
	sweep_subscriptions(bus);
	if (!bus->subscribe_pending)
		return;
	filters = calloc(bus->subscription_count ? bus->subscription_count : 1, sizeof *filters);
	if (!filters) {
		bus_try_again(bus);
		return;
	}
	for (size_t i = 0; i < bus->subscription_count; i++)
		if (bus->subscriptions[i] && !bus->subscriptions[i]->removed &&
			bus->subscriptions[i]->reason < 0)
			filters[count++] = bus->subscriptions[i]->filter;
	if (count == 0 || bus->link->functions->subscribe(bus->link, filters, count) == 0)
		bus->subscribe_pending = false;
	else
		bus_try_again(bus); /* or before, when the link is writable */
	free(filters);
}

int bus_subscribe(struct devbus *bus, const struct link_filter *filter, bus_message_handler *handler,
	void *userdata, void (*free_userdata)(void *userdata))
{
	struct bus_subscription *subscription;
	int r = -ENOMEM;

	if (!topic_filter_valid(filter->filter))
		return -EINVAL;
	subscription = malloc(sizeof *subscription);
	if (!subscription)
		return -ENOMEM;
	*subscription = (struct bus_subscription) {
		.filter = *filter, .handler = handler, .userdata = userdata, .reason = -1
	};
	subscription->filter.filter = strdup(filter->filter);
	if (subscription->filter.filter)
		r = add_subscription(bus, subscription);
	if (r < 0) {
		free_subscription(subscription);
		return r;
	}
	subscription->free_userdata = free_userdata;
	mark_shared(bus, subscription);
	bus->subscribe_pending = true;
	subscriptions_ask(bus);
	return 0;
}

/* The old one goes out of sight first, so that the two do not count as shared, and for good only when the new one is there. */
int bus_resubscribe(struct devbus *bus, const struct link_filter *filter, bus_message_handler *handler,
	void *userdata, void (*free_userdata)(void *userdata))
{
	struct bus_subscription *old = find_subscription(bus, filter->filter, handler);
	int r;

	if (!old)
		return bus_subscribe(bus, filter, handler, userdata, free_userdata);
	bus->delivering++; /* in one step, so that the broker is not told to stop in between */
	old->removed = true;
	r = bus_subscribe(bus, filter, handler, userdata, free_userdata);
	old->removed = r == 0;
	bus->removed_some |= r == 0;
	bus->delivering--;
	report_refused(bus);
	subscriptions_ask(bus);
	return r;
}

int bus_unsubscribe(struct devbus *bus, const char *filter, bus_message_handler *handler)
{
	struct bus_subscription *subscription = find_subscription(bus, filter, handler);

	if (!subscription)
		return -ENOENT;
	subscription->removed = true;
	bus->removed_some = true;
	report_refused(bus);
	subscriptions_ask(bus);
	return 0;
}

void bus_free_subscriptions(struct devbus *bus)
{
	for (size_t i = 0; i < bus->subscription_count; i++)
		free_subscription(bus->subscriptions[i]);
	free(bus->subscriptions);
	bus->subscriptions = NULL;
	bus->subscription_count = 0;
}

static void report_refused(struct devbus *bus)
{
	char reason[BUS_REASON_SIZE];

	for (size_t i = 0; i < bus->subscription_count; i++) {
		const struct bus_subscription *subscription = bus->subscriptions[i];

		if (!subscription || subscription->removed || subscription->reason < REFUSED)
			continue;
		snprintf(reason, sizeof reason, "the broker refuses the subscription %s (reason 0x%02x)",
			subscription->filter.filter, (unsigned)subscription->reason);
		status_problem(bus, STATUS_SUBSCRIPTIONS, reason);
		bus->refusal_told = true;
		return;
	}
	status_problem(bus, STATUS_SUBSCRIPTIONS, NULL);
	bus->refusal_told = false;
}

void subscriptions_answered(void *userdata, uint32_t id, int reason)
{
	struct devbus *bus = userdata;

	if (id == 0 || id > bus->subscription_count || !bus->subscriptions[id - 1])
		return;
	bus->subscriptions[id - 1]->reason = reason;
	if (reason < 0)
		bus->subscribe_pending = true;
	if (reason >= REFUSED)
		bus->stats.subscriptions_refused++;
	if (reason >= REFUSED || bus->refusal_told) /* a search for each of many answers adds up */
		report_refused(bus);
}

/* ---- messages */

static bool fits(const struct bus_subscription *subscription, const char *topic)
{
	const char *filter = subscription ? subscription->filter.filter : NULL;

	return filter && !subscription->removed &&
	       (strcmp(filter, topic) == 0 || topic_matches(filter, topic));
}

static bool hand_to(
	struct devbus *bus, struct bus_subscription *subscription, const struct link_message *message)
{
	if (!fits(subscription, message->topic))
		return false;
	subscription->handler(bus, message, subscription->userdata);
	return true;
}

/*
 * The broker sends a message once for each filter that it matches, with that one's number, so no search is needed. Two
 * exceptions: a filter that we have twice (the broker keeps the later number), and a number from before a restart
 * of another version of this program; then the topic decides.
 */
static bool hand_by_number(struct devbus *bus, const struct link_message *message)
{
	size_t index = (size_t)message->subscription_id - 1;

	return index < bus->subscription_count && bus->subscriptions[index] &&
	       !bus->subscriptions[index]->shared && hand_to(bus, bus->subscriptions[index], message);
}

static bool hand_by_topic(struct devbus *bus, const struct link_message *message)
{
	size_t index = (size_t)message->subscription_id - 1;
	size_t count = bus->subscription_count; /* those added by a handler are for the next message */
	const char *filter = NULL;
	bool any = false;

	if (index < count && fits(bus->subscriptions[index], message->topic))
		filter = bus->subscriptions[index]->filter.filter;
	for (size_t i = 0; i < count; i++) {
		struct bus_subscription *subscription = bus->subscriptions[i];

		if (!fits(subscription, message->topic) ||
			(filter && strcmp(filter, subscription->filter.filter) != 0))
			continue;
		filter = subscription->filter.filter; /* freed only after the sweep */
		any |= hand_to(bus, subscription, message);
	}
	return any;
}

void subscriptions_message(void *userdata, const struct link_message *message)
{
	struct devbus *bus = userdata;

	if (bus->closing)
		return; /* whoever would handle it may be gone */
	bus->stats.messages_received++;
	bus->delivering++;
	if (!hand_by_number(bus, message) && !hand_by_topic(bus, message))
		bus->stats.messages_unmatched++;
	bus->delivering--;
	if (bus->removed_some)
		subscriptions_ask(bus);
}

/* ---- asking */

int subscriptions_list(struct devbus *bus, struct link_filter **ret_filters, size_t *ret_count)
{
	struct link_filter *filters = calloc(bus->subscription_count + 1, sizeof *filters);
	size_t count = 0;

	if (!filters)
		return -ENOMEM;
	for (size_t i = 0; i < bus->subscription_count; i++) {
		if (!bus->subscriptions[i] || bus->subscriptions[i]->removed)
			continue;
		bus->subscriptions[i]->reason = -1;
		filters[count++] = bus->subscriptions[i]->filter;
	}
	bus->subscribe_pending = false;
	*ret_filters = filters;
	*ret_count = count;
	return 0;
}
