// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* Work beside the loop, as a service sees it. That the hand-over itself is in order is in test-handoff.c. */
#include "bus-kit.h"

#include <devbus/worker.h>
#include <errno.h>
#include <poll.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>

static struct devbus_worker *worker;
static sem_t may_end, freed;
static atomic_int runs;
static int back, next, free_in_done;

static void run(void *work)
{
	int *number = work;

	if (*number < 0)
		while (sem_wait(&may_end) < 0)
			;
	*number += 1;
	atomic_fetch_add(&runs, 1);
}

static void done(struct devbus *bus, void *work, void *userdata)
{
	ck_assert_ptr_eq(bus, kit.bus);
	ck_assert_ptr_eq(userdata, &back);
	ck_assert(!devbus_worker_busy(worker));
	back = *(int *)work;
	if (next) {
		int *more = malloc(sizeof *more);

		*more = next;
		next = 0;
		ck_assert_int_eq(devbus_worker_start(worker, more), 0);
	}
	if (free_in_done) {
		devbus_worker_free(worker);
		worker = NULL;
	}
}

static void free_work(void *work)
{
	free(work);
	sem_post(&freed);
}

static const struct devbus_worker_functions functions = { run, done, free_work };
static const struct devbus_worker_functions alone = { .run = run };

static void set_up(void)
{
	kit_set_up();
	kit_open(DEVBUS_CALLER);
	sem_init(&may_end, 0, 0);
	sem_init(&freed, 0, 0);
	ck_assert_int_eq(devbus_worker_new(kit.bus, &functions, &back, &worker), 0);
}

static void tear_down(void)
{
	devbus_worker_free(worker);
	kit_tear_down();
}

static int start(int number)
{
	int *work = malloc(sizeof *work), r;

	*work = number;
	r = devbus_worker_start(worker, work);
	if (r < 0)
		free(work);
	return r;
}

static void until_back(int number)
{
	struct pollfd bus = { .fd = devbus_fd(kit.bus), .events = POLLIN };

	while (back != number) {
		ck_assert_int_gt(poll(&bus, 1, 20000), 0);
		ck_assert_int_eq(devbus_dispatch(kit.bus), 0);
	}
}

START_TEST(test_there_and_back)
{
	ck_assert_int_eq(start(6), 0);
	until_back(7);
	ck_assert_int_eq(sem_trywait(&freed), 0);
	next = 20;
	ck_assert_int_eq(start(10), 0);
	until_back(21);
	ck_assert(!devbus_worker_busy(worker));
}
END_TEST

START_TEST(test_one_at_a_time)
{
	ck_assert_int_eq(start(-5), 0);
	ck_assert(devbus_worker_busy(worker));
	ck_assert_int_eq(start(1), -EBUSY);
	sem_post(&may_end);
	until_back(-4);
	ck_assert_int_eq(atomic_load(&runs), 1);
}
END_TEST

START_TEST(test_freed_when_done)
{
	free_in_done = 1;
	ck_assert_int_eq(start(1), 0);
	until_back(2);
	ck_assert_ptr_null(worker);
	ck_assert_int_eq(sem_trywait(&freed), 0);
}
END_TEST

START_TEST(test_given_up)
{
	ck_assert_int_eq(start(-1), 0);
	devbus_worker_free(worker);
	worker = NULL;
	kit_close();
	sem_post(&may_end);
	while (sem_wait(&freed) < 0)
		;
	ck_assert_int_eq(atomic_load(&runs), 1);
	ck_assert_int_eq(back, 0);
}
END_TEST

START_TEST(test_work_that_stays)
{
	static int number = 1;
	struct pollfd bus = { .fd = devbus_fd(kit.bus), .events = POLLIN };

	devbus_worker_free(worker);
	ck_assert_int_eq(devbus_worker_new(kit.bus, &alone, NULL, &worker), 0);
	ck_assert_int_eq(devbus_worker_start(worker, &number), 0);
	while (devbus_worker_busy(worker)) {
		ck_assert_int_gt(poll(&bus, 1, 20000), 0);
		ck_assert_int_eq(devbus_dispatch(kit.bus), 0);
	}
	ck_assert_int_eq(number, 2);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("worker");
	TCase *all = tcase_create("worker");

	tcase_add_checked_fixture(all, set_up, tear_down);
	tcase_add_test(all, test_there_and_back);
	tcase_add_test(all, test_one_at_a_time);
	tcase_add_test(all, test_freed_when_done);
	tcase_add_test(all, test_given_up);
	tcase_add_test(all, test_work_that_stays);
	suite_add_tcase(suite, all);
	return unit_main(suite);
}
