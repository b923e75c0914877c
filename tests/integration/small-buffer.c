// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * For LD_PRELOAD: connections with the smallest buffer for sending that the kernel gives, as on a machine that is short of memory. A
 * large payload does not fit in, and whoever writes it waits.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/socket.h>

int connect(int fd, const struct sockaddr *address, socklen_t size)
{
	int (*next)(int, const struct sockaddr *, socklen_t) =
		(int (*)(int, const struct sockaddr *, socklen_t))dlsym(RTLD_NEXT, "connect");
	int least = 1;

	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &least, sizeof least);
	return next(fd, address, size);
}
