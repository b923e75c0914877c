// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* Room in a socket: never more is believed than the kernel has, and it is seldom asked. */
#include "loopback.h"
#include "socket.h"
#include "unit.h"
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MESSAGE_BYTES = 300 };

static int ours, theirs;

static void connect_both(void)
{
	struct sockaddr_in address;
	int listener = listen_on_loopback(&address);

	ours = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(connect(ours, (struct sockaddr *)&address, sizeof address), 0);
	theirs = accept(listener, NULL, NULL);
	ck_assert_int_ge(theirs, 0);
	ck_assert_int_eq(fcntl(ours, F_SETFL, O_NONBLOCK), 0);
	close(listener);
}

static void close_both(void)
{
	close(ours);
	close(theirs);
}

/* Nobody reads: each message that is said to have room must have it, to the last one. */
START_TEST(test_room_is_there)
{
	static const char message[MESSAGE_BYTES];
	size_t room_bytes = 0, sent = 0;

	connect_both();
	while (socket_has_room(ours, sizeof message, &room_bytes)) {
		ck_assert_int_eq(write(ours, message, sizeof message), sizeof message);
		sent++;
	}
	ck_assert_uint_gt(sent, 1);
	ck_assert_uint_eq(room_bytes, 0);
	close_both();
}
END_TEST

/* No kernel to ask here: while there is room left, none is asked. */
START_TEST(test_room_is_used_up)
{
	size_t room_bytes = 20000, before = room_bytes;

	ck_assert(socket_has_room(-1, MESSAGE_BYTES, &room_bytes));
	ck_assert_uint_lt(room_bytes, before - MESSAGE_BYTES);
	ck_assert_uint_gt(room_bytes, 0);
	ck_assert(socket_has_room(-1, before, &room_bytes)); /* "the write itself will tell" */
	ck_assert_uint_eq(room_bytes, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("socket");
	TCase *all = tcase_create("socket");

	tcase_add_test(all, test_room_is_there);
	tcase_add_test(all, test_room_is_used_up);
	suite_add_tcase(suite, all);
	return unit_main(suite);
}
