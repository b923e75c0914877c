// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
#include "words.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLANKS " \t\r\n"

int words_split(const char *line, char text[WORDS_TEXT_SIZE], char *ret_words[WORDS_MAX + 1])
{
	int count = 0;
	if (strlen(line) >= WORDS_TEXT_SIZE)
		return -EINVAL;
	strcpy(text, line);
	for (text += strspn(text, BLANKS); *text; text += strspn(text, BLANKS)) {
		if (count == WORDS_MAX)
			return -EINVAL;
		ret_words[count++] = text;
		text += strcspn(text, BLANKS);
		if (*text)
			*text++ = '\0';
	}
	ret_words[count] = NULL;
	return count > 0 ? count : -EINVAL;
}

static bool is_program(const char *path)
{
	struct stat status;
	return stat(path, &status) == 0 && S_ISREG(status.st_mode) && access(path, X_OK) == 0;
}

bool words_find_program(const char *name)
{
	const char *path = getenv("PATH");
	char candidate[PATH_MAX];
	if (strchr(name, '/'))
		return is_program(name);
	for (; path && *path; path += strspn(path, ":")) {
		size_t size = strcspn(path, ":");
		snprintf(candidate, sizeof(candidate), "%.*s/%s", (int)size, path, name);
		if (is_program(candidate))
			return true;
		path += size;
	}
	return false;
}
