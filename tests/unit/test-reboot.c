// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* The reboot service's decisions as functions of record, boot id and time; its record on disk; running a program. */
#include "../../services/reboot/boot.h"
#include "../../services/reboot/program.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
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
	{ &rebooting, "boot-1", 110500, VERDICT_EXPECT, 300000 },
	{ &rebooting, "boot-1", 410499, VERDICT_EXPECT, 1 },
	{ &rebooting, "boot-1", 410500, VERDICT_TIMEOUT, 0 },
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
	static const char *const yes[] = { "downloading", "verifying", "installing" };
	static const char *const no[] = { NULL, "", "idle", "failed", "installed" };
	for (int i = 0; i < LENGTH(yes); i++)
		ck_assert(record_vetoes(yes[i]));
	for (int i = 0; i < LENGTH(no); i++)
		ck_assert(!record_vetoes(no[i]));
}
END_TEST

/* ---- the event after a boot */

static const struct seen seen_1 = { "boot-1" };

static const struct {
	const struct record *record;
	const struct seen *seen;
	const char *boot_id;
	bool told;
	const char *cause, *id, *old_boot_id;
} boots[] = {
	{ NULL, NULL, "boot-1", true, "unknown", "", "" },
	{ NULL, &seen_1, "boot-1", false, NULL, NULL, NULL },
	{ NULL, &seen_1, "boot-2", true, "unknown", "", "boot-1" },
	{ &waiting, &seen_1, "boot-1", false, NULL, NULL, NULL },
	{ &waiting, &seen_1, "boot-2", true, "unknown", "", "boot-1" },
	{ &rebooting, &seen_1, "boot-1", false, NULL, NULL, NULL },
	{ &rebooting, &seen_1, "boot-2", true, "ordered", "c1", "boot-1" },
	{ &rebooting, NULL, "boot-1", true, "unknown", "", "" },
	{ &rebooting, NULL, "boot-2", true, "ordered", "c1", "" },
};

START_TEST(test_boot_event)
{
	struct boot_event event;
	ck_assert_int_eq(record_boot_event(boots[_i].record, boots[_i].seen, boots[_i].boot_id, &event),
		boots[_i].told);
	if (!boots[_i].told)
		return;
	ck_assert_str_eq(event.cause, boots[_i].cause);
	ck_assert_str_eq(event.id, boots[_i].id);
	ck_assert_str_eq(event.reason, *event.id ? "new kernel" : "");
	ck_assert_str_eq(event.old_boot_id, boots[_i].old_boot_id);
	ck_assert_str_eq(event.new_boot_id, boots[_i].boot_id);
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

START_TEST(test_boot_id)
{
	char path[PATH_MAX], boot_id[BOOT_ID_SIZE] = "before";
	snprintf(path, sizeof(path), "%s/boot_id", folder);
	ck_assert_int_eq(boot_id_read(path, boot_id), -ENOENT);
	put("boot_id", "");
	ck_assert_int_eq(boot_id_read(path, boot_id), -EBADMSG);
	put("boot_id", "12345678901234567890123456789012345678901234567890123456789012345\n");
	ck_assert_int_eq(boot_id_read(path, boot_id), -EBADMSG);
	ck_assert_str_eq(boot_id, "before");
	put("boot_id", "8a5b-1\n");
	ck_assert_int_eq(boot_id_read(path, boot_id), 0);
	ck_assert_str_eq(boot_id, "8a5b-1");
	ck_assert_int_eq(boot_id_read(folder, boot_id), -EISDIR);
	ck_assert_uint_gt(boot_clock_ms(), 0);
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
	char text[256];
	char *words[PROGRAM_WORDS_MAX + 1];
	snprintf(text, sizeof(text), "%s", lines[_i].line);
	ck_assert_int_eq(program_split(text, words), lines[_i].count);
	for (int i = 0; i < lines[_i].count && i < LENGTH(lines[_i].words); i++)
		ck_assert_str_eq(words[i], lines[_i].words[i]);
	if (lines[_i].count > 0)
		ck_assert_ptr_null(words[lines[_i].count]);
}
END_TEST

/* Waits until it has ended, as a zombie, so that the next poll must see it. */
static int end_of(struct program *program)
{
	int status = 0;
	siginfo_t info;
	ck_assert_int_eq(waitid(P_ALL, 0, &info, WEXITED | WNOWAIT), 0);
	ck_assert_int_eq(program_poll(program, &status), 1);
	return status;
}

static void write_script(char *path, size_t size, const char *text)
{
	snprintf(path, size, "%s/boot_id", folder);
	put("boot_id", text);
	ck_assert_int_eq(chmod(path, 0700), 0);
}

static const struct {
	const char *script;
	bool succeeds;
	const char *ending; /* of the description */
} scripts[] = {
	{ "#!/bin/sh\nexit 0\n", true, "exit status 0" },
	{ "#!/bin/sh\necho not today >&2\necho more\nexit 3\n", false, "exit status 3: not today" },
	{ "#!/bin/sh\nkill -9 $$\n", false, "ended by signal 9" },
	{ "#!/bin/sh\nkill -PIPE $$\n", false, "ended by signal 13" },
	{ "#!/bin/sh\nhead -c 100000 /dev/zero 2>/dev/null\nexit 4\n", false, "exit status 4" },
};

START_TEST(test_program)
{
	char path[PATH_MAX], line[PATH_MAX + 16], text[256];
	struct program *program = NULL;
	write_script(path, sizeof(path), scripts[_i].script);
	snprintf(line, sizeof(line), " %s one two", path);
	signal(SIGPIPE, SIG_IGN); /* as in a service */
	ck_assert_int_eq(program_start(line, &program), 0);
	int status = end_of(program);
	ck_assert_int_eq(status == 0, scripts[_i].succeeds);
	program_describe(program, status, text, sizeof(text));
	ck_assert_int_eq(strncmp(text, path, strlen(path)), 0);
	size_t tail = strlen(scripts[_i].ending);
	ck_assert_msg(strlen(text) > tail && strcmp(text + strlen(text) - tail, scripts[_i].ending) == 0,
		"%s", text);
	program_free(program);
}
END_TEST

START_TEST(test_program_stop)
{
	struct program *program = NULL;
	int status = 0;
	ck_assert_int_eq(program_start("sleep 1000", &program), 0);
	ck_assert_int_eq(program_poll(program, &status), 0);
	program_stop(program);
	status = end_of(program);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	program_stop(program); /* there is nothing any more that it could hit */
	program_free(program);
	program_free(NULL);
}
END_TEST

/* posix_spawn() tells at once what is wrong, except where it cannot share memory (valgrind): then by status 127. */
static void check_not_started(const char *line, int error)
{
	struct program *program = NULL;
	int r = program_start(line, &program);
	if (r == 0)
		ck_assert_int_eq(WEXITSTATUS(end_of(program)), 127);
	else
		ck_assert_int_eq(r, error);
	program_free(program);
}

START_TEST(test_program_missing)
{
	struct program *program = NULL;
	check_not_started("/no/such/program", -ENOENT);
	check_not_started(folder, -EACCES);
	ck_assert_int_eq(program_start("  ", &program), -EINVAL);
	ck_assert_ptr_null(program);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("reboot");
	TCase *pure = tcase_create("decisions");
	tcase_add_loop_test(pure, test_decide, 0, LENGTH(decisions));
	tcase_add_test(pure, test_percent);
	tcase_add_test(pure, test_veto);
	tcase_add_loop_test(pure, test_boot_event, 0, LENGTH(boots));
	tcase_add_loop_test(pure, test_split, 0, LENGTH(lines));
	suite_add_tcase(suite, pure);
	TCase *disk = tcase_create("disk");
	tcase_add_checked_fixture(disk, set_up, tear_down);
	tcase_add_test(disk, test_record_on_disk);
	tcase_add_loop_test(disk, test_record_damaged, 0, LENGTH(damaged));
	tcase_add_test(disk, test_boot_id);
	tcase_add_loop_test(disk, test_program, 0, LENGTH(scripts));
	tcase_add_test(disk, test_program_stop);
	tcase_add_test(disk, test_program_missing);
	suite_add_tcase(suite, disk);
	return unit_main(suite);
}
