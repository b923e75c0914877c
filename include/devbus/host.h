// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * The machine beneath a service: which boot this is, whether its clock is right, and programs that do what a service does not do itself. A program is run
 * without a shell and without waiting; that it has ended is told by the loop of the bus.
 */
#ifndef DEVBUS_HOST_H
#define DEVBUS_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct devbus;

/* A boot id: a UUID, or where boots are simulated 1..36 of [0-9A-Za-z-]; with the NUL. */
#define DEVBUS_BOOT_ID_SIZE 37

/*
 * Another word after each boot: the first line of @file (NULL: /proc/sys/kernel/random/boot_id, random(4)). From any thread.
 * Returns 0, -EBADMSG (no such word in it) or a negative errno of reading.
 */
int devbus_boot_id(const char *file, char ret_boot_id[DEVBUS_BOOT_ID_SIZE]);

/* A program that runs: until its handler is called, or devbus_program_kill(). */
struct devbus_program;

/* How it ended. Everything is borrowed until the handler returns. */
struct devbus_program_end {
	bool good; /* exit status 0 */
	bool timed_out; /* it was killed after timeout_ms */
	int status; /* as of waitpid(2) */
	const char
		*output; /* the first 64 KiB of what it wrote to standard output and error, NUL-terminated */
	const char *summary; /* one line for people: how it ended and the last line of what it wrote */
};

typedef void devbus_program_handler(struct devbus *bus, const struct devbus_program_end *end, void *userdata);

struct devbus_program_options {
	const char *const
		*words; /* the program, searched in PATH if it has no slash, and arguments; then NULL */
	const char *const *
		environment; /* NAME=VALUE, beside or instead of those of this process, then NULL; NULL: none */
	int input_fd; /* standard input, at the offset that it has; borrowed during the call. 0: /dev/null */
	int kept_fd; /* is fd 3 of the program and its children, such as a lock; borrowed during the call. 0: none */
	uint32_t timeout_ms; /* then it is killed; 0: never */
	devbus_program_handler *handler; /* called exactly once, never from inside devbus_program_start() */
	void *userdata;
};

/*
 * Starts it in a session of its own, signals as after exec of a fresh process, with no other fds than those above (before glibc 2.34 also with
 * those that lack FD_CLOEXEC). Needs pidfd_open(2), Linux 5.3. What it writes beyond 64 KiB is an error for it. Returns 0, -ENOENT, -EACCES,
 * -ENOSYS or another negative errno; after a failure the handler is not called.
 */
int devbus_program_start(struct devbus *bus, const struct devbus_program_options *options,
	struct devbus_program **ret_program);

/* SIGKILL for it and its children, as far as they stayed in its session; the handler is not called. NULL is fine. */
void devbus_program_kill(struct devbus_program *program);

/*
 * Lets it run on, alone: the handler is not called. For what must outlive the service, such as the program that stops it. Before devbus_close().
 * NULL is fine.
 */
void devbus_program_leave(struct devbus_program *program);

/* Whether the wall clock can be trusted now (setting clock_sync; protocol 2.2). */
bool devbus_clock_synced(const struct devbus *bus);

#ifdef __cplusplus
}
#endif
#endif
