// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* A line of a setting as program and arguments, without a shell. */
#ifndef REBOOT_WORDS_H
#define REBOOT_WORDS_H

#include <stdbool.h>

#define WORDS_MAX 31
#define WORDS_TEXT_SIZE 1024

/*
 * Cuts a copy of @line in @text at white space into @ret_words, ended by NULL. There is no quoting. Returns how many, or
 * -EINVAL (none, more than WORDS_MAX, or too long).
 */
int words_split(const char *line, char text[WORDS_TEXT_SIZE], char *ret_words[WORDS_MAX + 1]);

/* Whether @name, searched in PATH if it has no slash, is a program that may be run. */
bool words_find_program(const char *name);

#endif
