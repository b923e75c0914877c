// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * An HTTP server that misbehaves on request, in a child process on a free loopback port. The path says how:
 *
 *	/good            all of it, with its length
 *	/ranges          the same with an entity tag, and the rest of it on request (RFC 9110, 14)
 *	/flaky           /ranges that breaks off after each 1/11
 *	/changing        /ranges, whose entity tag is another one each time
 *	/no-ranges       /flaky that sends everything each time
 *	/wrong-range     /flaky that sends another part than it was asked for
 *	/pausing         /ranges that sends half at first, and then nothing until the link is closed
 *	/pausing-once    the same; afterwards it has the rest only
 *	/eight           all of it eight times
 *	/unavailable     503 at first, then /good
 *	/endless         all of it, the end told by closing
 *	/cut             half of it, and closing
 *	/stall           half of it, and silence
 *	/moved /away /round   redirects to /good, to a file:// URL, to itself
 *	anything else    404
 */
#ifndef DEVBUS_TEST_FIRMWARE_SERVER_H
#define DEVBUS_TEST_FIRMWARE_SERVER_H

#include "loopback.h"
#include <arpa/inet.h>
#include <check.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct server {
	pid_t pid;
	unsigned port;
};

static void server_send(int fd, const char *data, size_t size)
{
	while (size > 0) {
		ssize_t n = send(fd, data, size, MSG_NOSIGNAL);
		if (n <= 0)
			return;
		data += n;
		size -= (size_t)n;
	}
}

static void server_text(int fd, const char *text)
{
	server_send(fd, text, strlen(text));
}

static void server_length(int fd, size_t size)
{
	char head[128];
	snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n",
		size);
	server_text(fd, head);
}

static char server_request[4096], server_path[256];

static void server_read(int fd)
{
	char *request = server_request;
	size_t size = 0;
	while (size < sizeof(server_request) - 1) {
		ssize_t n = recv(fd, request + size, sizeof(server_request) - 1 - size, 0);
		if (n <= 0)
			break;
		size += (size_t)n;
		request[size] = '\0';
		if (*request == 0x16 || strstr(request, "\r\n\r\n")) /* 0x16: a TLS handshake */
			break;
	}
	request[size] = '\0';
	if (sscanf(request, "%*s %255s", server_path) != 1)
		*server_path = '\0';
}

/* The number behind "Range: bytes=", 0 without; and only if it is the rest of what the server has now (RFC 9110, 13.1.5). */
static size_t server_range(const char *request, const char *tag)
{
	char condition[64];
	const char *range = strstr(request, "Range: bytes=");
	snprintf(condition, sizeof(condition), "If-Range: %s\r\n", tag);
	return range && strstr(request, condition) ? strtoul(range + 13, NULL, 10) : 0;
}

static void server_part(int fd, const char *image, size_t size, size_t first, size_t most, const char *tag)
{
	char head[256];
	if (first > 0)
		snprintf(head, sizeof(head),
			"HTTP/1.1 206 Partial Content\r\nContent-Length: %zu\r\nContent-Range: bytes %zu-%zu/%zu\r\n"
			"ETag: %s\r\nConnection: close\r\n\r\n",
			size - first, first, size - 1, size, tag);
	else
		snprintf(head, sizeof(head),
			"HTTP/1.1 200 OK\r\nContent-Length: %zu\r\nETag: %s\r\nConnection: close\r\n\r\n",
			size, tag);
	server_text(fd, head);
	server_send(fd, image + first, most < size - first ? most : size - first);
}

static void server_wait(int fd)
{
	char nothing[64];
	while (recv(fd, nothing, sizeof(nothing), 0) > 0)
		;
}

static bool server_ranges(int fd, const char *path, const char *request, const char *image, size_t size)
{
	static int times;
	char tag[32] = "\"one\"";
	size_t most = strcmp(path, "/ranges") == 0 ? size : size / 11 + 1;
	if (strcmp(path, "/changing") == 0)
		snprintf(tag, sizeof(tag), "\"%d\"", times++);
	size_t first = server_range(request, tag);
	if (strcmp(path, "/no-ranges") == 0)
		server_part(fd, image, size, 0, ++times < 4 ? size / 4 * (size_t)times : size, tag);
	else if (strcmp(path, "/wrong-range") == 0)
		server_part(fd, image, size, first > 0 ? first - 1 : 0, first > 0 ? most : size / 2, tag);
	else if (strcmp(path, "/changing") == 0)
		server_part(fd, image, size, first, times < 4 ? size / 2 : size, tag);
	else if (strncmp(path, "/pausing", 8) == 0 && (!path[8] || !times || first > 0)) {
		server_part(fd, image, size, first, times++ ? size : size / 2, tag);
		if (times == 1)
			server_wait(fd);
	} else if (strcmp(path, "/ranges") == 0 || strcmp(path, "/flaky") == 0)
		server_part(fd, image, size, first, most, tag);
	else
		return false;
	return true;
}

static void server_redirect(int fd, const char *to)
{
	server_text(fd, "HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: ");
	server_text(fd, to);
	server_text(fd, "\r\n\r\n");
}

static void server_answer(int fd, const char *image, size_t size)
{
	static int refusals;
	const char *path = server_path;
	server_read(fd);
	if (server_ranges(fd, path, server_request, image, size))
		return;
	if (strcmp(path, "/unavailable") == 0) {
		if (refusals++ < 2) {
			server_text(fd, "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n");
			return;
		}
		path = "/good";
	}
	if (strcmp(path, "/good") == 0 || strcmp(path, "/cut") == 0 || strcmp(path, "/stall") == 0)
		server_length(fd, size);
	else if (strcmp(path, "/endless") == 0 || strcmp(path, "/eight") == 0)
		server_text(fd, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
	else if (strcmp(path, "/moved") == 0)
		server_redirect(fd, "/good");
	else if (strcmp(path, "/away") == 0)
		server_redirect(fd, "file:///etc/passwd");
	else if (strcmp(path, "/round") == 0)
		server_redirect(fd, "/round");
	else
		server_text(fd, "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone");
	if (strcmp(path, "/good") == 0 || strcmp(path, "/endless") == 0)
		server_send(fd, image, size);
	for (int i = 0; strcmp(path, "/eight") == 0 && i < 8; i++)
		server_send(fd, image, size);
	if (strcmp(path, "/cut") == 0 || strcmp(path, "/stall") == 0)
		server_send(fd, image, size / 2);
	if (strcmp(path, "/stall") == 0)
		server_wait(fd);
}

static struct server server_start(const char *image, size_t size)
{
	struct sockaddr_in address;
	int listener = listen_on_loopback(&address);
	struct server server = { fork(), ntohs(address.sin_port) };
	ck_assert_int_ge(server.pid, 0);
	while (server.pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		int fd = accept(listener, NULL, NULL);
		server_answer(fd, image, size);
		close(fd);
	}
	close(listener);
	return server;
}

static void server_stop(struct server server)
{
	kill(server.pid, SIGKILL);
	waitpid(server.pid, NULL, 0);
}

#endif
