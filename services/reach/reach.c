// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* Name and TCP. The name is asked for beside this thread, since getaddrinfo(3) waits for as long as it likes. */
#include "reach.h"
#include "words.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct reach_question {
	struct reach_question *next;
	struct gaicb request;
	struct addrinfo hints;
	struct bridge_address address;
};

int64_t reach_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int reach_fail(struct reach *reach, int error, const char *text)
{
	snprintf(reach->trouble, sizeof reach->trouble, "%s:%s: %s", reach->address->host,
		reach->address->port, text);
	return error;
}

int reach_wait(const struct reach *reach, short events, int64_t deadline_ms)
{
	struct pollfd poll_fd = { .fd = reach->fd, .events = events };
	int64_t left_ms;

	while ((left_ms = deadline_ms - reach_now_ms()) > 0) {
		int r = poll(&poll_fd, 1, (int)left_ms);

		if (r > 0)
			return 0;
		if (r < 0 && errno != EINTR)
			return -errno;
	}
	return -ETIMEDOUT;
}

void reach_begin(struct reach *reach, const struct bridge_conf *conf, uint32_t timeout_ms)
{
	*reach = (struct reach) { .conf = conf, .timeout_ms = timeout_ms, .fd = -1 };
}

void reach_choose(struct reach *reach, const struct bridge_address *address)
{
	reach_close(reach);
	reach->address = address;
}

/* ---- the name */

static bool is_under_way(struct reach_question *question)
{
	return gai_error(&question->request) == EAI_INPROGRESS;
}

/* One that is under way cannot be taken back: it stays until it has its answer. */
static void drop_answered(struct reach *reach)
{
	struct reach_question **link = &reach->questions, *question;

	reach->found_addresses = NULL;
	while ((question = *link)) {
		if (is_under_way(question)) {
			link = &question->next;
			continue;
		}
		*link = question->next;
		if (question->request.ar_result)
			freeaddrinfo(question->request.ar_result);
		free(question);
	}
}

static struct reach_question *find_question(const struct reach *reach)
{
	struct reach_question *question = reach->questions;

	while (question && (strcmp(question->address.host, reach->address->host) != 0 ||
				   strcmp(question->address.port, reach->address->port) != 0))
		question = question->next;
	return question;
}

/* Returns 0 or what getaddrinfo(3) returns. */
static int ask(struct reach *reach, struct reach_question **ret_question)
{
	struct reach_question *question = calloc(1, sizeof *question);
	struct gaicb *list[1];
	int code;

	if (!question)
		return EAI_MEMORY;
	question->address = *reach->address;
	question->hints = (struct addrinfo) { .ai_socktype = SOCK_STREAM };
	question->request.ar_name = question->address.host;
	question->request.ar_service = question->address.port;
	question->request.ar_request = &question->hints;
	list[0] = &question->request;
	code = getaddrinfo_a(GAI_NOWAIT, list, 1, NULL);
	if (code != 0) {
		free(question);
		return code;
	}
	question->next = reach->questions;
	reach->questions = *ret_question = question;
	return 0;
}

static int wait_for_answer(const struct reach *reach, struct reach_question *question)
{
	const struct gaicb *list[] = { &question->request };
	int64_t deadline_ms = reach_now_ms() + reach->timeout_ms, left_ms;

	while (is_under_way(question) && (left_ms = deadline_ms - reach_now_ms()) > 0) {
		struct timespec left = { .tv_sec = left_ms / 1000, .tv_nsec = left_ms % 1000 * 1000000 };

		gai_suspend(list, 1, &left);
	}
	return gai_error(&question->request);
}

static void tell_addresses(struct reach *reach)
{
	char numeric[INET6_ADDRSTRLEN] = "";
	int count = 0;

	for (const struct addrinfo *found = reach->found_addresses; found; found = found->ai_next)
		count++;
	getnameinfo(reach->found_addresses->ai_addr, reach->found_addresses->ai_addrlen, numeric,
		sizeof numeric, NULL, 0, NI_NUMERICHOST);
	if (count == 1)
		snprintf(reach->found, sizeof reach->found, "%s", numeric);
	else
		snprintf(reach->found, sizeof reach->found, "%s and %d more", numeric, count - 1);
}

int reach_resolve(struct reach *reach)
{
	struct reach_question *question;
	int code = 0;

	drop_answered(reach);
	question = find_question(reach);
	if (!question)
		code = ask(reach, &question);
	if (code == 0)
		code = wait_for_answer(reach, question);
	if (code == EAI_INPROGRESS)
		return reach_fail(reach, -ETIMEDOUT, words_resolver(EAI_AGAIN, 0));
	if (code != 0)
		return reach_fail(reach, -EHOSTUNREACH, words_resolver(code, errno));
	reach->found_addresses = question->request.ar_result;
	tell_addresses(reach);
	return 0;
}

/* ---- TCP */

static int finish_connect(struct reach *reach)
{
	int error = 0;
	socklen_t size = sizeof error;
	int r = reach_wait(reach, POLLOUT, reach_now_ms() + reach->timeout_ms);

	if (r < 0)
		return r;
	if (getsockopt(reach->fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
		return -errno;
	return -error;
}

static int connect_to(struct reach *reach, const struct addrinfo *to)
{
	int r = 0;

	reach->fd = socket(to->ai_family, to->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, to->ai_protocol);
	if (reach->fd < 0)
		return -errno;
	if (connect(reach->fd, to->ai_addr, to->ai_addrlen) < 0)
		r = errno == EINPROGRESS ? finish_connect(reach) : -errno;
	if (r < 0) {
		close(reach->fd);
		reach->fd = -1;
	}
	return r;
}

/* The addresses of a name one after the other, as a bridge that tries again and again meets them. */
int reach_connect(struct reach *reach)
{
	int r = -EHOSTUNREACH;

	for (const struct addrinfo *to = reach->found_addresses; to; to = to->ai_next) {
		r = connect_to(reach, to);
		if (r < 0)
			continue;
		getnameinfo(to->ai_addr, to->ai_addrlen, reach->found, sizeof reach->found, NULL, 0,
			NI_NUMERICHOST);
		return 0;
	}
	return reach_fail(reach, r, words_tcp(-r));
}

void reach_close(struct reach *reach)
{
	SSL_free(reach->ssl);
	SSL_CTX_free(reach->context);
	if (reach->fd >= 0)
		close(reach->fd);
	reach->ssl = NULL;
	reach->context = NULL;
	reach->fd = -1;
	reach->asked_for_certificate = false;
	reach->found[0] = reach->trouble[0] = '\0';
}

void reach_end(struct reach *reach)
{
	reach_close(reach);
	drop_answered(reach);
}
