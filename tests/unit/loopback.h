// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* For tests that need the other end of a real socket: a port that nobody else has. */
#ifndef TESTS_LOOPBACK_H
#define TESTS_LOOPBACK_H

#include <check.h>
#include <netinet/in.h>
#include <sys/socket.h>

static inline int listen_on_loopback(struct sockaddr_in *ret_address)
{
	socklen_t size = sizeof *ret_address;
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	*ret_address =
		(struct sockaddr_in) { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	ck_assert_int_eq(bind(listener, (struct sockaddr *)ret_address, size), 0);
	ck_assert_int_eq(listen(listener, 8), 0);
	ck_assert_int_eq(getsockname(listener, (struct sockaddr *)ret_address, &size), 0);
	return listener;
}

#endif
