// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * The program gets a session of its own, so that it can be killed with all that it started, and signals as at the start of a
 * process: the thread that starts it has them all blocked.
 */
#include "exec.h"
#include "attribute.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define OUTPUT_SIZE 256

extern char **environ;

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void set_attributes(posix_spawnattr_t *attributes)
{
	sigset_t none, all;

	sigemptyset(&none);
	sigfillset(&all);
	sigdelset(&all, SIGKILL);
	sigdelset(&all, SIGSTOP);
	posix_spawnattr_setsigmask(attributes, &none);
	posix_spawnattr_setsigdefault(attributes, &all);
	posix_spawnattr_setflags(
		attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
}

static int start(const struct source *source, int output, pid_t *ret_pid)
{
	char *const words[] = { (char *)source->path, (char *)source->attribute, NULL };
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;

	if (posix_spawn_file_actions_init(&files) != 0)
		return -ENOMEM;
	if (posix_spawnattr_init(&attributes) != 0) {
		posix_spawn_file_actions_destroy(&files);
		return -ENOMEM;
	}
	set_attributes(&attributes);
	int r = posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);

	if (r == 0)
		r = posix_spawn_file_actions_adddup2(&files, output, 1);
	if (r == 0)
		r = posix_spawn(ret_pid, source->path, &files, &attributes, words, environ);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&files);
	return -r;
}

/* What it prints until it closes its output or time is up; what is too much is thrown away. 0 or -ETIMEDOUT. */
static int collect(int fd, int64_t until_ms, char text[OUTPUT_SIZE])
{
	struct pollfd output = { .fd = fd, .events = POLLIN };
	size_t length = 0;
	char more[OUTPUT_SIZE];

	for (;;) {
		int64_t left_ms = until_ms - now_ms();

		if (left_ms <= 0 || poll(&output, 1, (int)left_ms) == 0)
			return -ETIMEDOUT;
		ssize_t n = read(fd, more, sizeof more);

		if (n <= 0)
			break;
		for (ssize_t i = 0; i < n && length < OUTPUT_SIZE - 1; i++)
			text[length++] = more[i];
	}
	text[length] = '\0';
	return 0;
}

/* Its end; one that only closed its output has as long as there is time. */
static int wait_for(pid_t pid, int64_t until_ms, int *ret_status)
{
	while (waitpid(pid, ret_status, WNOHANG) == 0) {
		if (now_ms() >= until_ms)
			return -ETIMEDOUT;
		nanosleep(&(struct timespec) { .tv_nsec = 2000000 }, NULL);
	}
	return 0;
}

static int judge(const char *text, int status, double *ret_value)
{
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return -ECHILD;
	return attribute_parse_number(text + strspn(text, " \t\n"), ret_value);
}

int exec_read(int root, const struct source *source, double *ret_value)
{
	char text[OUTPUT_SIZE];
	int64_t until_ms = now_ms() + source->timeout_ms;
	int pipe_fds[2], status = 0;
	pid_t pid;

	(void)root;
	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return -errno;
	int r = start(source, pipe_fds[1], &pid);

	close(pipe_fds[1]);
	if (r == 0) {
		r = collect(pipe_fds[0], until_ms, text);
		if (r == 0)
			r = wait_for(pid, until_ms, &status);
		if (r < 0) {
			kill(-pid, SIGKILL);
			while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
				;
		}
	}
	close(pipe_fds[0]);
	return r < 0 ? r : judge(text, status, ret_value);
}
