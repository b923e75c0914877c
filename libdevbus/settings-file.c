// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * Settings files are written by hand on a device that nobody watches. Whatever cannot be understood is refused
 * with the number of its line, because a line that is skipped silently is found years later.
 */
#include "settings-file.h"
#include "error.h"
#include "utf8.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WHITE " \t\r"

/* Keys are names of C members. */
#define KEY_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_"
#define KEY_MAX 64

const char *settings_place(const char *path)
{
	size_t size = strlen(path);
	const char *start = size > SETTINGS_PLACE_MAX ? path + size - SETTINGS_PLACE_MAX : path;

	/* Not from the middle of a character. */
	while (((unsigned char)*start & 0xc0) == 0x80)
		start++;
	return start;
}

static char *trim(char *text)
{
	size_t size;

	text += strspn(text, WHITE);
	for (size = strlen(text); size > 0 && strchr(WHITE, text[size - 1]); size--)
		;
	text[size] = '\0';
	return text;
}

static void cut_comment(char *line)
{
	for (char *mark = strchr(line, '#'); mark; mark = strchr(mark + 1, '#'))
		if (mark == line || mark[-1] == ' ' || mark[-1] == '\t') {
			*mark = '\0';
			return;
		}
}

static int refuse(struct devbus_error *ret_error, const char *what)
{
	error_set(ret_error, DEVBUS_E_INVALID_ARGS, "%s", what);
	return -EINVAL;
}

/* NUL, other control characters and broken UTF-8: the file is not what its writer saw in the editor. */
static bool readable(const char *line, size_t size)
{
	uint32_t point;

	for (size_t i = 0, step; i < size; i += step) {
		step = utf8_decode(line + i, size - i, &point);
		if (step == 0 || (utf8_is_control(point) && point != '\t' && point != '\r'))
			return false;
	}
	return true;
}

static int read_section(char *line, const struct settings_file_reader *reader, struct devbus_error *ret_error)
{
	char *end = strchr(line, ']');

	if (!end || end[1] != '\0')
		return refuse(ret_error, "a section is written [name]");
	*end = '\0';
	return reader->section(trim(line + 1), reader->userdata, ret_error);
}

static int read_entry(char *line, unsigned number, const struct settings_file_reader *reader,
	struct devbus_error *ret_error)
{
	char *sign = strchr(line, '=');
	const char *key;

	if (!sign)
		return refuse(ret_error, "expected `key = value`, `[section]` or `# comment`");
	*sign = '\0';
	key = trim(line);
	if (*key == '\0' || key[strspn(key, KEY_CHARACTERS)] != '\0' || strlen(key) > KEY_MAX)
		return refuse(ret_error, "a key in front of `=` is 1 to 64 of A-Z a-z 0-9 _");
	return reader->entry(number, key, trim(sign + 1), reader->userdata, ret_error);
}

/* @skip: whether the lines of this section are not ours; changed by a section's line. */
static int read_line(char *line, unsigned number, bool *skip, const struct settings_file_reader *reader,
	struct devbus_error *ret_error)
{
	int r;

	cut_comment(line);
	line = trim(line);
	if (*line == '[') {
		r = read_section(line, reader, ret_error);
		*skip = r > 0;
		return r > 0 ? 0 : r;
	}
	return *line == '\0' || *skip ? 0 : read_entry(line, number, reader, ret_error);
}

int settings_file_parse(char *text, size_t size, const char *path, bool skip_head,
	const struct settings_file_reader *reader, struct devbus_error *ret_error)
{
	struct devbus_error error = { .code = DEVBUS_E_INTERNAL, .message = "out of memory" };
	bool skip = skip_head;
	unsigned number = 1;
	int r = 0;

	for (char *line = text, *end = text + size, *next; r == 0 && line < end; line = next, number++) {
		char *newline = memchr(line, '\n', (size_t)(end - line));
		size_t length = (size_t)((newline ? newline : end) - line);

		next = line + length + 1;
		/* The byte behind the last line is the caller's NUL. */
		line[length] = '\0';
		r = readable(line, length)
			    ? read_line(line, number, &skip, reader, &error)
			    : refuse(&error, "this line has bytes that are not UTF-8 text: write it again");
		if (r < 0)
			error_set(ret_error, error.code, "%s:%u: %s", settings_place(path), number,
				error.message);
	}
	return r;
}

/* All of @fd and a NUL. */
static int read_all(int fd, char **ret_text, size_t *ret_size)
{
	char *text = malloc(SETTINGS_FILE_MAX + 2);
	size_t size = 0;
	ssize_t n;

	if (!text)
		return -ENOMEM;
	while ((n = read(fd, text + size, SETTINGS_FILE_MAX + 1 - size)) != 0 && size <= SETTINGS_FILE_MAX) {
		if (n > 0)
			size += (size_t)n;
		else if (errno != EINTR)
			break;
	}
	if (n < 0 || size > SETTINGS_FILE_MAX) {
		n = n < 0 ? -errno : -EFBIG;
		free(text);
		return (int)n;
	}
	text[size] = '\0';
	*ret_text = text;
	*ret_size = size;
	return 0;
}

static int open_and_read(const char *path, char **ret_text, size_t *ret_size)
{
	struct stat status;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	int r;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &status) < 0)
		r = -errno;
	else if (!S_ISREG(status.st_mode))
		r = -ENOTSUP;
	else
		r = read_all(fd, ret_text, ret_size);
	close(fd);
	return r;
}

/* What to do about an errno of reading; the others are explained by strerror(3). */
static const char *read_remedy(int error)
{
	switch (error) {
	case EACCES:
		return "not readable for this user: give it the right to read, or run as another user";
	case EFBIG:
		return "too large for a settings file (256 KiB)";
	case ENOTSUP:
		return "not a file: put a file of settings there, or nothing";
	default:
		return strerror(error);
	}
}

int settings_file_read(const char *path, bool skip_head, const struct settings_file_reader *reader,
	struct devbus_error *ret_error)
{
	char *text = NULL;
	size_t size = 0;
	int r = open_and_read(path, &text, &size);

	if (r == -ENOENT || r == -ENOTDIR)
		return 0;
	if (r < 0) {
		error_set(ret_error, DEVBUS_E_IO_ERROR, "%s: %s", settings_place(path), read_remedy(-r));
		return r;
	}
	r = settings_file_parse(text, size, path, skip_head, reader, ret_error);
	free(text);
	return r;
}
