// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* What an object of Paho keeps from one connection to the next, at a broker that hangs up when it likes. */
#include "loopback.h"
#include "paho.h"
#include "unit.h"
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CONNECT = 0x10, SUBSCRIBE = 0x82 };

static void send_to(int client, const char *bytes, size_t size)
{
	if (write(client, bytes, size) != (ssize_t)size)
		_exit(1);
}

/* Reads up to the packet that begins with @type; false: the client has hung up. None is longer than 127 bytes. */
static bool read_until(int client, unsigned char type)
{
	unsigned char packet[2 + 127] = { 0 };

	do
		if (recv(client, packet, 2, MSG_WAITALL) != 2 ||
			recv(client, packet + 2, packet[1], MSG_WAITALL) != packet[1])
			return false;
	while (packet[0] != type);
	return true;
}

/* Acknowledges two messages of the first connection in place of its subscription, and hangs up; is silent on the second one. */
static void serve(int listener)
{
	static const char connack[] = "\x20\x03\0\0\0", pubacks[] = "\x40\x02\0\x01\x40\x02\0\x02";
	int client = accept(listener, NULL, NULL);

	read_until(client, CONNECT);
	send_to(client, connack, sizeof connack - 1);
	read_until(client, SUBSCRIBE);
	send_to(client, pubacks, sizeof pubacks - 1);
	close(client);
	client = accept(listener, NULL, NULL);
	read_until(client, CONNECT);
	send_to(client, connack, sizeof connack - 1);
	read_until(client, 0);
	_exit(0);
}

static uint16_t start_broker(pid_t *ret_pid)
{
	struct sockaddr_in address;
	int listener = listen_on_loopback(&address);

	*ret_pid = fork();
	if (*ret_pid == 0)
		serve(listener);
	close(listener);
	return ntohs(address.sin_port);
}

/* Numbers begin anew with a clean session: one from before would be taken for the acknowledgement of a message of this connection. */
START_TEST(test_acknowledgements_end_with_the_connection)
{
	const struct link_message message = { .topic = "a", .payload = "", .qos = 1 };
	pid_t broker;
	const struct link_options options = { .host = "127.0.0.1",
		.port = start_broker(&broker),
		.client_id = "unit",
		.keepalive_s = 60,
		.connect_timeout_s = 20,
		.clean = true };
	struct paho_acknowledgement acknowledgement;
	struct paho *paho = NULL;
	char reason[PAHO_REASON_SIZE];
	uint32_t token;

	ck_assert_int_eq(paho_connect(&paho, &options, reason), 0);
	for (uint32_t i = 1; i <= 2; i++) {
		ck_assert_int_eq(paho_publish(paho, &message, true, &token), 0);
		ck_assert_uint_eq(token, i);
	}
	ck_assert_int_eq(paho_subscribe(paho, &(struct link_filter) { .filter = "b", .id = 1 }), -EIO);
	ck_assert(!paho_connected(paho));
	ck_assert_int_eq(paho_connect(&paho, &options, reason), 0);
	ck_assert(!paho_take_acknowledgement(paho, &acknowledgement));
	paho_free(paho);
	ck_assert_int_eq(waitpid(broker, NULL, 0), broker);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("paho");
	TCase *all = tcase_create("paho");

	tcase_set_timeout(all, 60);
	tcase_add_test(all, test_acknowledgements_end_with_the_connection);
	suite_add_tcase(suite, all);
	return unit_main(suite);
}
