// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * What the program says goes to a memory file and not to a pipe: a pipe breaks when this service is stopped,
 * which is just what a reboot does, and the write error or SIGPIPE could then end the program half-way. The file
 * cannot grow, so a chatty program costs nothing.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "program.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define OUTPUT_BYTES 4096
#define BLANKS " \t\r\n"

extern char **environ;

struct program {
	pid_t pid; /* 0: reaped */
	int output_fd;
	char words[]; /* copy of the line, cut */
};

int program_split(char *text, char *ret_words[PROGRAM_WORDS_MAX + 1])
{
	int count = 0;
	for (text += strspn(text, BLANKS); *text; text += strspn(text, BLANKS)) {
		if (count == PROGRAM_WORDS_MAX)
			return -EINVAL;
		ret_words[count++] = text;
		text += strcspn(text, BLANKS);
		if (*text)
			*text++ = '\0';
	}
	ret_words[count] = NULL;
	return count > 0 ? count : -EINVAL;
}

static int open_output(void)
{
	int fd = memfd_create("output", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return -errno;
	if (ftruncate(fd, OUTPUT_BYTES) < 0 || fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK) < 0) {
		int error = errno;
		close(fd);
		return -error;
	}
	return fd;
}

/* The service ignores SIGPIPE; the program must not inherit that. Blocked is nothing: see devbus_run(). */
static int set_attributes(posix_spawnattr_t *attributes)
{
	sigset_t all;
	sigfillset(&all);
	sigdelset(&all, SIGKILL);
	sigdelset(&all, SIGSTOP);
	posix_spawnattr_setsigdefault(attributes, &all);
	return posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
}

static int spawn(struct program *program, char *const words[])
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	if (posix_spawn_file_actions_init(&files) != 0)
		return -ENOMEM;
	if (posix_spawnattr_init(&attributes) != 0) {
		posix_spawn_file_actions_destroy(&files);
		return -ENOMEM;
	}
	int r = posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(&files, program->output_fd, 1);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(&files, program->output_fd, 2);
	if (r == 0)
		r = set_attributes(&attributes);
	if (r == 0)
		r = posix_spawnp(&program->pid, words[0], &files, &attributes, words, environ);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&files);
	return -r;
}

int program_start(const char *line, struct program **ret_program)
{
	char *words[PROGRAM_WORDS_MAX + 1];
	size_t size = strlen(line) + 1;
	struct program *program = calloc(1, sizeof(*program) + size);
	if (!program)
		return -ENOMEM;
	memcpy(program->words, line, size);
	program->output_fd = -1;
	int r = program_split(program->words, words);
	if (r >= 0)
		r = program->output_fd = open_output();
	if (r >= 0)
		r = spawn(program, words);
	if (r < 0) {
		program_free(program);
		return r;
	}
	*ret_program = program;
	return 0;
}

int program_poll(struct program *program, int *ret_status)
{
	pid_t pid = waitpid(program->pid, ret_status, WNOHANG);
	if (pid == 0 || (pid < 0 && errno == EINTR))
		return 0;
	if (pid < 0)
		*ret_status = -1;
	program->pid = 0;
	return 1;
}

void program_describe(const struct program *program, int status, char *text, size_t size)
{
	char said[200];
	ssize_t n = pread(program->output_fd, said, sizeof(said) - 1, 0);
	said[n > 0 ? n : 0] = '\0';
	said[strcspn(said, "\r\n")] = '\0';
	const char *name = program->words + strspn(program->words, BLANKS);
	const char *colon = *said ? ": " : "";
	if (WIFEXITED(status))
		snprintf(text, size, "%s: exit status %d%s%s", name, WEXITSTATUS(status), colon, said);
	else if (WIFSIGNALED(status))
		snprintf(text, size, "%s: ended by signal %d%s%s", name, WTERMSIG(status), colon, said);
	else
		snprintf(text, size, "%s: ended, nobody knows how%s%s", name, colon, said);
}

void program_stop(struct program *program)
{
	if (program->pid > 0)
		kill(-program->pid, SIGTERM);
}

void program_free(struct program *program)
{
	if (!program)
		return;
	if (program->output_fd >= 0)
		close(program->output_fd);
	free(program);
}
