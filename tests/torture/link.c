// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * The link over Paho, with its helper thread, and in real time: everything else uses a fake one. Paho's own memory does not fail here,
 * but the system calls that it makes do.
 */
#include "broker.h"
#include "bus-kit.h"
#include "torture.h"
#include <poll.h>
#include <stdio.h>

enum { PATIENCE_MS = 20000, HASTE_MS = 100 };

static int heard;

static void on_message(struct devbus *bus, const struct devbus_message *message, void *userdata)
{
	(void)bus, (void)message, (void)userdata;
	heard++;
}

static void prepare(void)
{
	char address[32];

	kit_set_up();
	heard = 0;
	snprintf(address, sizeof address, "127.0.0.1:%u", (unsigned)broker_start());
	kit_setting("broker", address);
	kit_setting("reconnect_min_ms", "100");
	kit_setting("reconnect_max_ms", "100");
	kit_setting("connect_timeout_s", "15"); /* a machine may be slow */
	kit_setting("stop_timeout_ms", "15000");
	hold(devbus_open_with(&(struct devbus_options) { .name = "unit" }, &kit.bus) == 0);
	hold(devbus_subscribe(kit.bus, "x/+", NULL, 0, on_message, NULL) == 0);
	hold(devbus_ready(kit.bus) == 0);
}

static bool is_well(void)
{
	return devbus_connected(kit.bus) && outbox_count(kit.bus->outbox) == 0 &&
	       !kit.bus->subscribe_pending && !kit.bus->removed_some;
}

static void turn(void)
{
	struct pollfd loop = { .fd = devbus_fd(kit.bus), .events = POLLIN };

	poll(&loop, 1, 20);
	hold(devbus_dispatch(kit.bus) == 0);
}

/* Until all is well, but no longer than that. */
static void dispatch(int64_t most_ms)
{
	int64_t until_ms = clock_monotonic_ms() + most_ms;

	while (!is_well() && clock_monotonic_ms() < until_ms)
		turn();
}

static void close_bus(void)
{
	devbus_close(kit.bus);
	kit.bus = NULL;
}

/* The broker may hear it a little later. */
static bool hears_farewells(unsigned count)
{
	for (int i = 0; i < PATIENCE_MS && broker_seen->farewells < count; i++)
		poll(NULL, 0, 1);
	return broker_seen->farewells == count;
}

static void act(void)
{
	dispatch(HASTE_MS);
	told(devbus_subscribe(kit.bus, "y/+", NULL, 0, on_message, NULL));
	dispatch(HASTE_MS);
	devbus_unsubscribe(kit.bus, "y/+");
	told(devbus_publish_topic(kit.bus, "z", 1, false, devbus_json_new_object()));
	told(devbus_publish_topic(kit.bus, "z", 0, false, devbus_json_new_object()));
	dispatch(HASTE_MS);
}

static void check(void)
{
	unsigned before = broker_seen->publishes;

	dispatch(PATIENCE_MS);
	hold(is_well());
	heard = 0;
	hold(devbus_unsubscribe(kit.bus, "x/+") == 0);
	hold(devbus_subscribe(kit.bus, "x/+", NULL, 0, on_message, NULL) == 0);
	hold(devbus_publish_topic(kit.bus, "z", 1, false, devbus_json_new_object()) == 0);
	for (int i = 0; i < PATIENCE_MS / 20 && heard == 0; i++)
		turn();
	dispatch(PATIENCE_MS);
	hold(is_well() && heard > 0 && broker_seen->publishes > before);
	before = broker_seen->farewells;
	close_bus();
	hold(hears_farewells(before + 1));
	broker_stop();
	kit_tear_down();
}

/* ---- closing at any moment: what is under way is waited for, and the broker hears a farewell */

static void close_while_connecting(void)
{
	hold(devbus_dispatch(kit.bus) == 0);
	told(devbus_subscribe(kit.bus, "y/+", NULL, 0, on_message, NULL));
	close_bus();
}

static void close_when_connected(void)
{
	dispatch(HASTE_MS);
	close_bus();
}

static void closed_check(void)
{
	if (faults_failed() == 0)
		hold(hears_farewells(1) && broker_seen->connects == 1);
	broker_stop();
	kit_tear_down();
}

const struct scenario link_scenarios[] = {
	{ "link", prepare, act, check },
	{ "link closed while it connects", prepare, close_while_connecting, closed_check },
	{ "link closed", prepare, close_when_connected, closed_check },
	{ 0 },
};
