// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * Kills a running service when it is about to make its Nth system call from now on, in whichever thread: a point of its life that
 * can be met again, unlike an instant. strace counts each kind of call by itself.
 *
 *   kill-at PID N [visible]    says "ready", later "killed" or "ended". N = 0: never. SIGUSR1: says how many there were so far.
 *
 * With "visible" only calls count that a disk, a peer or the machine could see: many times fewer, and each state that can be left
 * behind is still met.
 */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/ptrace.h> /* after sys/ptrace.h, or the two quarrel */

static volatile sig_atomic_t calls;

static void tell_calls(int number)
{
	char digits[24];
	size_t at = sizeof digits;
	unsigned left = (unsigned)calls;

	(void)number;
	digits[--at] = '\n';
	do
		digits[--at] = (char)('0' + left % 10);
	while (left /= 10);
	if (write(STDOUT_FILENO, digits + at, sizeof digits - at) < 0)
		_exit(1);
}

static void say(const char *word)
{
	puts(word);
	fflush(stdout);
}

/* All its threads; those that come are taken by themselves. */
static int seize(pid_t service)
{
	const long options = PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE;
	char path[64];
	DIR *threads;
	const struct dirent *entry;
	int r = 0;

	snprintf(path, sizeof path, "/proc/%d/task", (int)service);
	threads = opendir(path);
	if (!threads)
		return -errno;
	while (r == 0 && (entry = readdir(threads))) {
		pid_t thread = (pid_t)atoi(entry->d_name);

		if (thread > 0 && (ptrace(PTRACE_SEIZE, thread, NULL, (void *)options) < 0 ||
					  ptrace(PTRACE_INTERRUPT, thread, NULL, NULL) < 0))
			r = -errno;
	}
	closedir(threads);
	return r;
}

static const long visible[] = {
	SYS_write,
	SYS_writev,
	SYS_pwrite64,
	SYS_fsync,
	SYS_fdatasync,
	SYS_ftruncate,
	SYS_sendto,
	SYS_sendmsg,
	SYS_unlinkat,
	SYS_clone,
	SYS_clone3,
	SYS_renameat2,
#ifdef SYS_renameat
	SYS_renameat,
#endif
#ifdef SYS_rename
	SYS_rename,
	SYS_unlink,
	SYS_vfork,
#endif
};
static bool only_visible;

static bool counts(long number)
{
	for (size_t i = 0; only_visible && i < sizeof visible / sizeof visible[0]; i++)
		if (visible[i] == number)
			return true;
	return !only_visible;
}

static bool is_entry(pid_t thread)
{
	struct __ptrace_syscall_info call;

	return ptrace(PTRACE_GET_SYSCALL_INFO, thread, (void *)sizeof call, &call) > 0 &&
	       call.op == PTRACE_SYSCALL_INFO_ENTRY && counts((long)call.entry.nr);
}

/* The signal to go on with. A stop of ours is none. */
static int signal_of(int status)
{
	return status >> 16 || WSTOPSIG(status) == (SIGTRAP | 0x80) ? 0 : WSTOPSIG(status);
}

/* Until it has ended; returns whether that was by us. */
static bool follow(pid_t service, int last)
{
	bool killed = false, ready = false;
	pid_t thread;
	int status;

	while ((thread = waitpid(-1, &status, __WALL)) > 0 || errno == EINTR) {
		if (thread == service && !WIFSTOPPED(status))
			break;
		if (thread < 0 || !WIFSTOPPED(status))
			continue;
		if (!ready)
			say("ready");
		ready = true;
		if (WSTOPSIG(status) == (SIGTRAP | 0x80) && is_entry(thread) && ++calls == last)
			killed = kill(service, SIGKILL) == 0;
		else
			ptrace(PTRACE_SYSCALL, thread, NULL, (void *)(intptr_t)signal_of(status));
	}
	return killed;
}

int main(int argc, char **argv)
{
	const struct sigaction tell = { .sa_handler = tell_calls };
	pid_t service = argc == 3 || argc == 4 ? (pid_t)atoi(argv[1]) : 0;
	int r;

	only_visible = argc == 4 && strcmp(argv[3], "visible") == 0;
	if (service <= 0) {
		fputs("usage: kill-at PID N [visible]\n", stderr);
		return 2;
	}
	sigaction(SIGUSR1, &tell, NULL);
	r = seize(service);
	if (r < 0) {
		fprintf(stderr, "kill-at %s: %s\n", argv[1], strerror(-r));
		return EXIT_FAILURE;
	}
	say(follow(service, atoi(argv[2])) ? "killed" : "ended");
	return EXIT_SUCCESS;
}
