// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * One write(2) of at most PIPE_BUF bytes per line: a pipe and the journal keep such a line whole, so that
 * threads and processes that share standard error need no lock. Text from outside ends up here, hence
 * control characters are written as \xNN: a payload must not forge a line or talk to a terminal.
 */
#include "log.h"

#include "utf8.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_SIZE 65
#define LINE_SIZE PIPE_BUF

/* Every byte of the text may become four. */
#define ESCAPE_SIZE 4
#define PREFIX_SIZE (3 + NAME_SIZE + 2)
#define TEXT_SIZE ((LINE_SIZE - PREFIX_SIZE) / ESCAPE_SIZE)

/* The priorities of sd-daemon(3), which are those of syslog(3). */
static const struct {
	const char *word;
	const char *journal_prefix;
} levels[] = {
	[DEVBUS_LOG_ERROR] = { "error", "<3>" },
	[DEVBUS_LOG_WARNING] = { "warning", "<4>" },
	[DEVBUS_LOG_INFO] = { "info", "<6>" },
	[DEVBUS_LOG_DEBUG] = { "debug", "<7>" },
};

#define LEVEL_COUNT (sizeof(levels) / sizeof(levels[0]))

/*
 * Atomic byte by byte: a line written while the name changes may show a mixture of both names, which is
 * harmless; a lock in every log call would not be.
 */
static _Atomic char process_name[NAME_SIZE] = { 'd', 'e', 'v', 'b', 'u', 's' };
static atomic_uint shown_level = DEVBUS_LOG_INFO;
static atomic_bool to_journal;

struct line {
	char text[LINE_SIZE];
	size_t length;
};

void log_set_name(const char *name)
{
	for (size_t i = 0; i + 1 < NAME_SIZE; i++) {
		atomic_store_explicit(&process_name[i], name[i], memory_order_relaxed);
		if (!name[i])
			break;
	}
}

/*
 * $JOURNAL_STREAM is DEVICE:INODE of the journal's stream, and is inherited also by those whose output
 * goes elsewhere.
 */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat status;
	if (!stream || sscanf(stream, "%llu:%llu", &device, &inode) != 2)
		return false;
	return fstat(STDERR_FILENO, &status) == 0 && status.st_dev == device && status.st_ino == inode;
}

void log_setup(void)
{
	const char *word = getenv("DEVBUS_LOG");
	unsigned level = DEVBUS_LOG_INFO;
	for (unsigned i = 0; word && i < LEVEL_COUNT; i++)
		if (strcmp(word, levels[i].word) == 0)
			level = i;
	atomic_store_explicit(&shown_level, level, memory_order_relaxed);
	atomic_store_explicit(&to_journal, stderr_is_journal(), memory_order_relaxed);
}

bool log_shows(enum devbus_log_level level)
{
	return (unsigned)level <= atomic_load_explicit(&shown_level, memory_order_relaxed);
}

static void line_add(struct line *line, const char *text, size_t length)
{
	memcpy(line->text + line->length, text, length);
	line->length += length;
}

static void line_begin(struct line *line, enum devbus_log_level level)
{
	line->length = 0;
	if (atomic_load_explicit(&to_journal, memory_order_relaxed))
		line_add(line, levels[level].journal_prefix, strlen(levels[level].journal_prefix));
	for (size_t i = 0; i + 1 < NAME_SIZE; i++) {
		const char byte = atomic_load_explicit(&process_name[i], memory_order_relaxed);
		if (!byte)
			break;
		line_add(line, &byte, 1);
	}
	line_add(line, ": ", 2);
}

static void line_add_escaped(struct line *line, const char *text)
{
	for (size_t left = strlen(text); left > 0;) {
		uint32_t point = 0;
		size_t length = utf8_decode(text, left, &point);
		const bool harmless = length > 0 && !utf8_is_control(point);
		if (harmless) {
			line_add(line, text, length);
		} else {
			char escape[ESCAPE_SIZE + 1];
			snprintf(escape, sizeof(escape), "\\x%02x", (unsigned)(unsigned char)*text);
			line_add(line, escape, ESCAPE_SIZE);
			length = 1;
		}
		text += length;
		left -= length;
	}
}

static void line_write(struct line *line)
{
	line_add(line, "\n", 1);
	while (write(STDERR_FILENO, line->text, line->length) < 0 && errno == EINTR)
		;
}

/* A text that was cut ends in three points instead of half a character. */
static void mark_cut(char text[TEXT_SIZE])
{
	size_t end = TEXT_SIZE - 4;
	while (end > 0 && ((unsigned char)text[end] & 0xc0) == 0x80)
		end--;
	memcpy(text + end, "...", 4);
}

void devbus_log(enum devbus_log_level level, const char *format, ...)
{
	const int saved_errno = errno;
	char text[TEXT_SIZE];
	struct line line;
	va_list arguments;
	if ((unsigned)level >= LEVEL_COUNT || !log_shows(level))
		return;
	va_start(arguments, format);
	const int length = vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (length < 0)
		snprintf(text, sizeof(text), "(a message that cannot be printed)");
	else if ((size_t)length >= sizeof(text))
		mark_cut(text);
	line_begin(&line, level);
	line_add_escaped(&line, text);
	line_write(&line);
	errno = saved_errno;
}
