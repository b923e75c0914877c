// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* The reboot service's decisions as functions of record, boot id and time; its record on disk; the words of its command. */
#include "../../services/reboot/record.h"
#include "../../services/reboot/words.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- what a start makes of a record */

static const struct record waiting = {
	.schema = 1,
	.phase = "waiting",
	.id = "c1",
	.boot_id = "boot-1",
	.reason = "new kernel",
	.delay_ms = 10000,
	.due_ms = 110000,
	.time = "2026-01-31T12:00:00.000Z",
};

static const struct record rebooting = {
	.schema = 1,
	.phase = "rebooting",
	.id = "c1",
	.boot_id = "boot-1",
	.reason = "new kernel",
	.delay_ms = 10000,
	.due_ms = 110000,
	.ordered_ms = 110500,
};

static const struct record tried = {
	.schema = 1,
	.phase = "rebooting",
	.boot_id = "boot-1",
	.ordered_ms = 110500,
	.tries = RECORD_TRIES_MAX,
};

static const struct record ended = {
	.schema = 1,
	.phase = "ended",
	.id = "c1",
	.boot_id = "boot-1",
	.error_code = "cancelled",
};

static const struct {
	const struct record *record;
	const char *boot_id;
	uint64_t now_ms;
	enum verdict verdict;
	uint64_t rest_ms;
} decisions[] = {
	{ NULL, "boot-1", 0, VERDICT_NONE, 0 }, { &waiting, "boot-1", 100000, VERDICT_WAIT, 10000 },
	{ &waiting, "boot-1", 109999, VERDICT_WAIT, 1 }, { &waiting, "boot-1", 110000, VERDICT_WAIT, 0 },
	{ &waiting, "boot-1", 110000 + RECORD_LATE_MAX_MS, VERDICT_WAIT, 0 },
	{ &waiting, "boot-1", 110001 + RECORD_LATE_MAX_MS, VERDICT_INTERRUPTED, 0 },
	{ &waiting, "boot-2", 100000, VERDICT_INTERRUPTED, 0 }, /* nobody ran the command */
	{ &waiting, "boot-2", 1000, VERDICT_INTERRUPTED, 0 },
	{ &rebooting, "boot-1", 110500, VERDICT_AGAIN, 300000 },
	{ &rebooting, "boot-1", 410499, VERDICT_AGAIN, 1 },
	{ &rebooting, "boot-1", 410500, VERDICT_TIMEOUT, 0 },
	{ &tried, "boot-1", 110500, VERDICT_EXPECT, 300000 },
	{ &tried, "boot-1", 410500, VERDICT_TIMEOUT, 0 }, { &tried, "boot-2", 3000, VERDICT_BOOTED, 0 },
	{ &ended, "boot-1", 110500, VERDICT_ENDED, 0 }, { &ended, "boot-2", 110500, VERDICT_ENDED, 0 },
	{ &rebooting, "boot-2", 3000, VERDICT_BOOTED, 0 },
	{ &rebooting, "boot-2", 999999999, VERDICT_BOOTED, 0 }, /* however long it took */
};

START_TEST(test_decide)
{
	struct decision decision =
		record_decide(decisions[_i].record, decisions[_i].boot_id, decisions[_i].now_ms, 300);
	ck_assert_int_eq(decision.verdict, decisions[_i].verdict);
	ck_assert_uint_eq(decision.rest_ms, decisions[_i].rest_ms);
}
END_TEST

START_TEST(test_percent)
{
	struct record now = { .delay_ms = 0, .due_ms = 5 };
	ck_assert_int_eq(record_percent(&waiting, 100000), 0);
	ck_assert_int_eq(record_percent(&waiting, 105000), 50);
	ck_assert_int_eq(record_percent(&waiting, 109999), 99);
	ck_assert_int_eq(record_percent(&waiting, 110000), 100);
	ck_assert_int_eq(record_percent(&waiting, 999999), 100);
	ck_assert_int_eq(record_percent(&waiting, 0), 0); /* a clock that is behind */
	ck_assert_int_eq(record_percent(&now, 0), 100);
}
END_TEST

START_TEST(test_veto)
{
	static const char *const yes[] = { "downloading", "verifying", "installing", "testing",
		"committing" };
	static const char *const no[] = { NULL, "", "idle", "failed", "installed", "rebooting" };
	for (int i = 0; i < LENGTH(yes); i++)
		ck_assert(record_vetoes(yes[i]));
	for (int i = 0; i < LENGTH(no); i++)
		ck_assert(!record_vetoes(no[i]));
}
END_TEST

static const struct {
	const struct record *record;
	const char *old_boot_id, *boot_id;
	bool caused;
} causes[] = {
	{ NULL, "boot-1", "boot-2", false }, { &waiting, "boot-1", "boot-2", false },
	{ &ended, "boot-1", "boot-2", false }, { &rebooting, "boot-1", "boot-1", false },
	{ &rebooting, "boot-1", "boot-2", true }, { &rebooting, "", "boot-2", true },
	{ &rebooting, "boot-2", "boot-3", false }, /* it caused the one before */
};

START_TEST(test_caused_boot)
{
	ck_assert_int_eq(record_caused_boot(causes[_i].record, causes[_i].old_boot_id, causes[_i].boot_id),
		causes[_i].caused);
}
END_TEST

/* ---- on disk */

static char folder[512];
static int dir_fd;

static void set_up(void)
{
	const char *base = getenv("TMPDIR");
	snprintf(folder, sizeof(folder), "%.400s/devbus-reboot-XXXXXX", base ? base : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	dir_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(dir_fd, 0);
}

static void tear_down(void)
{
	unlinkat(dir_fd, RECORD_FILE, 0);
	unlinkat(dir_fd, "boot_id", 0);
	close(dir_fd);
	ck_assert_msg(rmdir(folder) == 0, "something was left in %s", folder);
}

static void put(const char *name, const char *text)
{
	int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

START_TEST(test_record_on_disk)
{
	struct record found;
	ck_assert_int_eq(devbus_file_load(dir_fd, RECORD_FILE, record_fields, &found), -ENOENT);
	ck_assert_int_eq(devbus_file_remove(dir_fd, RECORD_FILE), 0);
	ck_assert_int_eq(devbus_file_save(dir_fd, RECORD_FILE, record_fields, &waiting), 0);
	ck_assert_int_eq(devbus_file_save(dir_fd, RECORD_FILE, record_fields, &rebooting), 0);
	ck_assert_int_eq(devbus_file_load(dir_fd, RECORD_FILE, record_fields, &found), 0);
	ck_assert_str_eq(found.phase, "rebooting");
	ck_assert_str_eq(found.id, "c1");
	ck_assert_str_eq(found.boot_id, "boot-1");
	ck_assert_str_eq(found.reason, "new kernel");
	ck_assert_uint_eq(found.delay_ms, 10000);
	ck_assert_uint_eq(found.due_ms, 110000);
	ck_assert_uint_eq(found.ordered_ms, 110500);
	ck_assert_int_eq(devbus_file_remove(dir_fd, RECORD_FILE), 0);
	ck_assert_int_eq(devbus_file_load(dir_fd, RECORD_FILE, record_fields, &found), -ENOENT);
}
END_TEST

static const char *const damaged[] = {
	"",
	"{\"schema\":1,\"phase\":\"waiting\"}",
	"{\"schema\":2,\"phase\":\"waiting\",\"boot_id\":\"b\",\"due_ms\":1}",
	"{\"schema\":1,\"phase\":\"gone\",\"boot_id\":\"b\",\"due_ms\":1}",
	"{\"schema\":1,\"phase\":\"waiting\",\"boot_id\":\"\",\"due_ms\":1}",
};

START_TEST(test_record_damaged)
{
	struct record found;
	put(RECORD_FILE, damaged[_i]);
	ck_assert_int_eq(devbus_file_load(dir_fd, RECORD_FILE, record_fields, &found), -EBADMSG);
}
END_TEST

/* ---- the command */

static const struct {
	const char *line;
	int count;
	const char *words[3];
} lines[] = {
	{ "", -EINVAL, { NULL } },
	{ " \t\n", -EINVAL, { NULL } },
	{ "reboot", 1, { "reboot" } },
	{ "  systemctl\treboot  ", 2, { "systemctl", "reboot" } },
	{ "sh -c 'true;false'", 3, { "sh", "-c", "'true;false'" } }, /* no shell, so no quoting */
	{ "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31", 31,
		{ "1", "2", "3" } },
	{ "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32", -EINVAL,
		{ NULL } },
};

START_TEST(test_split)
{
	char text[WORDS_TEXT_SIZE];
	char *words[WORDS_MAX + 1];
	ck_assert_int_eq(words_split(lines[_i].line, text, words), lines[_i].count);
	for (int i = 0; i < lines[_i].count && i < LENGTH(lines[_i].words); i++)
		ck_assert_str_eq(words[i], lines[_i].words[i]);
	if (lines[_i].count > 0)
		ck_assert_ptr_null(words[lines[_i].count]);
}
END_TEST

START_TEST(test_split_too_long)
{
	char text[WORDS_TEXT_SIZE], line[WORDS_TEXT_SIZE + 1];
	char *words[WORDS_MAX + 1];
	memset(line, 'x', WORDS_TEXT_SIZE);
	line[WORDS_TEXT_SIZE] = '\0';
	ck_assert_int_eq(words_split(line, text, words), -EINVAL);
	ck_assert_int_eq(words_split(line + 1, text, words), 1);
}
END_TEST

START_TEST(test_find_program)
{
	char path[600], search[640];
	put("boot_id", "#!/bin/sh\n");
	snprintf(path, sizeof(path), "%s/boot_id", folder);
	snprintf(search, sizeof(search), "/nowhere:%s", folder);
	setenv("PATH", search, 1);
	ck_assert(!words_find_program("boot_id"));
	ck_assert(!words_find_program(path));
	ck_assert_int_eq(chmod(path, 0700), 0);
	ck_assert(words_find_program("boot_id"));
	ck_assert(words_find_program(path));
	ck_assert(!words_find_program("boot"));
	ck_assert(!words_find_program(folder)); /* a folder may be "executed" too */
	setenv("PATH", "", 1);
	ck_assert(!words_find_program("boot_id"));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("reboot");
	TCase *pure = tcase_create("decisions");
	tcase_add_loop_test(pure, test_decide, 0, LENGTH(decisions));
	tcase_add_test(pure, test_percent);
	tcase_add_test(pure, test_veto);
	tcase_add_loop_test(pure, test_caused_boot, 0, LENGTH(causes));
	tcase_add_loop_test(pure, test_split, 0, LENGTH(lines));
	tcase_add_test(pure, test_split_too_long);
	suite_add_tcase(suite, pure);
	TCase *disk = tcase_create("disk");
	tcase_add_checked_fixture(disk, set_up, tear_down);
	tcase_add_test(disk, test_record_on_disk);
	tcase_add_loop_test(disk, test_record_damaged, 0, LENGTH(damaged));
	tcase_add_test(disk, test_find_program);
	suite_add_tcase(suite, disk);
	return unit_main(suite);
}
