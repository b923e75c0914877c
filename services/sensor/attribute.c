// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* One open, one read, one close: an attribute of sysfs and proc is made anew at each open. */
#include "attribute.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NUMBER_SIZE 64

static int read_once(int root, const char *path, int flags, char *text, size_t size)
{
	int fd = openat(root, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | flags);

	if (fd < 0)
		return -errno;
	ssize_t length = read(fd, text, size - 1);
	int r = length < 0 ? -errno : length == 0 ? -ENODATA : (int)length;

	close(fd);
	text[r > 0 ? r : 0] = '\0';
	return r;
}

int attribute_read(int root, const char *path, char *text, size_t size)
{
	return read_once(root, path, 0, text, size);
}

/* Without the newline and the spaces around it. Returns the length. */
static int trim(char *line)
{
	line[strcspn(line, "\n")] = '\0';
	size_t length = strlen(line);

	while (length > 0 && isspace((unsigned char)line[length - 1]))
		line[--length] = '\0';
	size_t blanks = strspn(line, " \t");

	memmove(line, line + blanks, length - blanks + 1);
	return (int)(length - blanks);
}

int attribute_read_name(int root, const char *path, char *name, size_t size)
{
	int r = read_once(root, path, O_NONBLOCK, name, size);

	return r < 0 ? r : trim(name);
}

int attribute_parse_number(const char *text, double *ret_number)
{
	char *end;

	text += strspn(text, " \t");
	double number = strtod(text, &end);

	/* strtod() also takes hexadecimal, "inf" and "nan", none of which the kernel writes. */
	if (end == text || (*end && !isspace((unsigned char)*end)) || !isfinite(number) ||
		strspn(text, "+-.0123456789eE") < (size_t)(end - text))
		return -EBADMSG;
	*ret_number = number;
	return 0;
}

int attribute_read_number(int root, const char *path, double *ret_number)
{
	char line[NUMBER_SIZE];
	int r = attribute_read(root, path, line, sizeof line);

	if (r < 0)
		return r;
	trim(line);
	return strpbrk(line, " \t") ? -EBADMSG : attribute_parse_number(line, ret_number);
}
