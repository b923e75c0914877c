// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
#include "broker.h"
#include "torture.h"
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* MQTT 5.0, table 2-1 */
enum { CONNECT = 1, PUBLISH = 3, SUBSCRIBE = 8, UNSUBSCRIBE = 10, PINGREQ = 12, DISCONNECT = 14 };

struct packet {
	uint8_t type, flags, body[4096];
	size_t size;
};

struct broker_seen *broker_seen;
static pid_t broker;

static bool get(int fd, uint8_t *bytes, size_t size)
{
	for (ssize_t got; size > 0; bytes += got, size -= (size_t)got)
		if ((got = read(fd, bytes, size)) <= 0)
			return false;
	return true;
}

static void put(int fd, const void *bytes, size_t size)
{
	if (write(fd, bytes, size) < 0)
		_exit(EXIT_SUCCESS); /* they have gone */
}

static bool get_packet(int fd, struct packet *packet)
{
	uint8_t byte;

	if (!get(fd, &byte, 1))
		return false;
	packet->type = byte >> 4;
	packet->flags = byte & 15;
	packet->size = 0;
	for (int shift = 0; get(fd, &byte, 1); shift += 7) {
		packet->size |= (size_t)(byte & 127) << shift;
		if (byte < 128)
			return packet->size <= sizeof packet->body && get(fd, packet->body, packet->size);
	}
	return false;
}

/* SUBACK and UNSUBACK: granted with QoS 1. */
static void grant(int fd, uint8_t type, const struct packet *packet)
{
	static const uint8_t message[] = { 0x30, 8, 0, 3, 'x', '/', '1', 0, '{', '}' };
	const uint8_t granted[] = { type, 4, packet->body[0], packet->body[1], 0, type == 0x90 };

	put(fd, granted, sizeof granted);
	if (type == 0x90 && packet->size > 6 && memcmp(packet->body + packet->size - 4, "x/+", 3) == 0)
		put(fd, message, sizeof message);
}

static void acknowledge(int fd, const struct packet *packet)
{
	size_t id = 2 + ((size_t)packet->body[0] << 8) + packet->body[1];

	broker_seen->publishes++;
	if (packet->flags & 6)
		put(fd, (const uint8_t[]) { 0x40, 2, packet->body[id], packet->body[id + 1] }, 4);
}

static bool answer(int fd, const struct packet *packet)
{
	switch (packet->type) {
	case CONNECT:
		broker_seen->connects++;
		put(fd, (const uint8_t[]) { 0x20, 3, 0, 0, 0 }, 5);
		break;
	case PUBLISH:
		acknowledge(fd, packet);
		break;
	case SUBSCRIBE:
		grant(fd, 0x90, packet);
		break;
	case UNSUBSCRIBE:
		grant(fd, 0xb0, packet);
		break;
	case PINGREQ:
		put(fd, (const uint8_t[]) { 0xd0, 0 }, 2);
		break;
	case DISCONNECT:
		broker_seen->farewells++;
		return false;
	}
	return true;
}

static void serve(int listener)
{
	static struct packet packet;

	for (int fd; (fd = accept(listener, NULL, NULL)) >= 0; close(fd)) {
		if (fork() != 0)
			continue;
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		while (get_packet(fd, &packet) && answer(fd, &packet))
			;
		_exit(EXIT_SUCCESS);
	}
}

uint16_t broker_start(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof address;
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (!broker_seen)
		broker_seen = mmap(
			NULL, sizeof *broker_seen, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	broker_seen->connects = broker_seen->farewells = broker_seen->publishes = 0;
	hold(bind(listener, (struct sockaddr *)&address, size) == 0 && listen(listener, 8) == 0);
	hold(getsockname(listener, (struct sockaddr *)&address, &size) == 0);
	broker = fork();
	if (broker == 0) {
		signal(SIGPIPE, SIG_IGN);
		signal(SIGCHLD, SIG_IGN); /* one process for each connection, nobody waits for */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		serve(listener);
		_exit(EXIT_SUCCESS);
	}
	close(listener);
	hold(broker > 0);
	return ntohs(address.sin_port);
}

void broker_stop(void)
{
	kill(broker, SIGKILL);
	waitpid(broker, NULL, 0);
}
