// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
#include "backend.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *const backend_choices[] = { "auto", "logind", "command", "kernel", NULL };

static const struct backend *const all[] = { &backend_logind, &backend_command, &backend_kernel };

enum answer backend_say(
	struct backends *backends, enum answer answer, const char *code, const char *format, ...)
{
	struct devbus_error *error = &backends->error;
	va_list args;
	va_start(args, format);
	snprintf(error->code, sizeof(error->code), "%s", code);
	vsnprintf(error->message, sizeof(error->message), format, args);
	va_end(args);
	return answer;
}

static bool is_chosen(const struct backends *backends, const struct backend *backend)
{
	return strcmp(backends->choice, "auto") == 0 || strcmp(backends->choice, backend->name) == 0;
}

static void finish(struct backends *backends, enum answer answer)
{
	backends_handler *handler = backends->handler;
	struct devbus_error error = backends->error;
	void *userdata = backends->userdata;
	/* None was left: the last one has said why. */
	enum answer told = answer == ANSWER_ABSENT ? ANSWER_NO : answer;
	backends->handler = NULL;
	backends->active = NULL;
	if (handler)
		handler(told, &error, userdata);
}

static void try_next(struct backends *backends)
{
	enum answer answer = ANSWER_ABSENT;
	while (answer == ANSWER_ABSENT && backends->next < sizeof(all) / sizeof(all[0])) {
		const struct backend *backend = all[backends->next++];
		if (!is_chosen(backends, backend))
			continue;
		backends->active = backend;
		answer = backends->running ? backend->run(backends) : backend->check(backends);
		if (answer == ANSWER_ABSENT)
			devbus_log(DEVBUS_LOG_DEBUG, "%s: %s", backend->name, backends->error.message);
	}
	if (answer != ANSWER_LATER)
		finish(backends, answer);
}

void backend_answer(struct backends *backends, enum answer answer)
{
	if (answer == ANSWER_ABSENT)
		try_next(backends);
	else
		finish(backends, answer);
}

static void on_turn(struct devbus *bus, void *userdata)
{
	struct backends *backends = userdata;
	(void)bus;
	backends->turn = NULL;
	try_next(backends);
}

static int begin(struct backends *backends, bool running, backends_handler *handler, void *userdata)
{
	backends_stop(backends);
	backends->running = running;
	backends->next = 0;
	backends->handler = handler;
	backends->userdata = userdata;
	return devbus_after(backends->bus, 1, on_turn, backends, &backends->turn);
}

int backends_check(struct backends *backends, backends_handler *handler, void *userdata)
{
	return begin(backends, false, handler, userdata);
}

int backends_run(struct backends *backends, backends_handler *handler, void *userdata)
{
	return begin(backends, true, handler, userdata);
}

void backends_stop(struct backends *backends)
{
	devbus_timer_stop(backends->turn);
	backends->turn = NULL;
	backends->handler = NULL;
	backends->active = NULL;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (all[i]->stop)
			all[i]->stop(backends);
}

void backends_cancel(struct backends *backends)
{
	devbus_program_kill(backends->program);
	backends->program = NULL;
	backends_stop(backends);
}
