// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* The loop: timers by a clock that is turned by hand, descriptors by pipes. */
#include "fake-clock.h"
#include "loop.h"
#include "unit.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

static struct fake_clock fake;
static struct loop *loop;
static char fired[256]; /* letters in the order in which things happened */

static void set_up(void)
{
	fake_clock_init(&fake);
	ck_assert_int_eq(loop_new(&fake.clock, &loop), 0);
	fired[0] = '\0';
}

static void tear_down(void)
{
	loop_free(loop);
}

static void note(char letter)
{
	size_t length = strlen(fired);

	ck_assert_uint_lt(length, sizeof fired - 1);
	fired[length] = letter;
	fired[length + 1] = '\0';
}

static void turn(int64_t ms)
{
	fake_clock_turn(&fake, ms);
	ck_assert_int_eq(loop_dispatch(loop, 0), 0);
}

struct alarm {
	struct loop_timer *timer;
	char letter;
	void (*then)(struct alarm *alarm);
	struct alarm *other;
	int64_t again_ms; /* for set_again */
};

static void ring(void *userdata)
{
	struct alarm *alarm = userdata;

	note(alarm->letter);
	if (alarm->then)
		alarm->then(alarm);
}

static void make(struct alarm *alarm, char letter, int64_t at_ms)
{
	alarm->letter = letter;
	ck_assert_int_eq(loop_timer_new(loop, ring, alarm, &alarm->timer), 0);
	if (at_ms)
		loop_timer_set(alarm->timer, at_ms);
}

/* ---- timers */

START_TEST(test_timers_fire_in_order_of_time)
{
	static const int64_t times_ms[] = { 5, 3, 9, 1, 7, 2, 8, 4, 6, 10 };
	struct alarm alarms[LENGTH(times_ms)] = { 0 };

	for (int i = 0; i < LENGTH(alarms); i++)
		make(&alarms[i], (char)('a' + times_ms[i]), FAKE_CLOCK_BOOT_MS + times_ms[i]);
	turn(0);
	ck_assert_str_eq(fired, "");
	turn(4);
	ck_assert_str_eq(fired, "bcde");
	turn(100);
	ck_assert_str_eq(fired, "bcdefghijk");
	turn(100);
	ck_assert_str_eq(fired, "bcdefghijk");
	for (int i = 0; i < LENGTH(alarms); i++)
		loop_timer_free(alarms[i].timer);
}
END_TEST

/* Against a list that is searched: all orders of setting, setting again, stopping and freeing keep the heap one. */
START_TEST(test_heap_under_random_use)
{
	struct alarm alarms[40] = { 0 };
	int64_t due_ms[40] = { 0 };
	unsigned random = (unsigned)_i * 2654435761U + 1;

	for (int i = 0; i < LENGTH(alarms); i++)
		make(&alarms[i], 'x', 0);
	for (int step = 0; step < 2000; step++) {
		random = random * 1103515245U + 12345;
		int i = (int)(random >> 16) % LENGTH(alarms);
		size_t expected = 0;

		if (random & 0x100) {
			due_ms[i] = fake.monotonic_ms + 1 + (random >> 20) % 50;
			loop_timer_set(alarms[i].timer, due_ms[i]);
		} else if (random & 0x200) {
			due_ms[i] = 0;
			loop_timer_stop(alarms[i].timer);
		} else {
			fake_clock_turn(&fake, (random >> 18) % 8);
			for (int n = 0; n < LENGTH(alarms); n++)
				if (due_ms[n] && due_ms[n] <= fake.monotonic_ms) {
					due_ms[n] = 0;
					expected++;
				}
			fired[0] = '\0';
			turn(0);
			ck_assert_uint_eq(strlen(fired), expected);
		}
	}
	for (int i = 0; i < LENGTH(alarms); i++)
		loop_timer_free(alarms[i].timer);
}
END_TEST

static void set_again(struct alarm *alarm)
{
	loop_timer_set(alarm->timer, alarm->again_ms);
}

/* Without an end if it were run in the same round; and nobody else may starve. */
START_TEST(test_timer_that_is_due_again_waits_for_the_next_round)
{
	struct alarm eager = { .then = set_again, .again_ms = _i ? FAKE_CLOCK_BOOT_MS : 0 }, quiet = { 0 };

	make(&eager, 'e', FAKE_CLOCK_BOOT_MS);
	make(&quiet, 'q', FAKE_CLOCK_BOOT_MS);
	turn(0);
	ck_assert_uint_le(strlen(fired), 2);
	ck_assert_ptr_nonnull(strchr(fired, 'e'));
	for (int i = 0; i < 3; i++)
		turn(1);
	ck_assert_ptr_nonnull(strchr(fired, 'q'));
	ck_assert_uint_ge(strlen(fired), 4);
	loop_timer_free(eager.timer);
	loop_timer_free(quiet.timer);
}
END_TEST

static void stop_other(struct alarm *alarm)
{
	loop_timer_stop(alarm->other->timer);
}

static void free_both(struct alarm *alarm)
{
	loop_timer_free(alarm->other->timer);
	loop_timer_free(alarm->timer);
}

static void set_other_later(struct alarm *alarm)
{
	loop_timer_set(alarm->other->timer, fake.monotonic_ms + 10);
}

static const struct {
	void (*then)(struct alarm *alarm);
	bool freed;
	const char *fired;
} meddlers[] = {
	{ stop_other, false, "m" },
	{ set_other_later, false, "mo" },
	{ free_both, true, "m" },
};

START_TEST(test_timers_change_others_from_inside)
{
	struct alarm meddler = { .then = meddlers[_i].then }, other = { 0 };

	meddler.other = &other;
	make(&other, 'o', FAKE_CLOCK_BOOT_MS + 2);
	make(&meddler, 'm', FAKE_CLOCK_BOOT_MS + 1);
	turn(2);
	ck_assert_str_eq(fired, "m");
	turn(20);
	ck_assert_str_eq(fired, meddlers[_i].fired);
	if (!meddlers[_i].freed) {
		loop_timer_free(meddler.timer);
		loop_timer_free(other.timer);
	}
}
END_TEST

/* The fd for a foreign loop is readable exactly when something is due; this needs the real clock, as the kernel counts by it. */
START_TEST(test_fd_is_readable_when_a_timer_is_due)
{
	struct loop *real;
	struct pollfd state = { .events = POLLIN };
	struct loop_timer *timer;
	struct alarm alarm = { .letter = 'r' };

	ck_assert_int_eq(loop_new(&clock_system, &real), 0);
	ck_assert_int_eq(loop_timer_new(real, ring, &alarm, &timer), 0);
	state.fd = loop_fd(real);
	ck_assert_int_eq(poll(&state, 1, 0), 0);
	loop_timer_set(timer, loop_now_ms(real) + 3600 * 1000);
	ck_assert_int_eq(poll(&state, 1, 0), 0);
	loop_timer_set(timer, loop_now_ms(real) - 5);
	ck_assert_int_eq(poll(&state, 1, 10000), 1);
	ck_assert_int_eq(loop_dispatch(real, 0), 0);
	ck_assert_str_eq(fired, "r");
	ck_assert_int_eq(poll(&state, 1, 0), 0);
	loop_timer_set(timer, -7); /* before the boot: due, not an error */
	ck_assert_int_eq(loop_dispatch(real, -1), 0);
	ck_assert_str_eq(fired, "rr");
	loop_timer_free(timer);
	loop_free(real);
}
END_TEST

START_TEST(test_wake)
{
	struct pollfd state = { .fd = loop_fd(loop), .events = POLLIN };

	errno = EXDEV;
	loop_wake(loop);
	loop_wake(loop);
	ck_assert_int_eq(errno, EXDEV);
	ck_assert_int_eq(poll(&state, 1, 0), 1);
	ck_assert_int_eq(loop_dispatch(loop, -1), 0);
	ck_assert_int_eq(poll(&state, 1, 0), 0);
}
END_TEST

/* ---- watches */

struct port {
	struct loop_watch *watch;
	int fd;
	char letter;
	void (*then)(struct port *port);
	struct port *other;
};

static void port_ready(int fd, uint32_t events, void *userdata)
{
	struct port *port = userdata;

	ck_assert_int_eq(fd, port->fd);
	ck_assert_uint_eq(events & EPOLLIN, EPOLLIN);
	note(port->letter);
	if (port->then)
		port->then(port);
}

static void open_port(struct port *port, char letter)
{
	port->letter = letter;
	port->fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
	ck_assert_int_ge(port->fd, 0);
	ck_assert_int_eq(loop_watch(loop, port->fd, EPOLLIN, port_ready, port, &port->watch), 0);
}

START_TEST(test_watch)
{
	struct port port = { 0 };

	open_port(&port, 'p');
	turn(0);
	turn(0);
	ck_assert_str_eq(fired, "pp");
	ck_assert_int_eq(loop_watch_change(port.watch, 0), 0);
	turn(0);
	ck_assert_str_eq(fired, "pp");
	ck_assert_int_eq(loop_watch_change(port.watch, EPOLLIN), 0);
	turn(0);
	ck_assert_str_eq(fired, "ppp");
	loop_unwatch(port.watch);
	turn(0);
	ck_assert_str_eq(fired, "ppp");
	close(port.fd);
}
END_TEST

START_TEST(test_watch_refuses)
{
	struct loop_watch *watch = NULL;
	struct port port = { 0 };
	FILE *file = tmpfile();

	open_port(&port, 'p');
	ck_assert_int_eq(loop_watch(loop, -1, EPOLLIN, port_ready, NULL, &watch), -EBADF);
	ck_assert_int_eq(loop_watch(loop, port.fd, EPOLLIN, port_ready, NULL, &watch), -EEXIST);
	ck_assert_int_eq(loop_watch(loop, fileno(file), EPOLLIN, port_ready, NULL, &watch), -EPERM);
	ck_assert_ptr_null(watch);
	fclose(file);
	close(port.fd);
}
END_TEST

/* Both are in the same batch of events: the one that is removed must not be called, whatever has its number now. */
static void remove_other(struct port *port)
{
	struct port *other = port->other;

	if (!other || !other->watch)
		return;
	loop_unwatch(other->watch);
	close(other->fd);
	other->watch = NULL;
	other->other = NULL;
	int fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
	ck_assert_int_eq(fd, other->fd);
}

START_TEST(test_watch_removed_in_the_same_batch)
{
	struct port first = { .then = remove_other }, second = { .then = remove_other };

	open_port(&first, '1');
	open_port(&second, '2');
	first.other = &second;
	second.other = &first;
	turn(0);
	ck_assert_uint_eq(strlen(fired), 1);
	turn(0);
	ck_assert_uint_eq(strlen(fired), 2);
	ck_assert_int_eq(fired[0], fired[1]);
	close(first.fd);
	close(second.fd);
}
END_TEST

static void unwatch_itself(struct port *port)
{
	loop_unwatch(port->watch);
}

START_TEST(test_watch_removes_itself)
{
	struct port port = { .then = unwatch_itself };

	open_port(&port, 'p');
	turn(0);
	turn(0);
	ck_assert_str_eq(fired, "p");
	close(port.fd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("loop");
	TCase *all = tcase_create("loop");

	tcase_add_checked_fixture(all, set_up, tear_down);
	tcase_add_test(all, test_timers_fire_in_order_of_time);
	tcase_add_loop_test(all, test_heap_under_random_use, 0, 8);
	tcase_add_loop_test(all, test_timer_that_is_due_again_waits_for_the_next_round, 0, 2);
	tcase_add_loop_test(all, test_timers_change_others_from_inside, 0, LENGTH(meddlers));
	tcase_add_test(all, test_fd_is_readable_when_a_timer_is_due);
	tcase_add_test(all, test_wake);
	tcase_add_test(all, test_watch);
	tcase_add_test(all, test_watch_refuses);
	tcase_add_test(all, test_watch_removed_in_the_same_batch);
	tcase_add_test(all, test_watch_removes_itself);
	suite_add_tcase(suite, all);
	return unit_main(suite);
}
