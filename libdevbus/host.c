// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * What a program says goes to a memory file and not to a pipe: nobody has to read along, and a program that outlives this process is not
 * ended half-way by a pipe that breaks. The file has its full size from the start and cannot grow, so a chatty program costs
 * no more than that; zeros at its end were not written.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <devbus/devbus.h>
#include <devbus/host.h>

#include "bus.h"
#include "clock.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { OUTPUT_BYTES = 64 << 10, KEPT_FD = 3 };

_Static_assert(DEVBUS_BOOT_ID_SIZE == CLOCK_BOOT_ID_SIZE, "one size of boot ids");

extern char **environ;

struct devbus_program {
	struct devbus *bus;
	pid_t pid;
	int pid_fd, output_fd;
	struct devbus_timer *deadline;
	bool timed_out;
	char name[64];
	devbus_program_handler *handler;
	void *userdata;
};

int devbus_boot_id(const char *file, char ret_boot_id[DEVBUS_BOOT_ID_SIZE])
{
	return clock_boot_id(file, ret_boot_id);
}

static void forget(struct devbus_program *program)
{
	devbus_timer_stop(program->deadline);
	if (program->pid_fd >= 0) {
		devbus_unwatch(program->bus, program->pid_fd);
		close(program->pid_fd);
	}
	if (program->output_fd >= 0)
		close(program->output_fd);
	free(program);
}

/* ---- start */

static int open_output(void)
{
	int fd = memfd_create("output", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, OUTPUT_BYTES) < 0 || fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK) < 0) {
		int r = -errno;

		close(fd);
		return r;
	}
	return fd;
}

static size_t count(const char *const *words)
{
	size_t n = 0;

	while (words && words[n])
		n++;
	return n;
}

static bool is_set_in(const char *const *additions, const char *variable)
{
	size_t name = strcspn(variable, "=") + 1;

	for (; additions && *additions; additions++)
		if (strncmp(*additions, variable, name) == 0)
			return true;
	return false;
}

/* Each name once: shells differ in which of two they take. The caller frees it. */
static char **environment_with(const char *const *additions)
{
	size_t n = count(additions);
	char **all = calloc(n + count((const char *const *)environ) + 1, sizeof *all);

	if (!all)
		return NULL;
	if (n)
		memcpy(all, additions, n * sizeof *all);
	for (char **variable = environ; *variable; variable++)
		if (!is_set_in(additions, *variable))
			all[n++] = *variable;
	return all;
}

/* This process ignores SIGPIPE and may block signals; the program must not inherit that. */
static int set_attributes(posix_spawnattr_t *attributes)
{
	sigset_t none, all;

	sigemptyset(&none);
	sigfillset(&all);
	sigdelset(&all, SIGKILL);
	sigdelset(&all, SIGSTOP);
	posix_spawnattr_setsigmask(attributes, &none);
	posix_spawnattr_setsigdefault(attributes, &all);
	return posix_spawnattr_setflags(
		attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
}

/*
 * Paho's socket has close-on-exec only when it is connected. A program that was started in between would hold the connection open when
 * this process dies, and the broker would not publish the will.
 */
static int close_from(posix_spawn_file_actions_t *files, int fd)
{
#ifdef HAVE_POSIX_SPAWN_FILE_ACTIONS_ADDCLOSEFROM_NP
	return posix_spawn_file_actions_addclosefrom_np(files, fd);
#else
	(void)files, (void)fd;
	return 0;
#endif
}

static int set_files(
	posix_spawn_file_actions_t *files, const struct devbus_program_options *options, int output_fd)
{
	int r = options->input_fd > 0 ? posix_spawn_file_actions_adddup2(files, options->input_fd, 0)
				      : posix_spawn_file_actions_addopen(files, 0, "/dev/null", O_RDONLY, 0);

	if (r == 0)
		r = posix_spawn_file_actions_adddup2(files, output_fd, 1);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(files, output_fd, 2);
	if (r == 0 && options->kept_fd > 0)
		r = posix_spawn_file_actions_adddup2(files, options->kept_fd, KEPT_FD);
	return r == 0 ? close_from(files, options->kept_fd > 0 ? KEPT_FD + 1 : KEPT_FD) : r;
}

static int spawn(struct devbus_program *program, const struct devbus_program_options *options)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	char **environment = environment_with(options->environment);
	int r;

	if (!environment)
		return -ENOMEM;
	posix_spawn_file_actions_init(&files);
	posix_spawnattr_init(&attributes);
	r = set_files(&files, options, program->output_fd);
	if (r == 0)
		r = set_attributes(&attributes);
	if (r == 0)
		r = posix_spawnp(&program->pid, options->words[0], &files, &attributes,
			(char *const *)options->words, environment);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&files);
	free(environment);
	return -r;
}

/* ---- the end */

static char *trim(char *text)
{
	size_t size = strlen(text);

	while (size > 0 && strchr(" \t\r\n", text[size - 1]))
		text[--size] = '\0';
	return text;
}

static void summarize(const struct devbus_program *program, int status, char *said, char *text, size_t size)
{
	char *line = strrchr(trim(said), '\n');
	const char *last = line ? line + 1 : said, *colon = *last ? ": " : "";

	if (program->timed_out)
		snprintf(text, size, "%s: killed, it took too long%s%.200s", program->name, colon, last);
	else if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		snprintf(text, size, "%s: done%s%.200s", program->name, colon, last);
	else if (WIFEXITED(status))
		snprintf(text, size, "%s: exit status %d%s%.200s", program->name, WEXITSTATUS(status), colon,
			last);
	else
		snprintf(text, size, "%s: ended by signal %d%s%.200s", program->name, WTERMSIG(status), colon,
			last);
}

static void tell_end(struct devbus_program *program, int status)
{
	struct devbus_program ended = *program;
	char summary[320];
	char *output = calloc(1, OUTPUT_BYTES + 1);
	char *copy;

	if (output && pread(program->output_fd, output, OUTPUT_BYTES, 0) < 0)
		*output = '\0';
	copy = strdup(output ? output : "");
	summarize(program, status, copy ? copy : (char[1]) { "" }, summary, sizeof summary);
	free(copy);
	forget(program);
	ended.handler(ended.bus,
		&(struct devbus_program_end) {
			.good = WIFEXITED(status) && WEXITSTATUS(status) == 0,
			.timed_out = ended.timed_out,
			.status = status,
			.output = output ? output : "",
			.summary = summary,
		},
		ended.userdata);
	free(output);
}

static void on_end(struct devbus *bus, int fd, uint32_t events, void *userdata)
{
	struct devbus_program *program = userdata;
	int status = 0;
	pid_t pid = waitpid(program->pid, &status, WNOHANG);

	(void)bus, (void)fd, (void)events;
	if (pid == 0 || (pid < 0 && errno == EINTR))
		return;
	tell_end(program, pid < 0 ? 0xff00 : status); /* somebody else reaped it: it counts as failed */
}

static void on_deadline(struct devbus *bus, void *userdata)
{
	struct devbus_program *program = userdata;

	(void)bus;
	program->deadline = NULL;
	program->timed_out = true;
	kill(-program->pid, SIGKILL);
}

static int follow(struct devbus_program *program, uint32_t timeout_ms)
{
	int r;

	program->pid_fd = (int)syscall(SYS_pidfd_open, program->pid, 0);
	if (program->pid_fd < 0)
		return -errno;
	r = devbus_watch(program->bus, program->pid_fd, EPOLLIN, on_end, program);
	if (r == 0 && timeout_ms > 0)
		r = devbus_after(program->bus, timeout_ms, on_deadline, program, &program->deadline);
	return r;
}

int devbus_program_start(
	struct devbus *bus, const struct devbus_program_options *options, struct devbus_program **ret_program)
{
	struct devbus_program *program = calloc(1, sizeof *program);
	const char *slash = strrchr(options->words[0], '/');
	int r;

	if (!program)
		return -ENOMEM;
	*program = (struct devbus_program) {
		.bus = bus, .pid_fd = -1, .handler = options->handler, .userdata = options->userdata
	};
	snprintf(program->name, sizeof program->name, "%s", slash ? slash + 1 : options->words[0]);
	r = program->output_fd = open_output();
	if (r >= 0)
		r = spawn(program, options);
	if (r == 0 && (r = follow(program, options->timeout_ms)) < 0) {
		devbus_program_kill(program);
		return r;
	}
	if (r < 0) {
		forget(program);
		return r;
	}
	*ret_program = program;
	return 0;
}

void devbus_program_kill(struct devbus_program *program)
{
	if (!program)
		return;
	kill(-program->pid, SIGKILL);
	while (waitpid(program->pid, NULL, 0) < 0 && errno == EINTR)
		;
	forget(program);
}

void devbus_program_leave(struct devbus_program *program)
{
	if (program)
		forget(program);
}

bool devbus_clock_synced(const struct devbus *bus)
{
	return !bus_clock_unsynced(bus);
}
