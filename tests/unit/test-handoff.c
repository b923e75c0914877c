// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * The hand-over to a real thread. What the threads tell each other goes through semaphores, never through time; what belongs to the work
 * is touched without a lock on purpose: ThreadSanitizer says whether the hand-over orders it.
 */
#include "fake-clock.h"
#include "handoff.h"
#include "unit.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>

struct errand_work {
	int number, done_number;
	bool hold; /* until may_end */
	sigset_t blocked;
	pthread_t thread;
};

static struct loop *loop;
static struct handoff *handoff;
static sem_t started, may_end, freed;
static atomic_int free_count;
static int done_count, last_done;
static struct errand_work *next_work; /* started from inside done() */

static void do_work(void *argument)
{
	struct errand_work *work = argument;

	work->done_number = work->number + 1;
	work->thread = pthread_self();
	pthread_sigmask(SIG_SETMASK, NULL, &work->blocked);
	sem_post(&started);
	if (work->hold)
		while (sem_wait(&may_end) < 0)
			;
	work->number = 0;
}

static void work_is_done(void *argument, void *userdata)
{
	struct errand_work *work = argument;

	ck_assert_ptr_eq(userdata, &loop);
	ck_assert(!pthread_equal(work->thread, pthread_self()));
	ck_assert(!handoff_busy(handoff));
	last_done = work->done_number;
	done_count++;
	ck_assert_int_eq(sigismember(&work->blocked, SIGTERM), 1);
	ck_assert_int_eq(sigismember(&work->blocked, SIGUSR1), 1);
	if (next_work)
		ck_assert_int_eq(handoff_start(handoff, next_work), 0);
	next_work = NULL;
}

static void free_work(void *argument)
{
	free(argument);
	atomic_fetch_add(&free_count, 1);
	sem_post(&freed);
}

static const struct handoff_functions functions = { do_work, work_is_done, free_work };

static void set_up(void)
{
	ck_assert_int_eq(loop_new(&clock_system, &loop), 0);
	ck_assert_int_eq(handoff_new(loop, &functions, &loop, &handoff), 0);
	sem_init(&started, 0, 0);
	sem_init(&may_end, 0, 0);
	sem_init(&freed, 0, 0);
	done_count = last_done = 0;
	atomic_store(&free_count, 0);
	next_work = NULL;
}

static void tear_down(void)
{
	handoff_free(handoff);
	loop_free(loop);
}

static struct errand_work *new_work(int number, bool hold)
{
	struct errand_work *work = calloc(1, sizeof *work);

	ck_assert_ptr_nonnull(work);
	work->number = number;
	work->hold = hold;
	return work;
}

static void wait_for(sem_t *semaphore)
{
	while (sem_wait(semaphore) < 0)
		ck_assert_int_eq(errno, EINTR);
}

START_TEST(test_work_comes_back_through_the_loop)
{
	sigset_t before, after;

	pthread_sigmask(SIG_SETMASK, NULL, &before);
	for (int number = 1; number <= 20; number++) {
		ck_assert_int_eq(handoff_start(handoff, new_work(number, false)), 0);
		ck_assert(handoff_busy(handoff));
		while (done_count < number)
			ck_assert_int_eq(loop_dispatch(loop, -1), 0);
		ck_assert_int_eq(last_done, number + 1);
		ck_assert(!handoff_busy(handoff));
		ck_assert_int_eq(atomic_load(&free_count), number);
	}
	pthread_sigmask(SIG_SETMASK, NULL, &after);
	ck_assert_int_eq(sigismember(&after, SIGTERM), sigismember(&before, SIGTERM));
}
END_TEST

START_TEST(test_one_at_a_time)
{
	struct errand_work *second = new_work(2, false);

	ck_assert_int_eq(handoff_start(handoff, new_work(1, true)), 0);
	wait_for(&started);
	ck_assert_int_eq(handoff_start(handoff, second), -EBUSY);
	ck_assert_int_eq(loop_dispatch(loop, 0), 0);
	ck_assert_int_eq(done_count, 0);
	ck_assert_int_eq(handoff_wait(handoff, 0), -ETIMEDOUT);
	ck_assert_int_eq(handoff_wait(handoff, 1), -ETIMEDOUT);
	sem_post(&may_end);
	ck_assert_int_eq(handoff_wait(handoff, 60000), 0);
	ck_assert_int_eq(done_count, 1);
	ck_assert_int_eq(handoff_start(handoff, second), 0);
	ck_assert_int_eq(handoff_wait(handoff, 60000), 0);
	ck_assert_int_eq(last_done, 3);
	ck_assert_int_eq(handoff_wait(handoff, 60000), 0); /* nothing to wait for */
	ck_assert_int_eq(done_count, 2);
	ck_assert_int_eq(loop_dispatch(loop, 0), 0); /* it came back once, not again through the loop */
	ck_assert_int_eq(done_count, 2);
}
END_TEST

START_TEST(test_next_work_is_started_from_inside)
{
	next_work = new_work(10, false);
	ck_assert_int_eq(handoff_start(handoff, new_work(1, false)), 0);
	while (done_count < 2)
		ck_assert_int_eq(loop_dispatch(loop, -1), 0);
	ck_assert_int_eq(last_done, 11);
	ck_assert_int_eq(atomic_load(&free_count), 2);
}
END_TEST

/* Nobody waits any more: the thread ends by itself and frees what it had. */
START_TEST(test_abandoned)
{
	ck_assert_int_eq(handoff_start(handoff, new_work(1, true)), 0);
	wait_for(&started);
	ck_assert(handoff_free(handoff));
	handoff = NULL;
	ck_assert_int_eq(atomic_load(&free_count), 0);
	sem_post(&may_end);
	wait_for(&freed);
	ck_assert_int_eq(atomic_load(&free_count), 1);
	ck_assert_int_eq(done_count, 0);
	ck_assert_int_eq(loop_dispatch(loop, 0), 0);
}
END_TEST

/* Freed while the thread is about to end, in whatever order: the work is freed once, done() is not called. */
START_TEST(test_freed_while_it_ends)
{
	ck_assert_int_eq(handoff_start(handoff, new_work(1, false)), 0);
	if (_i % 2)
		wait_for(&started);
	handoff_free(handoff);
	handoff = NULL;
	wait_for(&freed);
	ck_assert_int_eq(atomic_load(&free_count), 1);
	ck_assert_int_eq(done_count, 0);
}
END_TEST

START_TEST(test_nothing)
{
	ck_assert(!handoff_free(NULL));
	ck_assert(!handoff_busy(handoff));
	ck_assert(!handoff_free(handoff));
	handoff = NULL;
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("handoff");
	TCase *all = tcase_create("handoff");

	tcase_add_checked_fixture(all, set_up, tear_down);
	tcase_add_test(all, test_work_comes_back_through_the_loop);
	tcase_add_test(all, test_one_at_a_time);
	tcase_add_test(all, test_next_work_is_started_from_inside);
	tcase_add_test(all, test_abandoned);
	tcase_add_loop_test(all, test_freed_while_it_ends, 0, 20);
	tcase_add_test(all, test_nothing);
	suite_add_tcase(suite, all);
	return unit_main(suite);
}
