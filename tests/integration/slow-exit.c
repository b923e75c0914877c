// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * For LD_PRELOAD: a program that takes its time to exit, so that its other threads run on after everybody has cleaned up. It makes the file
 * $SLOW_EXIT when it is that far, and waits until that is gone again. Only a program of devbus does, not those of the script that libtool puts before it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { WAIT_MAX_MS = 20000 };

__attribute__((destructor)) static void wait_for_leave(void)
{
	const struct timespec one_ms = { .tv_nsec = 1000000 };
	const char *path = getenv("SLOW_EXIT");
	bool ours = strstr(program_invocation_short_name, "devbus");
	int fd = ours && path ? open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600) : -1;

	if (fd < 0)
		return;
	close(fd);
	for (int i = 0; i < WAIT_MAX_MS && access(path, F_OK) == 0; i++)
		nanosleep(&one_ms, NULL);
}
