// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
#include "socket.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

enum { BOOKKEEPING_BYTES = 8192 }; /* one more message's share of it, generously */

static uint16_t peer_port(int fd)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
		struct sockaddr_storage room;
	} peer;
	socklen_t size = sizeof peer;

	if (getpeername(fd, &peer.any, &size) < 0)
		return 0;
	switch (peer.any.sa_family) {
	case AF_INET:
		return ntohs(peer.v4.sin_port);
	case AF_INET6:
		return ntohs(peer.v6.sin6_port);
	default:
		return 0;
	}
}

int socket_list_peers(uint16_t port, struct socket_peers *ret_peers)
{
	DIR *folder = opendir("/proc/self/fd");
	struct socket_peers peers = { .count = 0 };

	if (!folder)
		return -errno;
	for (struct dirent *entry; (entry = readdir(folder)) && peers.count < SOCKET_PEERS_MAX;) {
		int fd = atoi(entry->d_name); /* "." and ".." become 0: at worst looked at twice */

		if (peer_port(fd) == port)
			peers.fds[peers.count++] = fd;
	}
	closedir(folder);
	*ret_peers = peers;
	return 0;
}

static bool lists(const struct socket_peers *peers, int fd)
{
	for (size_t i = 0; i < peers->count; i++)
		if (peers->fds[i] == fd)
			return true;
	return false;
}

int socket_find_new(const struct socket_peers *before, const struct socket_peers *now)
{
	int found = -ENOENT;

	for (size_t i = 0; i < now->count; i++) {
		if (lists(before, now->fds[i]))
			continue;
		if (found >= 0)
			return -ENOTUNIQ;
		found = now->fds[i];
	}
	return found;
}

void socket_prepare(int fd)
{
	int on = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	fcntl(fd, F_SETFD, FD_CLOEXEC);
}

int socket_duplicate(int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);

	return copy < 0 ? -errno : copy;
}

/*
 * The kernel counts each message with its bookkeeping against the buffer, so bytes alone (SIOCOUTQ) say too little: a flood of small
 * ones fills it at a fraction. SO_MEMINFO tells what the kernel itself compares. A buffer with nothing in it takes
 * anything up to the payload limit.
 *
 * Room only grows while nobody else writes, so half of what was found is used up before the kernel is asked again; the other half is for
 * a kernel that is short of memory and shrinks the buffer.
 */
bool socket_has_room(int fd, size_t size, size_t *room_bytes)
{
	uint32_t memory[SK_MEMINFO_VARS];
	socklen_t length = sizeof memory;
	size_t queued, needed = size + size / 16 + BOOKKEEPING_BYTES;

	if (needed <= *room_bytes) {
		*room_bytes -= needed;
		return true;
	}
	*room_bytes = 0;
	if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, memory, &length) < 0 || length < sizeof memory)
		return true; /* the write itself will tell what is wrong */
	queued = memory[SK_MEMINFO_WMEM_QUEUED];
	if (queued + needed < memory[SK_MEMINFO_SNDBUF])
		*room_bytes = (memory[SK_MEMINFO_SNDBUF] - queued - needed) / 2;
	return queued == 0 || queued + needed < memory[SK_MEMINFO_SNDBUF];
}

bool socket_is_choked(int fd)
{
	struct pollfd state = { .fd = fd, .events = POLLIN | POLLOUT };

	return poll(&state, 1, 0) == 1 && state.revents == POLLIN;
}
