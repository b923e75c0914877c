// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * Sources that hang, in real threads, and programs. They wait for semaphores, not for time; the loop's clock is the test's, so the looks after a
 * batch come when the test wants them.
 */
#include "bus-kit.h"

#include "services/sensor/program.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define COUNT 40

static struct readers *readers;
static struct programs *programs;
static sem_t may_end, ended;
static atomic_int hanging;
static unsigned answers[COUNT], total, settled;
static double values[COUNT];

static int read_at_once(int root, const struct source *source, double *ret_value)
{
	(void)root;
	*ret_value = source->divisor;
	return source->column ? -EIO : 0;
}

static int read_held(int root, const struct source *source, double *ret_value)
{
	(void)root, (void)source;
	atomic_fetch_add(&hanging, 1);
	while (sem_wait(&may_end) < 0)
		;
	atomic_fetch_sub(&hanging, 1);
	*ret_value = 99;
	sem_post(&ended);
	return 0;
}

static void on_answer(void *userdata, uint32_t number, int error, double value)
{
	ck_assert_ptr_eq(userdata, &readers);
	ck_assert_uint_lt(number, COUNT);
	answers[number]++;
	total++;
	values[number] = error ? error : value;
}

static void on_settled(void *userdata)
{
	ck_assert_ptr_eq(userdata, &readers);
	settled++;
}

static void set_up(void)
{
	kit_set_up();
	kit_open(DEVBUS_CALLER);
	sem_init(&may_end, 0, 0);
	sem_init(&ended, 0, 0);
	ck_assert_int_eq(readers_new(kit.bus, 0, on_answer, on_settled, &readers, &readers), 0);
	ck_assert_int_eq(programs_new(kit.bus, on_answer, on_settled, &readers, &programs), 0);
}

static void tear_down(void)
{
	programs_free(programs);
	readers_free(readers);
	kit_tear_down();
}

static void order(uint32_t number, uint64_t lane, bool hang)
{
	const struct source source = {
		.read = hang ? read_held : read_at_once,
		.divisor = number,
		.lane = lane,
	};

	readers_order(readers, number, &source);
}

/* The loop goes round, and its clock runs, until @count answers have come in all. */
static void until_answered(unsigned count)
{
	struct pollfd bus = { .fd = devbus_fd(kit.bus), .events = POLLIN };

	for (int turns = 0; total < count; turns++) {
		ck_assert_msg(turns < 2000, "%u answers of %u", total, count);
		poll(&bus, 1, 10);
		kit_turn(20);
	}
	ck_assert_uint_eq(total, count);
}

/* The last answer may come by a look, a moment before its thread is back. */
static void until_busy(unsigned count)
{
	struct pollfd bus = { .fd = devbus_fd(kit.bus), .events = POLLIN };

	for (int turns = 0; readers_busy(readers) != count; turns++) {
		ck_assert_msg(turns < 2000, "%u are busy", readers_busy(readers));
		poll(&bus, 1, 10);
		kit_dispatch();
	}
}

static void until_hanging(int count)
{
	for (int turns = 0; atomic_load(&hanging) != count; turns++) {
		ck_assert_msg(turns < 2000, "%d hang", atomic_load(&hanging));
		poll(NULL, 0, 10);
	}
}

static void let_go(int count)
{
	while (count-- > 0)
		sem_post(&may_end);
}

START_TEST(what_is_ordered_is_read_by_one)
{
	for (uint32_t i = 0; i < COUNT; i++)
		order(i, i, false);
	readers_start(readers);
	ck_assert_uint_eq(readers_busy(readers), 1);
	until_answered(COUNT);
	for (uint32_t i = 0; i < COUNT; i++)
		ck_assert(answers[i] == 1 && values[i] == i);
	ck_assert_uint_gt(settled, 0);
	until_busy(0);
}
END_TEST

START_TEST(an_error_is_an_answer)
{
	const struct source source = { .read = read_at_once, .column = 1 };

	readers_order(readers, 3, &source);
	readers_start(readers);
	until_answered(1);
	ck_assert_double_eq(values[3], -EIO);
}
END_TEST

START_TEST(one_that_hangs_holds_its_lane_alone)
{
	for (uint32_t i = 0; i < COUNT; i++)
		order(i, i / 2, i == 20); /* 20 and 21 are on one chip */
	readers_start(readers);
	until_answered(COUNT - 2);
	ck_assert_uint_eq(answers[20] + answers[21], 0);
	until_busy(1);
	/* The next round: it waits for that one and takes no other thread. */
	for (uint32_t i = 0; i < COUNT; i++)
		if (i != 20 && i != 21)
			order(i, i / 2, false);
	readers_start(readers);
	until_answered(2 * (COUNT - 2));
	until_busy(1);
	let_go(1);
	until_answered(2 * (COUNT - 2) + 2);
	ck_assert_double_eq(values[20], 99);
	ck_assert_double_eq(values[21], 21);
	until_busy(0);
}
END_TEST

START_TEST(a_lane_that_was_slow_is_read_apart)
{
	order(0, 7, true);
	order(1, 8, false);
	readers_start(readers);
	until_answered(1);
	let_go(1);
	until_answered(2);
	order(0, 7, true);
	order(1, 8, false);
	readers_start(readers);
	ck_assert_uint_eq(readers_busy(readers), 2); /* at once, without a look */
	let_go(1);
	until_answered(4);
}
END_TEST

/* As many as slow lanes may hold; all others go on. */
START_TEST(many_that_hang_leave_a_thread_for_the_others)
{
	for (uint32_t i = 0; i < READERS_MAX - 2; i++)
		order(i, i, true);
	order(COUNT - 1, COUNT - 1, false);
	readers_start(readers);
	until_answered(1);
	until_hanging(READERS_MAX - 2);
	order(COUNT - 1, COUNT - 1, false);
	readers_start(readers);
	until_answered(2);
	ck_assert_uint_eq(answers[COUNT - 1], 2);
	let_go(READERS_MAX - 2);
	until_answered(READERS_MAX);
}
END_TEST

START_TEST(threads_are_bounded)
{
	for (uint32_t i = 0; i < COUNT; i++)
		order(i, i, true);
	readers_start(readers);
	for (int turns = 0; atomic_load(&hanging) < READERS_MAX; turns++) {
		ck_assert_int_lt(turns, 2000);
		poll(NULL, 0, 10);
		kit_turn(20);
	}
	for (int turns = 0; turns < 20; turns++)
		kit_turn(20);
	ck_assert_uint_eq(readers_busy(readers), READERS_MAX);
	ck_assert_int_eq(atomic_load(&hanging), READERS_MAX);
	let_go(COUNT);
	until_answered(COUNT);
	until_busy(0);
}
END_TEST

START_TEST(those_that_hang_are_left_behind)
{
	order(0, 1, true);
	readers_start(readers);
	until_hanging(1);
	readers_free(readers);
	readers = NULL;
	let_go(1);
	while (sem_wait(&ended) < 0)
		;
	ck_assert_uint_eq(total, 0);
}
END_TEST

/* ---- programs */

static const struct {
	const char *script;
	int error;
	double value;
} scripts[] = {
	{ "echo 412", 0, 412 },
	{ "echo \"$1\" | tr -dc 0-9", 0, 7 }, /* its argument is the sensor's name */
	{ "echo; echo ' 1.5 ppm'; echo 2", 0, 1.5 },
	{ "echo 1; exit 3", -ECHILD, 0 },
	{ "echo 1; kill -TERM $$", -ECHILD, 0 },
	{ "echo high", -EBADMSG, 0 },
	{ "exit 0", -EBADMSG, 0 },
	{ "head -c 100000 /dev/zero", -ECHILD, 0 }, /* more than anybody reads */
	{ "sleep 60 & echo 1; wait", -ETIMEDOUT, 0 },
	{ "exec >&-; sleep 60", -ETIMEDOUT, 0 },
};

static void write_script(const char *text, char path[SENSOR_PATH_SIZE])
{
	snprintf(path, SENSOR_PATH_SIZE, "%s/program", kit.folder);
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_gt(dprintf(fd, "#!/bin/sh\n%s\n", text), 0);
	close(fd);
}

START_TEST(programs_are_sensors)
{
	struct source source = { .attribute = "meter7", .timeout_ms = 60000 };

	write_script(scripts[_i].script, source.path);
	if (scripts[_i].error == -ETIMEDOUT)
		source.timeout_ms = 200;
	programs_order(programs, 5, &source);
	if (total == 1 && values[5] == -ENOSYS)
		return; /* pidfd_open(2) is missing, as it is under valgrind 3.19 */
	ck_assert_uint_eq(total, 0);
	until_answered(1);
	ck_assert_double_eq(values[5], scripts[_i].error ? scripts[_i].error : scripts[_i].value);
}
END_TEST

START_TEST(a_program_that_is_not_there_is_told)
{
	const struct source source = { .path = "/nonexistent/x", .timeout_ms = 1000 };

	programs_order(programs, 5, &source);
	ck_assert_uint_eq(total, 1);
	ck_assert(values[5] == -ENOENT || values[5] == -ENOSYS);
}
END_TEST

START_TEST(programs_that_run_are_killed_at_the_end)
{
	struct source source = { .timeout_ms = 60000 };

	write_script("exec sleep 60", source.path);
	for (uint32_t i = 0; i < 3; i++)
		programs_order(programs, i, &source);
	programs_free(programs);
	programs = NULL;
	/* Nothing is left to be waited for. */
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("reader");
	TCase *tests = tcase_create("reader");

	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_set_timeout(tests, 120);
	tcase_add_test(tests, what_is_ordered_is_read_by_one);
	tcase_add_test(tests, an_error_is_an_answer);
	tcase_add_test(tests, one_that_hangs_holds_its_lane_alone);
	tcase_add_test(tests, a_lane_that_was_slow_is_read_apart);
	tcase_add_test(tests, many_that_hang_leave_a_thread_for_the_others);
	tcase_add_test(tests, threads_are_bounded);
	tcase_add_test(tests, those_that_hang_are_left_behind);
	tcase_add_loop_test(tests, programs_are_sensors, 0, LENGTH(scripts));
	tcase_add_test(tests, a_program_that_is_not_there_is_told);
	tcase_add_test(tests, programs_that_run_are_killed_at_the_end);
	suite_add_tcase(suite, tests);
	return unit_main(suite);
}
