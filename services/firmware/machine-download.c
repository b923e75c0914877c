// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* The download in the machine's loop: its fds and its timer are those of the bus. */
#include "machine-internal.h"

#include <string.h>
#include <time.h>

static struct download_options options(const struct machine *machine)
{
	const struct firmware_settings *settings = machine->settings;
	return (struct download_options){
		.fetch = {
			.user_agent = machine->host->user_agent,
			.ca_file = settings->ca_file,
			.client_certificate = settings->client_certificate,
			.client_key = settings->client_key,
			.proxy = settings->proxy,
			.http_proxy = devbus_http_proxy(machine->host->bus),
			.rate_limit_bytes_s = settings->rate_limit_bytes_s,
			.connect_timeout_s = settings->connect_timeout_s,
			.low_speed_bytes_s = settings->low_speed_bytes_s,
			.low_speed_s = settings->low_speed_s,
			.redirects_max = settings->redirects_max,
		},
		.max_size_bytes = settings->max_size_bytes,
		.reserve_bytes = settings->reserve_bytes,
		.retry_ms = settings->retry_ms,
		.patience_s = settings->patience_s,
	};
}

static void on_fd(struct devbus *bus, int fd, uint32_t events, void *userdata)
{
	struct machine *machine = userdata;
	(void)bus;
	download_ready(machine->download, fd, events);
}

static int watch(void *userdata, int fd, uint32_t events)
{
	struct machine *machine = userdata;
	devbus_unwatch(machine->host->bus, fd);
	return events ? devbus_watch(machine->host->bus, fd, events, on_fd, machine) : 0;
}

static void on_timer(struct devbus *bus, void *userdata)
{
	struct machine *machine = userdata;
	(void)bus;
	machine->download_timer = NULL;
	download_tick(machine->download);
}

static int arm(void *userdata, int64_t delay_ms)
{
	struct machine *machine = userdata;
	devbus_timer_stop(machine->download_timer);
	machine->download_timer = NULL;
	if (delay_ms < 0)
		return 0;
	uint32_t bounded = delay_ms < 1 ? 1 : delay_ms > INT32_MAX ? INT32_MAX : (uint32_t)delay_ms;
	return devbus_after(machine->host->bus, bounded, on_timer, machine, &machine->download_timer);
}

static int64_t now_ms(void *userdata)
{
	struct timespec now;
	(void)userdata;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void tell(void *userdata, int percent, uint64_t bytes, uint64_t size, const char *trouble)
{
	struct machine *machine = userdata;
	struct machine_progress progress = { percent, bytes, size, trouble };
	machine->host->tell(machine->host->userdata, &progress);
}

static void finished(void *userdata, const struct devbus_error *error)
{
	struct machine *machine = userdata;
	if (error)
		machine_fail(machine, error->code, "%s", error->message);
	else
		machine_enter(machine, STATE_VERIFYING);
}

void machine_do_downloading(struct machine *machine)
{
	struct download_options chosen = options(machine);
	struct order order;
	struct devbus_error error;
	record_order(&machine->record, &order);
	machine->download_host = (struct download_host) { watch, arm, now_ms, tell, finished, machine };
	if (download_start(machine->download_fd, &order, &chosen, &machine->download_host, &machine->download,
		    &error) < 0)
		machine_fail(machine, error.code, "%s", error.message);
}

void machine_stop_download(struct machine *machine)
{
	download_free(machine->download);
	machine->download = NULL;
}
