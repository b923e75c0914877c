// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* Programs that are run, how their end is told, and which boot this is. */
#include "bus-kit.h"
#include <devbus/host.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

static struct {
	int times;
	bool good, timed_out;
	char output[128], summary[320];
	size_t output_size;
} ended;

static struct devbus_program *program;

static void on_end(struct devbus *bus, const struct devbus_program_end *end, void *userdata)
{
	ck_assert_ptr_eq(bus, kit.bus);
	ck_assert_ptr_eq(userdata, &ended);
	ended.times++;
	ended.good = end->good;
	ended.timed_out = end->timed_out;
	ended.output_size = strlen(end->output);
	snprintf(ended.output, sizeof ended.output, "%.100s", end->output);
	snprintf(ended.summary, sizeof ended.summary, "%s", end->summary);
	program = NULL;
}

static void set_up(void)
{
	kit_set_up();
	kit_open(DEVBUS_CALLER);
	memset(&ended, 0, sizeof ended);
}

static void tear_down(void)
{
	devbus_program_kill(program);
	kit_tear_down();
}

static struct devbus_program_options shell(const char *script)
{
	static const char *words[4];

	words[0] = "sh", words[1] = "-c", words[2] = script, words[3] = NULL;
	return (struct devbus_program_options) { .words = words, .handler = on_end, .userdata = &ended };
}

static void start(const struct devbus_program_options *options)
{
	ck_assert_int_eq(devbus_program_start(kit.bus, options, &program), 0);
	ck_assert_int_eq(ended.times, 0);
}

static void await_end(void)
{
	while (ended.times == 0) {
		ck_assert_int_eq(poll(&(struct pollfd) { devbus_fd(kit.bus), POLLIN, 0 }, 1, 20000), 1);
		kit_dispatch();
	}
	ck_assert_int_eq(ended.times, 1);
}

static void run(const char *script)
{
	struct devbus_program_options options = shell(script);

	start(&options);
	await_end();
}

static const struct {
	const char *script, *output, *summary;
	bool good;
} ends[] = {
	{ ":", "", "sh: done", true }, { "echo one; echo two >&2", "one\ntwo\n", "sh: done: two", true },
	{ "echo no room; exit 3", "no room\n", "sh: exit status 3: no room", false },
	{ "kill -TERM $$", "", "sh: ended by signal 15", false },
	{ "kill -PIPE $$", "", "sh: ended by signal 13", false }, /* ignored here, but not there */
	{ "read line; echo \"<$line>\"", "<>\n", "sh: done: <>", true }, /* /dev/null */
};

START_TEST(test_end)
{
	run(ends[_i].script);
	ck_assert_int_eq(ended.good, ends[_i].good);
	ck_assert(!ended.timed_out);
	ck_assert_str_eq(ended.output, ends[_i].output);
	ck_assert_str_eq(ended.summary, ends[_i].summary);
}
END_TEST

START_TEST(test_environment_and_input)
{
	static const char *const more[] = { "COLOUR=blue", "HOME=/nowhere", NULL };
	struct devbus_program_options options = shell("cat; echo $COLOUR $HOME $KEPT");
	FILE *file = tmpfile();

	setenv("KEPT", "kept", 1);
	fputs("0123456789", file);
	fflush(file);
	ck_assert_int_eq(lseek(fileno(file), 7, SEEK_SET), 7);
	options.environment = more;
	options.input_fd = fileno(file);
	start(&options);
	await_end();
	ck_assert_str_eq(ended.output, "789blue /nowhere kept\n");
	ck_assert_int_eq(
		lseek(fileno(file), 0, SEEK_CUR), 10); /* how far it has read can be seen from here */
	fclose(file);
}
END_TEST

/* A lock that is handed on is held until the last of the program's children has ended. */
START_TEST(test_kept_fd)
{
	struct devbus_program_options options = shell("exec sleep 600 <&- >&- 2>&-");
	FILE *file = tmpfile();
	char path[32];
	int other;

	snprintf(path, sizeof path, "/proc/self/fd/%d", fileno(file));
	ck_assert_int_eq(flock(fileno(file), LOCK_EX), 0);
	options.kept_fd = fileno(file);
	start(&options);
	other = open(path, O_RDWR | O_CLOEXEC);
	fclose(file);
	ck_assert_int_eq(flock(other, LOCK_EX | LOCK_NB), -1);
	devbus_program_kill(program);
	program = NULL;
	ck_assert_int_eq(flock(other, LOCK_EX), 0); /* waits for the kernel, not for 600 s */
	ck_assert_int_eq(ended.times, 0);
	close(other);
}
END_TEST

/* Others may have been opened by a library that does not mark them, such as Paho's socket while it connects. */
START_TEST(test_no_other_fd)
{
	struct devbus_program_options options =
		shell("for fd in 3 100; do [ ! -e /proc/self/fd/$fd ] || echo $fd; done");
	int unmarked = fcntl(STDERR_FILENO, F_DUPFD, 100);

	ck_assert_int_eq(unmarked, 100);
	options.kept_fd = _i ? unmarked : 0;
	start(&options);
	await_end();
	ck_assert_str_eq(ended.output, _i ? "3\n" : "");
	close(unmarked);
}
END_TEST

START_TEST(test_leave)
{
	struct devbus_program_options options = shell("read line; printf x >&3");
	int to_it[2], from_it[2];
	char byte;

	ck_assert_int_eq(pipe2(to_it, O_CLOEXEC), 0);
	ck_assert_int_eq(pipe2(from_it, O_CLOEXEC), 0);
	options.input_fd = to_it[0];
	options.kept_fd = from_it[1];
	start(&options);
	devbus_program_leave(program);
	devbus_program_leave(NULL);
	program = NULL;
	close(from_it[1]);
	ck_assert_int_eq(write(to_it[1], "go\n", 3), 3);
	ck_assert_int_eq(read(from_it[0], &byte, 1), 1);
	ck_assert_int_eq(wait(NULL) > 0, 1);
	kit_dispatch();
	ck_assert_int_eq(ended.times, 0);
	close(to_it[0]), close(to_it[1]), close(from_it[0]);
}
END_TEST

START_TEST(test_clock_synced)
{
	ck_assert(devbus_clock_synced(kit.bus));
	kit.time.synced = false;
	ck_assert(!devbus_clock_synced(kit.bus));
}
END_TEST

START_TEST(test_much_output)
{
	run("dd if=/dev/zero bs=1024 count=1000 2>/dev/null | tr '\\0' x; echo");
	ck_assert_uint_eq(ended.output_size, 64 << 10);
}
END_TEST

START_TEST(test_takes_too_long)
{
	struct devbus_program_options options = shell("sleep 600 & sleep 600");

	options.timeout_ms = 5000;
	start(&options);
	kit_turn(4999);
	ck_assert_int_eq(ended.times, 0);
	kit_turn(1);
	await_end();
	ck_assert(!ended.good && ended.timed_out);
	ck_assert_str_eq(ended.summary, "sh: killed, it took too long");
}
END_TEST

START_TEST(test_killed_tells_nothing)
{
	struct devbus_program_options options = shell("sleep 600");

	start(&options);
	devbus_program_kill(program);
	program = NULL;
	kit_dispatch();
	ck_assert_int_eq(ended.times, 0);
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1); /* nothing is left */
	devbus_program_kill(NULL);
}
END_TEST

START_TEST(test_cannot_start)
{
	static const char *const words[] = { "/no/such/program", NULL };
	struct devbus_program_options options = { .words = words, .handler = on_end, .userdata = &ended };

	ck_assert_int_eq(devbus_program_start(kit.bus, &options, &program), -ENOENT);
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
}
END_TEST

START_TEST(test_boot_id)
{
	char first[DEVBUS_BOOT_ID_SIZE] = "", second[DEVBUS_BOOT_ID_SIZE] = "", path[128];
	FILE *file;

	ck_assert_int_eq(devbus_boot_id(NULL, first), 0);
	ck_assert_uint_eq(strlen(first), 36);
	snprintf(path, sizeof path, "%s/boot_id", kit.folder);
	ck_assert_int_eq(devbus_boot_id(path, second), -ENOENT);
	file = fopen(path, "w");
	fputs("boot-7\n", file);
	fclose(file);
	ck_assert_int_eq(devbus_boot_id(path, second), 0);
	ck_assert_str_eq(second, "boot-7");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("host");
	TCase *programs = tcase_create("programs");

	tcase_add_checked_fixture(programs, set_up, tear_down);
	tcase_set_timeout(programs, 60);
	tcase_add_loop_test(programs, test_end, 0, LENGTH(ends));
	tcase_add_test(programs, test_environment_and_input);
	tcase_add_test(programs, test_kept_fd);
	tcase_add_loop_test(programs, test_no_other_fd, 0, 2);
	tcase_add_test(programs, test_leave);
	tcase_add_test(programs, test_clock_synced);
	tcase_add_test(programs, test_much_output);
	tcase_add_test(programs, test_takes_too_long);
	tcase_add_test(programs, test_killed_tells_nothing);
	tcase_add_test(programs, test_cannot_start);
	tcase_add_test(programs, test_boot_id);
	suite_add_tcase(suite, programs);
	return unit_main(suite);
}
