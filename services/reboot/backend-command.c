// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * The configured program: for init systems that are not systemd, and for whatever a device needs to do. No shell reads the line. It
 * outlives this service, which it may well stop.
 */
#include "backend.h"
#include "words.h"

#include <errno.h>
#include <string.h>

static void on_end(struct devbus *bus, const struct devbus_program_end *end, void *userdata)
{
	struct backends *backends = userdata;
	(void)bus;
	backends->program = NULL;
	if (end->good)
		backend_answer(backends, ANSWER_YES);
	else
		backend_answer(
			backends, backend_say(backends, ANSWER_NO, DEVBUS_E_IO_ERROR, "%s", end->summary));
}

static enum answer check(struct backends *backends)
{
	char *words[WORDS_MAX + 1];
	char text[WORDS_TEXT_SIZE];
	if (words_split(backends->command, text, words) < 0)
		return backend_say(backends, ANSWER_ABSENT, DEVBUS_E_IO_ERROR,
			"the setting command is empty or has more than %d words", WORDS_MAX);
	if (!words_find_program(words[0]))
		return backend_say(backends, ANSWER_ABSENT, DEVBUS_E_IO_ERROR,
			"%s: no such program (setting command)", words[0]);
	return ANSWER_YES;
}

static enum answer run(struct backends *backends)
{
	char *words[WORDS_MAX + 1];
	char text[WORDS_TEXT_SIZE];
	enum answer there = check(backends);
	if (there != ANSWER_YES)
		return there;
	words_split(backends->command, text, words);
	devbus_log(DEVBUS_LOG_INFO, "running: %s", backends->command);
	struct devbus_program_options options = {
		.words = (const char *const *)words, .handler = on_end, .userdata = backends
	};
	int r = devbus_program_start(backends->bus, &options, &backends->program);
	if (r < 0)
		return backend_say(
			backends, ANSWER_NO, DEVBUS_E_IO_ERROR, "%s: %s", backends->command, strerror(-r));
	return ANSWER_LATER;
}

static void stop(struct backends *backends)
{
	devbus_program_leave(backends->program);
	backends->program = NULL;
}

const struct backend backend_command = { "command", check, run, stop };
