// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * What a bus with a process in the middle cannot be faster than: four hops of a datagram over Unix sockets, and nothing
 * is read in them.
 */
#include "bench.h"
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int connection = -1;

static int new_socket(struct sockaddr_un *ret_address)
{
	*ret_address = (struct sockaddr_un) { .sun_family = AF_UNIX };
	strncpy(ret_address->sun_path, bench_options.at, sizeof ret_address->sun_path - 1);
	return socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
}

static int open_floor(void)
{
	struct sockaddr_un address;

	connection = new_socket(&address);
	return connect(connection, (struct sockaddr *)&address, sizeof address) < 0 ? -errno : 0;
}

static int send_one(int fd, const char *data, size_t size)
{
	return send(fd, data, size, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static int ask(void)
{
	return send_one(connection, bench_payload, BENCH_PAYLOAD_SIZE);
}

static int run(void)
{
	char data[4096];
	ssize_t size = recv(connection, data, sizeof data, 0);

	if (size <= 0)
		return size == 0 || errno == EINTR ? (atomic_store(&bench_stopped, true), 0) : -errno;
	if (strcmp(bench_options.role, "server") == 0)
		return send_one(connection, data, (size_t)size);
	bench_answered();
	return 0;
}

/* From each of the two to the other. */
static int hub(void)
{
	struct sockaddr_un address;
	int listener = new_socket(&address);
	struct pollfd ends[2] = { { .events = POLLIN }, { .events = POLLIN } };
	char data[4096];

	if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0 || listen(listener, 2) < 0)
		return -errno;
	bench_ready();
	for (int i = 0; i < 2; i++)
		if ((ends[i].fd = accept(listener, NULL, NULL)) < 0)
			return -errno;
	while (poll(ends, 2, -1) > 0) {
		for (int i = 0; i < 2; i++) {
			ssize_t size = ends[i].revents ? recv(ends[i].fd, data, sizeof data, 0) : -1;

			if (size == 0)
				return 0;
			if (size > 0)
				send_one(ends[!i].fd, data, (size_t)size);
		}
	}
	return 0;
}

const struct contender contender = {
	.name = "floor", .open = open_floor, .ask = ask, .run = run, .hub = hub
};
