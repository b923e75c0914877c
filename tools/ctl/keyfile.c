// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* Read anew for each key: a dozen keys of a page of text, once per run. */
#include "keyfile.h"
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static char *trim(char *text)
{
	size_t length;

	while (isspace((unsigned char)*text))
		text++;
	for (length = strlen(text); length && isspace((unsigned char)text[length - 1]); length--)
		text[length - 1] = '\0';
	return text;
}

static int copy(const char *text, char *ret_value, size_t size)
{
	if (strlen(text) >= size)
		return -E2BIG;
	memcpy(ret_value, text, strlen(text) + 1);
	return 0;
}

/* The value if @line is about @key, else NULL. */
static char *value_of(char *line, const char *key)
{
	char *equals = strchr(line, '=');

	if (!equals)
		return NULL;
	*equals = '\0';
	return strcmp(trim(line), key) ? NULL : trim(equals + 1);
}

int keyfile_get(const char *path, const char *key, char *ret_value, size_t size)
{
	FILE *file = fopen(path, "re");
	char *line = NULL;
	size_t capacity = 0;
	int r = -ENOENT;

	if (!file)
		return -errno;
	while (r == -ENOENT && getline(&line, &capacity, file) >= 0) {
		char *text = trim(line);
		if (*text == '[')
			break;
		char *value = value_of(text, key);
		if (value)
			r = copy(value, ret_value, size);
	}
	free(line);
	fclose(file);
	return r;
}

int keyfile_secret(const char *path, char *ret_secret, size_t size)
{
	FILE *file = fopen(path, "re");
	char *line = NULL;
	size_t capacity = 0;
	struct stat status;
	int r = 0;

	if (!file)
		return -errno;
	if (fstat(fileno(file), &status) < 0)
		r = -errno;
	else if (status.st_mode & S_IRWXO)
		r = -EPERM;
	else if (getline(&line, &capacity, file) < 0 || !*trim(line))
		r = -ENODATA;
	else
		r = copy(trim(line), ret_secret, size);
	if (line)
		explicit_bzero(line, capacity);
	free(line);
	fclose(file);
	return r;
}
