// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
#include "bridge-window.h"

enum { ASKS_PER_WINDOW = 4 };

static uint64_t limit_of(const struct bridge_window *window)
{
	return window->proven ? BRIDGE_WINDOW_EVENTS : BRIDGE_WINDOW_FIRST;
}

bool bridge_window_open(const struct bridge_window *window)
{
	return !window->limited ||
	       (window->sent.events - window->confirmed.events < limit_of(window) &&
		       window->sent.bytes - window->confirmed.bytes < BRIDGE_WINDOW_BYTES);
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
	uint64_t events = window->acknowledged.events - window->asked.events;
	uint64_t bytes = window->acknowledged.bytes - window->asked.bytes;

	if (!window->limited || (events < limit_of(window) / ASKS_PER_WINDOW &&
					bytes < BRIDGE_WINDOW_BYTES / ASKS_PER_WINDOW))
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
