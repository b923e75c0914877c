// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* The wait is a poll of 200 ms: it is rare, and a lock in the loop would stop the service. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "hook.h"
#include "reason.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define LOCK_POLL_MS 200

struct hook {
	struct devbus *bus;
	struct hook_options options;
	char path[PATH_MAX];
	int lock_fd;
	uint64_t waited_ms;
	struct devbus_timer *poll;
	struct devbus_program *program;
};

void hook_free(struct hook *hook)
{
	if (!hook)
		return;
	devbus_timer_stop(hook->poll);
	devbus_program_kill(hook->program);
	if (hook->lock_fd >= 0)
		close(hook->lock_fd);
	free(hook);
}

static void finish(struct hook *hook, const struct devbus_error *error, const char *output)
{
	struct hook_options options = hook->options;
	hook_free(hook);
	options.done(options.userdata, error, output);
}

static void on_end(struct devbus *bus, const struct devbus_program_end *end, void *userdata)
{
	struct hook *hook = userdata;
	struct devbus_error error;
	(void)bus;
	hook->program = NULL;
	if (!end->good)
		reason_set(&error, -EIO, end->timed_out ? DEVBUS_E_TIMEOUT : DEVBUS_E_IO_ERROR, "hook %s",
			end->summary);
	finish(hook, end->good ? NULL : &error, end->output);
}

static int run(struct hook *hook)
{
	const struct hook_options *options = &hook->options;
	const char *words[] = { hook->path, options->argument, NULL };
	struct devbus_program_options program = {
		.words = words,
		.environment = options->environment,
		.input_fd = options->input_fd,
		.kept_fd = hook->lock_fd,
		.timeout_ms = options->timeout_s * 1000,
		.handler = on_end,
		.userdata = hook,
	};
	return devbus_program_start(hook->bus, &program, &hook->program);
}

static void on_poll(struct devbus *bus, void *userdata)
{
	struct hook *hook = userdata;
	struct devbus_error error;
	(void)bus;
	hook->waited_ms += LOCK_POLL_MS;
	if (flock(hook->lock_fd, LOCK_EX | LOCK_NB) < 0) {
		if (hook->waited_ms < (uint64_t)hook->options.timeout_s * 1000)
			return;
		reason_set(&error, -EBUSY, DEVBUS_E_TIMEOUT, "a hook of before is still at work");
		finish(hook, &error, "");
		return;
	}
	devbus_timer_stop(hook->poll);
	hook->poll = NULL;
	int r = run(hook);
	if (r < 0) {
		reason_set(&error, r, DEVBUS_E_IO_ERROR, "hook %s: %s", hook->path, strerror(-r));
		finish(hook, &error, "");
	}
}

static int lock_and_run(struct hook *hook)
{
	hook->lock_fd = open(hook->options.lock_file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (hook->lock_fd < 0)
		return -errno;
	if (flock(hook->lock_fd, LOCK_EX | LOCK_NB) == 0)
		return run(hook);
	devbus_log(DEVBUS_LOG_WARNING, "a hook of before is still at work: %s waits", hook->options.name);
	return devbus_every(hook->bus, LOCK_POLL_MS, on_poll, hook, &hook->poll);
}

int hook_start(struct devbus *bus, const struct hook_options *options, struct hook **ret_hook)
{
	struct hook *hook = calloc(1, sizeof(*hook));
	if (!hook)
		return -ENOMEM;
	*hook = (struct hook) { .bus = bus, .options = *options, .lock_fd = -1 };
	int n = snprintf(hook->path, sizeof(hook->path), "%s/%s", options->folder, options->name);
	int r = n >= (int)sizeof(hook->path) ? -ENAMETOOLONG : lock_and_run(hook);
	if (r < 0) {
		hook_free(hook);
		return r;
	}
	*ret_hook = hook;
	return 0;
}
