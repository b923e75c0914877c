// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
#include "bridge-window.h"

enum { ASKS_PER_WINDOW = 4 };

static uint64_t limit_of(bool proven)
{
	return proven ? BRIDGE_WINDOW_EVENTS : BRIDGE_WINDOW_FIRST;
}

static struct bridge_amount between(struct bridge_amount from, struct bridge_amount to)
{
	return (struct bridge_amount) { to.events - from.events, to.bytes - from.bytes };
}

bool bridge_window_takes(struct bridge_amount under_way, bool proven)
{
	return under_way.events < limit_of(proven) && under_way.bytes < BRIDGE_WINDOW_BYTES;
}

bool bridge_window_open(const struct bridge_window *window)
{
	return !window->limited ||
	       bridge_window_takes(between(window->confirmed, window->sent), window->proven);
}

static void add(struct bridge_amount *amount, size_t bytes)
{
	amount->events++;
	amount->bytes += bytes;
}

void bridge_window_sent(struct bridge_window *window, size_t bytes)
{
	add(&window->sent, bytes);
}

void bridge_window_acknowledged(struct bridge_window *window, size_t bytes)
{
	add(&window->acknowledged, bytes);
}

void bridge_window_lost(struct bridge_window *window)
{
	window->acknowledged = window->asked = window->confirmed = window->sent;
	window->proven = false;
}

bool bridge_window_asks(struct bridge_window *window, uint64_t *ret_number)
{
	struct bridge_amount news = between(window->asked, window->acknowledged);

	if (!window->limited || (news.events < limit_of(window->proven) / ASKS_PER_WINDOW &&
					news.bytes < BRIDGE_WINDOW_BYTES / ASKS_PER_WINDOW))
		return false;
	window->asked = window->acknowledged;
	*ret_number = window->asked.events;
	return true;
}

void bridge_window_confirmed(struct bridge_window *window, uint64_t number)
{
	if (number <= window->confirmed.events || number > window->asked.events)
		return;
	window->proven = true;
	/* Tokens come back in order: for all but the last one the bytes are told by the next. */
	window->confirmed.events = number;
	if (number == window->asked.events)
		window->confirmed = window->asked;
}
