// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * What Paho C does not offer for its own socket: which one it is, TCP_NODELAY, close-on-exec, and whether a write
 * would have to wait.
 */
#ifndef DEVBUS_INTERNAL_SOCKET_H
#define DEVBUS_INTERNAL_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SOCKET_PEERS_MAX = 64 };

/* The process's sockets whose peer has @port. */
struct socket_peers {
	int fds[SOCKET_PEERS_MAX];
	size_t count;
};

/* Lists them. 0 or the negative errno of reading /proc/self/fd. */
int socket_list_peers(uint16_t port, struct socket_peers *ret_peers);

/* The one in @now that is not in @before; -ENOENT: none, -ENOTUNIQ: several. */
int socket_find_new(const struct socket_peers *before, const struct socket_peers *now);

/* TCP_NODELAY, so that small messages do not wait for acknowledgements, and FD_CLOEXEC. */
void socket_prepare(int fd);

/* Another descriptor of the same socket, for epoll: Paho closes its own inside its functions. A negative errno. */
int socket_duplicate(int fd);

/*
 * Whether a message of @size bytes can be written without waiting. @room_bytes is what is left of the room that was found earlier, and the
 * caller's to keep: 0 after anything else was written. It is 0 afterwards when the message is larger than the buffer, so that writing it waits.
 */
bool socket_has_room(int fd, size_t size, size_t *room_bytes);

/* Whether there is something to read but no room to write: Paho then reads nothing. */
bool socket_is_choked(int fd);

#endif
