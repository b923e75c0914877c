// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* What runs is asked of what runs, and not of an installer's notes, which can be wrong after a crash. */
#include "os-release.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Takes the value of a line KEY=VALUE or KEY="VALUE". */
static bool take(const char *line, const char *key, char *value, size_t size)
{
	size_t length = strlen(key);
	const char *quotes = "\"'";
	if (strncmp(line, key, length) != 0 || line[length] != '=')
		return false;
	line += length + 1;
	if (*line && strchr(quotes, *line))
		line++;
	length = strcspn(line, "\"'\r\n");
	snprintf(value, size, "%.*s", (int)length, line);
	return true;
}

int os_release_version(const char *file, char ret_version[VERSION_MAX + 1])
{
	char line[256], image[VERSION_MAX + 1] = "", distribution[VERSION_MAX + 1] = "";
	FILE *stream = fopen(file, "re");
	if (!stream)
		return -ENOENT;
	while (fgets(line, sizeof(line), stream))
		if (!take(line, "IMAGE_VERSION", image, sizeof(image)))
			take(line, "VERSION_ID", distribution, sizeof(distribution));
	fclose(stream);
	const char *found = *image ? image : distribution;
	if (!*found)
		return -ENOENT;
	if (!version_valid(found))
		return -EBADMSG;
	memcpy(ret_version, found, strlen(found) + 1);
	return 0;
}
