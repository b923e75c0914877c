// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* The program that reboots the device: run without a shell, without waiting, with what it says kept. */
#ifndef REBOOT_PROGRAM_H
#define REBOOT_PROGRAM_H

#include <stddef.h>

#define PROGRAM_WORDS_MAX 31

struct program;

/*
 * Cuts @text at white space, in place, into @ret_words, ended by NULL. There is no quoting. Returns how many, or
 * -EINVAL (none, or more than PROGRAM_WORDS_MAX).
 */
int program_split(char *text, char *ret_words[PROGRAM_WORDS_MAX + 1]);

/* Starts @line in a session of its own, so that it outlives this service. Returns 0 or a negative errno. */
int program_start(const char *line, struct program **ret_program);

/* 0: it still runs; 1: it has ended, with *@ret_status as of waitpid(2). */
int program_poll(struct program *program, int *ret_status);

/* One line on how it ended, and the first line of what it said. */
void program_describe(const struct program *program, int status, char *text, size_t size);

/* Sends SIGTERM to it and its children. */
void program_stop(struct program *program);

/* Forgets it; it runs on. NULL is fine. */
void program_free(struct program *program);

#endif
