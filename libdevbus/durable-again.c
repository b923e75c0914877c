// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * When everything that is not confirmed is sent from the first on: at each connect, and when an adapter to the cloud that may have
 * lost events asks for it (protocol 6.5).
 */
#include "durable.h"
#include <stdlib.h>
#include <string.h>

bool durable_confirmed_by(const struct devbus *bus, const char *means)
{
	return strcmp(bus->settings.confirm, means) == 0;
}

static void begin_again(struct durable *durable, bool proven)
{
	durable->read_seq = durable->acked_seq = durable->token_seq = durable->confirmed_seq =
		durable->timed_seq = 0;
	durable->proven = proven;
	durable->again_wanted = false;
}

static void forget_progress(struct durable *durable)
{
	durable->under_way = (struct bridge_amount) { 0, 0 };
	durable->refused_seq = durable->retried_seq = 0;
	loop_timer_stop(durable->again);
	loop_timer_stop(durable->retry);
}

void durable_begin_again(struct devbus *bus)
{
	struct durable *durable = bus->durable;

	if (!durable->again_wanted || durable->unacked_count)
		return;
	forget_progress(durable);
	begin_again(durable, false);
	echo_renew(bus);
}

void durable_send_again(struct devbus *bus)
{
	if (!bus->durable || !bus->connected || !durable_confirmed_by(bus, "echo"))
		return;
	bus->durable->again_wanted = true;
	durable_send(bus);
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
