// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * The broker's way to a cloud with TLS. Mosquitto 2.0.11 makes one list of its connections into a circle when a bridge's TLS fails, and then walks it for ever: an expired
 * certificate of the cloud, or a clock that is not set yet, takes the local bus down. It also resolves names and retries
 * addresses in ways of its own, and keeps to itself what is wrong. So it connects to a port of this service on the loopback, in plain MQTT, and names, TCP and TLS are
 * done here, where they may fail.
 */
#include "carry.h"
#include "watcher.h"

#include <devbus/worker.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * The bridge, and the connection whose will tells the cloud whether the device is there; the others are for strangers, who hold one until they have
 * shown that they are none. Each costs a thread while it is used.
 */
#define LANES 8

struct lane {
	struct tunnel *tunnel;
	struct devbus_worker *worker;
	struct reach *reach;
};

/* Static, because a thread that waits for a name server may outlive the service; and kept, because that is not asked again (reach.h). */
static struct reach reaches[LANES];

struct tunnel {
	struct watcher *watcher;
	int listener_fd;
	struct lane lanes[LANES];
	int waiting_fd; /* the broker's next connection, while no lane is free; -1: none */
	unsigned first_address;
};

static void start(struct lane *lane, int local_fd)
{
	struct tunnel *tunnel = lane->tunnel;
	struct carriage *carriage = calloc(1, sizeof *carriage);
	int r = carriage ? 0 : -ENOMEM;

	if (r == 0) {
		carriage->local_fd = local_fd;
		carriage->reach = lane->reach;
		carriage->first_address = tunnel->first_address;
		snprintf(carriage->conf_path, sizeof carriage->conf_path, "%s", tunnel->watcher->cloud_conf);
		r = devbus_worker_start(lane->worker, carriage);
	}
	if (r < 0) {
		devbus_log(DEVBUS_LOG_ERROR, "cannot carry the bridge: %s", strerror(-r));
		close(local_fd);
		free(carriage);
	}
}

static void on_done(struct devbus *bus, void *work, void *userdata)
{
	const struct carriage *carriage = work;
	struct lane *lane = userdata;
	struct tunnel *tunnel = lane->tunnel;

	(void)bus;
	if (carriage->end == CARRY_STRANGER)
		devbus_log(DEVBUS_LOG_WARNING,
			"a connection to the tunnel did not show the broker's password, and was closed");
	if (carriage->end == CARRY_FAILED) {
		tunnel->first_address++; /* of several the next one */
		diagnosis_met(tunnel->watcher, carriage->trouble);
	}
	if (tunnel->waiting_fd >= 0)
		start(lane, tunnel->waiting_fd);
	tunnel->waiting_fd = -1;
}

static struct lane *find_free(struct tunnel *tunnel)
{
	for (int i = 0; i < LANES; i++)
		if (!devbus_worker_busy(tunnel->lanes[i].worker))
			return &tunnel->lanes[i];
	return NULL;
}

/* Of those that wait the newest counts: the broker has given up what it had before. */
static void on_connection(struct devbus *bus, int listener_fd, uint32_t events, void *userdata)
{
	struct tunnel *tunnel = userdata;
	struct lane *lane = find_free(tunnel);
	int fd = accept4(listener_fd, NULL, NULL, SOCK_CLOEXEC);

	(void)bus;
	(void)events;
	if (fd < 0)
		return;
	if (lane) {
		start(lane, fd);
		return;
	}
	if (tunnel->waiting_fd >= 0)
		close(tunnel->waiting_fd);
	tunnel->waiting_fd = fd;
}

/* ---- beginning and end */

static int listen_on(const char *listener)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	unsigned port;
	int fd, r = 0;

	if (sscanf(listener, "%5u", &port) != 1 || port < 1 || port > 65535)
		return -EINVAL;
	address.sin_port = htons((uint16_t)port);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int) { 1 }, sizeof(int));
	if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 4) < 0)
		r = -errno;
	if (r < 0)
		close(fd);
	return r < 0 ? r : fd;
}

static int open_lanes(struct tunnel *tunnel)
{
	static const struct devbus_worker_functions functions = {
		.run = carry_run, .done = on_done, .free = carry_free
	};
	int r = 0;

	for (int i = 0; r == 0 && i < LANES; i++) {
		struct lane *lane = &tunnel->lanes[i];

		*lane = (struct lane) { .tunnel = tunnel, .reach = &reaches[i] };
		reach_begin(lane->reach, NULL, 0);
		r = devbus_worker_new(tunnel->watcher->bus, &functions, lane, &lane->worker);
	}
	return r;
}

static int open_tunnel(struct tunnel *tunnel, const char *listener)
{
	int r = tunnel->listener_fd = listen_on(listener);

	if (r >= 0)
		r = open_lanes(tunnel);
	if (r == 0)
		r = devbus_watch(tunnel->watcher->bus, tunnel->listener_fd, EPOLLIN, on_connection, tunnel);
	if (r < 0)
		devbus_log(DEVBUS_LOG_ERROR, "%s: listener %s: %s%s", tunnel->watcher->cloud_conf, listener,
			strerror(-r),
			r == -EADDRINUSE ? "; end the program that has it (ss -tlnp shows it), or give "
					   "devbus-provision another --tunnel-port"
					 : "");
	return r;
}

/* Returns 1 if there is to be a tunnel, 0 or a negative errno. */
static int read_listener(const char *path, char ret_listener[BRIDGE_CONF_TEXT_SIZE])
{
	struct bridge_conf *conf = malloc(sizeof *conf);
	char trouble[BRIDGE_CONF_TROUBLE_SIZE] = "out of memory";
	int r = conf ? bridge_conf_read(path, conf, trouble) : -ENOMEM;

	if (r == 0) {
		memcpy(ret_listener, conf->listener, BRIDGE_CONF_TEXT_SIZE);
		explicit_bzero(conf, sizeof *conf);
		r = ret_listener[0] ? 1 : 0;
	} else if (r != -ENOMEM) {
		devbus_log(DEVBUS_LOG_WARNING, "the way to the cloud is not known: %s", trouble);
		r = 0; /* all else can be watched */
	}
	free(conf);
	return r;
}

int tunnel_start(struct watcher *watcher)
{
	char listener[BRIDGE_CONF_TEXT_SIZE];
	int r = read_listener(watcher->cloud_conf, listener);

	if (r <= 0)
		return r;
	watcher->tunnel = calloc(1, sizeof *watcher->tunnel);
	if (!watcher->tunnel)
		return -ENOMEM;
	*watcher->tunnel = (struct tunnel) { .watcher = watcher, .listener_fd = -1, .waiting_fd = -1 };
	return open_tunnel(watcher->tunnel, listener);
}

void tunnel_stop(struct watcher *watcher)
{
	struct tunnel *tunnel = watcher->tunnel;

	if (!tunnel)
		return;
	if (tunnel->listener_fd >= 0)
		devbus_unwatch(watcher->bus, tunnel->listener_fd);
	for (int i = 0; i < LANES; i++)
		devbus_worker_free(tunnel->lanes[i].worker);
	if (tunnel->waiting_fd >= 0)
		close(tunnel->waiting_fd);
	if (tunnel->listener_fd >= 0)
		close(tunnel->listener_fd);
	free(tunnel);
}
