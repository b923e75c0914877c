// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* The log, seen at the other end of a pipe that stands in for standard error. */
#include "log.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static int reader;

/* A socket that keeps each write(2) apart, so that "one line is one write" can be seen. */
static void capture(void)
{
	int ends[2];
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
	ck_assert_int_ge(dup2(ends[1], STDERR_FILENO), 0);
	close(ends[1]);
	reader = ends[0];
	unsetenv("DEVBUS_LOG");
	unsetenv("JOURNAL_STREAM");
	log_setup();
}

static void release(void)
{
	close(reader);
	close(STDERR_FILENO);
}

/* What the next write(2) wrote; "" when there is none. */
static const char *next_line(void)
{
	static char line[2 * PIPE_BUF];
	const ssize_t size = read(reader, line, sizeof(line) - 1);
	line[size > 0 ? size : 0] = '\0';
	return line;
}

static const struct {
	const char *setting; /* NULL: unset */
	enum devbus_log_level shown; /* up to */
} settings[] = {
	{ NULL, DEVBUS_LOG_INFO },
	{ "error", DEVBUS_LOG_ERROR },
	{ "warning", DEVBUS_LOG_WARNING },
	{ "info", DEVBUS_LOG_INFO },
	{ "debug", DEVBUS_LOG_DEBUG },
	{ "DEBUG", DEVBUS_LOG_INFO },
	{ "", DEVBUS_LOG_INFO },
	{ "nonsense", DEVBUS_LOG_INFO },
};

START_TEST(test_levels)
{
	if (settings[_i].setting)
		setenv("DEVBUS_LOG", settings[_i].setting, true);
	log_setup();
	for (int level = DEVBUS_LOG_ERROR; level <= DEVBUS_LOG_DEBUG; level++) {
		const bool shown = level <= (int)settings[_i].shown;
		ck_assert(log_shows((enum devbus_log_level)level) == shown);
		devbus_log((enum devbus_log_level)level, "level %d", level);
		ck_assert_int_eq(strlen(next_line()) > 0, shown);
	}
}
END_TEST

static const struct {
	const char *text, *line;
} lines[] = {
	{ "plain", "devbus: plain\n" },
	{ "", "devbus: \n" },
	{ "two\nlines\r\n", "devbus: two\\x0alines\\x0d\\x0a\n" },
	{ "\x1b[2Jtab\tdel\x7f", "devbus: \\x1b[2Jtab\\x09del\\x7f\n" },
	{ "\xc3\xa4 \xf0\x9d\x84\x9e", "devbus: \xc3\xa4 \xf0\x9d\x84\x9e\n" },
	{ "\xc2\x9b"
	  "31m",
		"devbus: \\xc2\\x9b31m\n" },
	{ "\xff\xc3", "devbus: \\xff\\xc3\n" },
};

START_TEST(test_lines)
{
	devbus_log(DEVBUS_LOG_ERROR, "%s", lines[_i].text);
	ck_assert_str_eq(next_line(), lines[_i].line);
	ck_assert_str_eq(next_line(), "");
}
END_TEST

START_TEST(test_name)
{
	log_set_name("sensor");
	log_warning("x");
	ck_assert_str_eq(next_line(), "sensor: x\n");
	log_set_name("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdefCUT");
	log_error("x");
	ck_assert_str_eq(
		next_line(), "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef: x\n");
	log_set_name("b");
	log_info("%d", 7);
	ck_assert_str_eq(next_line(), "b: 7\n");
}
END_TEST

/* The worst case in size: each byte of a text that is too long becomes four, and the name is the longest. */
START_TEST(test_long_text)
{
	static const char *const units[] = { "a", "\n", "\xc3\xa4", "\xf0\x9d\x84\x9e" };
	char text[3 * PIPE_BUF + 1] = "";
	for (size_t at = 0; at + strlen(units[_i]) < sizeof(text); at += strlen(units[_i]))
		strcpy(text + at, units[_i]);
	log_set_name("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
	devbus_log(DEVBUS_LOG_ERROR, "%s", text);
	const char *line = next_line();
	ck_assert_uint_le(strlen(line), PIPE_BUF);
	ck_assert_uint_ge(strlen(line), 900);
	ck_assert_str_eq(line + strlen(line) - 4, "...\n");
	ck_assert(strstr(line, "\\xc3") == NULL && strstr(line, "\\xf0") == NULL);
	ck_assert_str_eq(next_line(), "");
}
END_TEST

START_TEST(test_errno_is_kept)
{
	errno = EXDEV;
	log_error("%m");
	ck_assert_int_eq(errno, EXDEV);
	ck_assert_str_eq(next_line(), "devbus: Invalid cross-device link\n");
	log_debug("not shown");
	ck_assert_int_eq(errno, EXDEV);
	close(STDERR_FILENO);
	log_error("nobody hears this");
	ck_assert_int_eq(errno, EXDEV);
}
END_TEST

START_TEST(test_journal)
{
	static const char *const prefixes[] = { "<3>", "<4>", "<6>", "<7>" };
	struct stat status;
	char stream[64];
	ck_assert_int_eq(fstat(STDERR_FILENO, &status), 0);
	snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)status.st_dev,
		(unsigned long long)status.st_ino);
	setenv("JOURNAL_STREAM", stream, true);
	setenv("DEVBUS_LOG", "debug", true);
	log_setup();
	for (int level = 0; level < LENGTH(prefixes); level++) {
		devbus_log((enum devbus_log_level)level, "x");
		const char *line = next_line();
		ck_assert_uint_eq(strlen(line), strlen("<3>devbus: x\n"));
		ck_assert_int_eq(strncmp(line, prefixes[level], 3), 0);
	}
}
END_TEST

/* Inherited by a process whose standard error goes elsewhere, or broken. */
START_TEST(test_not_the_journal)
{
	static const char *const streams[] = { "1:1", "", "x", "1" };
	setenv("JOURNAL_STREAM", streams[_i], true);
	log_setup();
	log_error("x");
	ck_assert_str_eq(next_line(), "devbus: x\n");
}
END_TEST

#define THREADS 4
#define LINES_PER_THREAD 20

static void *write_lines(void *letter)
{
	for (int i = 0; i < LINES_PER_THREAD; i++)
		log_info("%.*s", 900, (const char *)letter);
	return NULL;
}

START_TEST(test_threads)
{
	static char texts[THREADS][901];
	pthread_t threads[THREADS];
	int seen = 0;
	/* The reader is slower than the writers may be. */
	ck_assert_int_eq(fcntl(STDERR_FILENO, F_SETFL, 0), 0);
	for (int i = 0; i < THREADS; i++) {
		memset(texts[i], 'a' + i, 900);
		ck_assert_int_eq(pthread_create(&threads[i], NULL, write_lines, texts[i]), 0);
	}
	ck_assert_int_eq(fcntl(reader, F_SETFL, 0), 0);
	for (; seen < THREADS * LINES_PER_THREAD; seen++) {
		const char *line = next_line();
		ck_assert_uint_eq(strlen(line), strlen("devbus: ") + 900 + 1);
		ck_assert_uint_eq(strspn(line + 8, (char[]) { line[8], '\0' }), 900);
		log_set_name("devbus");
	}
	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("log");
	TCase *all = tcase_create("log");
	tcase_add_checked_fixture(all, capture, release);
	tcase_add_loop_test(all, test_levels, 0, LENGTH(settings));
	tcase_add_loop_test(all, test_lines, 0, LENGTH(lines));
	tcase_add_test(all, test_name);
	tcase_add_loop_test(all, test_long_text, 0, 4);
	tcase_add_test(all, test_errno_is_kept);
	tcase_add_test(all, test_journal);
	tcase_add_loop_test(all, test_not_the_journal, 0, 4);
	tcase_add_test(all, test_threads);
	suite_add_tcase(suite, all);
	return unit_main(suite);
}
