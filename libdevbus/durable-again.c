// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * When everything that is not confirmed is sent from the first on: at each connect, when an adapter to the cloud that may have
 * lost events asks for it, and when the cloud's broker has events that its application does not acknowledge: a broker that was killed may have
 * lost what it had taken (protocol 6.5).
 */
#include "durable.h"
#include <stdlib.h>
#include <string.h>

enum {
	OVERDUE_DOUBLED_MAX =
		6, /* an application that is off for long is sent the window of events each hour or so */
};

bool durable_confirmed_by(const struct devbus *bus, const char *means)
{
	return strcmp(bus->settings.confirm, means) == 0;
}

static void begin_again(struct durable *durable, bool proven)
{
	durable->read_seq = durable->acked_seq = durable->token_seq = durable->confirmed_seq =
		durable->timed_seq = durable->there_seq = 0;
	durable->proven = proven;
	durable->again_wanted = false;
}

static void forget_progress(struct durable *durable)
{
	durable->under_way = (struct bridge_amount) { 0, 0 };
	durable->refused_seq = durable->retried_seq = 0;
	loop_timer_stop(durable->again);
	loop_timer_stop(durable->retry);
	loop_timer_stop(durable->overdue);
	durable->expecting_ack = false;
}

void durable_begin_again(struct devbus *bus)
{
	struct durable *durable = bus->durable;

	if (!durable->again_wanted || durable->unacked_count)
		return;
	forget_progress(durable);
	begin_again(durable, !durable_confirmed_by(bus, "echo"));
	echo_renew(bus);
}

void durable_send_again(struct devbus *bus)
{
	if (!bus->durable || !bus->connected || !durable_confirmed_by(bus, "echo"))
		return;
	bus->durable->again_wanted = true;
	durable_send(bus);
}

void durable_expect_ack(struct devbus *bus, uint64_t seq)
{
	struct durable *durable = bus->durable;
	const int64_t wait_ms = 1000 * (int64_t)bus->settings.confirm_after_s << durable->overdue_count;

	if (seq > durable->there_seq)
		durable->there_seq = seq;
	if (durable->expecting_ack || durable->there_seq <= durable->confirmed_seq)
		return;
	durable->expecting_ack = true;
	loop_timer_set(durable->overdue, loop_now_ms(bus->loop) + wait_ms);
}

void durable_ack_overdue(void *userdata)
{
	struct devbus *bus = userdata;
	struct durable *durable = bus->durable;

	if (durable->overdue_count == 0)
		log_warning("the cloud has events that it does not acknowledge: they are sent again");
	if (durable->overdue_count < OVERDUE_DOUBLED_MAX)
		durable->overdue_count++;
	durable->expecting_ack = false;
	durable->again_wanted = true;
	durable_send(bus);
}

void durable_progress(struct devbus *bus)
{
	struct durable *durable = bus->durable;

	durable->overdue_count = 0;
	if (!durable->expecting_ack)
		return;
	durable->expecting_ack = false;
	loop_timer_stop(durable->overdue);
	durable_expect_ack(bus, durable->there_seq);
}

void durable_lost(struct devbus *bus)
{
	struct durable *durable = bus->durable;

	if (!durable)
		return;
	for (struct sent *sent; (sent = durable->unacked);) {
		durable->unacked = sent->next;
		free(sent);
	}
	durable->unacked_count = 0;
	forget_progress(durable);
}

void durable_connected(struct devbus *bus)
{
	struct durable *durable = bus->durable;

	if (!durable)
		return;
	begin_again(durable, !durable_confirmed_by(bus, "echo")); /* no token ever tells there */
	durable_send(bus);
}
