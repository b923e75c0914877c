// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * An HTTP server that misbehaves on request, in a child process on a free loopback port. The path says how:
 *
 *	/good            all of it, with its length
 *	/endless         all of it, the end told by closing
 *	/cut             half of it, and closing
 *	/stall           half of it, and silence
 *	/moved /away /round   redirects to /good, to a file:// URL, to itself
 *	anything else    404
 */
#ifndef DEVBUS_TEST_FIRMWARE_SERVER_H
#define DEVBUS_TEST_FIRMWARE_SERVER_H

#include <arpa/inet.h>
#include <check.h>
#include <signal.h>
#include <stdio.h>
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

/* Returns the path of the request, in a static buffer. */
static const char *server_read(int fd)
{
	static char request[4096];
	size_t size = 0;
	while (size < sizeof(request) - 1) {
		ssize_t n = recv(fd, request + size, sizeof(request) - 1 - size, 0);
		if (n <= 0)
			break;
		size += (size_t)n;
		request[size] = '\0';
		if (*request == 0x16 || strstr(request, "\r\n\r\n")) /* 0x16: a TLS handshake */
			break;
	}
	request[size] = '\0';
	strtok(request, " ");
	const char *path = strtok(NULL, " ");
	return path ? path : "";
}

static void server_redirect(int fd, const char *to)
{
	server_text(fd, "HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: ");
	server_text(fd, to);
	server_text(fd, "\r\n\r\n");
}

static void server_answer(int fd, const char *image, size_t size)
{
	const char *path = server_read(fd);
	if (strcmp(path, "/good") == 0 || strcmp(path, "/cut") == 0 || strcmp(path, "/stall") == 0)
		server_length(fd, size);
	else if (strcmp(path, "/endless") == 0)
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
	if (strcmp(path, "/cut") == 0 || strcmp(path, "/stall") == 0)
		server_send(fd, image, size / 2);
	if (strcmp(path, "/stall") == 0)
		pause();
}

static struct server server_start(const char *image, size_t size)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	ck_assert_int_eq(listen(listener, 8), 0);
	ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&address, &length), 0);
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
