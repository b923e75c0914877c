// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* sd-bus over a bus of D-Bus of its own: a method call with one string of 100 bytes, and the string back. */
#include "bench.h"
#include <errno.h>
#include <string.h>
#include <systemd/sd-bus.h>

#define NAME "org.devbus.Bench"
#define OBJECT "/org/devbus/Bench"

static sd_bus *bus;

static int on_echo(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
	const char *text;
	int r = sd_bus_message_read(message, "s", &text);

	(void)userdata, (void)error;
	return r < 0 ? r : sd_bus_reply_method_return(message, "s", text);
}

static const sd_bus_vtable methods[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_METHOD("Echo", "s", "s", on_echo, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_VTABLE_END,
};

static int open_bus(void)
{
	int r = sd_bus_new(&bus);

	if (r >= 0)
		r = sd_bus_set_address(bus, bench_options.at);
	if (r >= 0)
		r = sd_bus_set_bus_client(bus, 1);
	if (r >= 0)
		r = sd_bus_start(bus);
	if (r >= 0 && strcmp(bench_options.role, "server") == 0) {
		r = sd_bus_add_object_vtable(bus, NULL, OBJECT, NAME, methods, NULL);
		if (r >= 0)
			r = sd_bus_request_name(bus, NAME, 0);
	}
	return r < 0 ? r : 0;
}

static int on_answer(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
	const char *text;
	int r = sd_bus_message_read(message, "s", &text);

	(void)userdata, (void)error;
	if (r >= 0)
		bench_answered();
	return r;
}

static int ask(void)
{
	int r = sd_bus_call_method_async(
		bus, NULL, NAME, OBJECT, NAME, "Echo", on_answer, NULL, "s", bench_payload);

	return r < 0 ? r : 0;
}

static int run(void)
{
	int r = sd_bus_process(bus, NULL);

	if (r == 0)
		r = sd_bus_wait(bus, UINT64_MAX);
	return r < 0 && r != -EINTR ? r : 0;
}

const struct contender contender = { .name = "sd-bus", .open = open_bus, .ask = ask, .run = run };
