// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* The user's own timers and descriptors. */
#include "bus-kit.h"
#include <errno.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

static int turns, others;
static struct devbus_timer *timer, *other;
static int port;

static void on_other(struct devbus *bus, void *userdata)
{
	(void)bus, (void)userdata;
	others++;
}

static void on_turn(struct devbus *bus, void *userdata)
{
	void (*then)(struct devbus * bus) = (void (*)(struct devbus *))userdata;

	ck_assert_ptr_eq(bus, kit.bus);
	turns++;
	if (then)
		then(bus);
}

static void set_up(void)
{
	kit_set_up();
	kit_open(DEVBUS_CALLER);
	kit_connect();
	turns = others = 0;
	port = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
}

static void tear_down(void)
{
	close(port);
	kit_tear_down();
}

static void every(uint32_t interval_ms, void (*then)(struct devbus *bus))
{
	ck_assert_int_eq(devbus_every(kit.bus, interval_ms, on_turn, (void *)then, &timer), 0);
}

static void after(uint32_t delay_ms, void (*then)(struct devbus *bus))
{
	ck_assert_int_eq(devbus_after(kit.bus, delay_ms, on_turn, (void *)then, &timer), 0);
}

/* ---- timers */

/* How far the clock is turned each time, and how many turns there are then. */
static const struct {
	int64_t turned_ms[4];
	int turns[4];
} grids[] = {
	{ { 99, 1, 99, 1 }, { 0, 1, 1, 2 } },
	{ { 100, 100, 100, 100 }, { 1, 2, 3, 4 } },
	{ { 1000, 1, 98, 1 }, { 1, 1, 1, 2 } }, /* nine missed ones are left out; the grid stays */
	{ { 150, 49, 1, 100 }, { 1, 1, 2, 3 } },
	{ { 299, 1, 99, 1 }, { 1, 2, 2, 3 } },
	{ { 86400000000, 99, 1, 0 }, { 1, 1, 2, 2 } },
};

START_TEST(test_every)
{
	every(100, NULL);
	for (int i = 0; i < 4; i++) {
		kit_turn(grids[_i].turned_ms[i]);
		ck_assert_int_eq(turns, grids[_i].turns[i]);
	}
}
END_TEST

START_TEST(test_wall_clock_steps_change_nothing)
{
	every(100, NULL);
	kit.time.wall_ms -= 3600000;
	kit_dispatch();
	kit.time.wall_ms += 7200000;
	kit_dispatch();
	ck_assert_int_eq(turns, 0);
	kit_turn(100);
	ck_assert_int_eq(turns, 1);
}
END_TEST

START_TEST(test_after)
{
	after(100, NULL);
	kit_turn(99);
	ck_assert_int_eq(turns, 0);
	kit_turn(1);
	kit_turn(1000);
	ck_assert_int_eq(turns, 1);
}
END_TEST

START_TEST(test_refusals)
{
	ck_assert_int_eq(devbus_every(kit.bus, 0, on_turn, NULL, NULL), -EINVAL);
	ck_assert_int_eq(devbus_every(kit.bus, 0x80000000, on_turn, NULL, NULL), -EINVAL);
	ck_assert_int_eq(devbus_after(kit.bus, 0x80000000, on_turn, NULL, NULL), -EINVAL);
	ck_assert_int_eq(devbus_every(kit.bus, 0x7fffffff, on_turn, NULL, NULL), 0);
	devbus_timer_stop(NULL);
}
END_TEST

START_TEST(test_stop)
{
	every(100, NULL);
	kit_turn(100);
	devbus_timer_stop(timer);
	kit_turn(1000);
	ck_assert_int_eq(turns, 1);
	after(100, NULL);
	devbus_timer_stop(timer);
	kit_turn(1000);
	ck_assert_int_eq(turns, 1);
}
END_TEST

static void stop_itself(struct devbus *bus)
{
	(void)bus;
	devbus_timer_stop(timer);
}

static void stop_other(struct devbus *bus)
{
	(void)bus;
	devbus_timer_stop(other);
	other = NULL;
}

static void begin_another(struct devbus *bus)
{
	if (turns < 3)
		ck_assert_int_eq(devbus_after(bus, 0, on_turn, (void *)begin_another, NULL), 0);
}

START_TEST(test_stop_from_the_handler)
{
	if (_i == 0)
		every(100, stop_itself);
	else
		after(100, stop_itself);
	kit_turn(100);
	kit_turn(1000);
	ck_assert_int_eq(turns, 1);
}
END_TEST

START_TEST(test_stop_another_from_a_handler)
{
	after(100, stop_other);
	ck_assert_int_eq(devbus_every(kit.bus, 100, on_other, NULL, &other), 0);
	kit_turn(100); /* both are due: which comes first is not promised */
	int before = others;
	kit_turn(1000);
	ck_assert_int_eq(turns, 1);
	ck_assert_int_eq(others, before);
}
END_TEST

START_TEST(test_begin_one_from_a_handler)
{
	after(0, begin_another);
	for (int i = 0; i < 10; i++)
		kit_turn(1);
	ck_assert_int_eq(turns, 3);
}
END_TEST

static void take_long(struct devbus *bus)
{
	(void)bus;
	fake_clock_turn(&kit.time, 350);
}

START_TEST(test_handler_longer_than_the_interval)
{
	every(100, take_long);
	kit_turn(100);
	ck_assert_int_eq(turns, 1);
	kit_dispatch();
	ck_assert_int_eq(turns, 2); /* once for all that it missed itself */
	ck_assert_uint_eq(kit.bus->stats.handler_slowest_ms, 350);
}
END_TEST

START_TEST(test_timers_are_freed_with_the_bus)
{
	every(100, NULL);
	after(100, NULL);
	kit_close();
	ck_assert_int_eq(turns, 0);
}
END_TEST

/* ---- descriptors */

static void on_ready(struct devbus *bus, int fd, uint32_t events, void *userdata)
{
	ck_assert_int_eq(fd, port);
	ck_assert_uint_eq(events, EPOLLIN);
	on_turn(bus, userdata);
}

static void unwatch_itself(struct devbus *bus)
{
	ck_assert_int_eq(devbus_unwatch(bus, port), 0);
}

static void watch_again(struct devbus *bus)
{
	ck_assert_int_eq(devbus_unwatch(bus, port), 0);
	ck_assert_int_eq(devbus_watch(bus, port, EPOLLIN, on_ready, NULL), 0);
}

static const struct {
	void (*then)(struct devbus *bus);
	int turns;
} watchers[] = { { NULL, 2 }, { unwatch_itself, 1 }, { watch_again, 2 } };

START_TEST(test_watch)
{
	ck_assert_int_eq(devbus_watch(kit.bus, port, EPOLLIN, on_ready, (void *)watchers[_i].then), 0);
	kit_dispatch();
	kit_dispatch();
	ck_assert_int_eq(turns, watchers[_i].turns);
	devbus_unwatch(kit.bus, port);
	kit_dispatch();
	ck_assert_int_eq(turns, watchers[_i].turns);
}
END_TEST

START_TEST(test_watch_refuses)
{
	FILE *file = tmpfile();

	ck_assert_int_eq(devbus_unwatch(kit.bus, port), -ENOENT);
	ck_assert_int_eq(devbus_watch(kit.bus, port, EPOLLIN, on_ready, NULL), 0);
	ck_assert_int_eq(devbus_watch(kit.bus, port, EPOLLIN, on_ready, NULL), -EEXIST);
	ck_assert_int_eq(devbus_watch(kit.bus, -1, EPOLLIN, on_ready, NULL), -EBADF);
	ck_assert_int_eq(devbus_watch(kit.bus, fileno(file), EPOLLIN, on_ready, NULL), -EPERM);
	ck_assert_int_eq(devbus_unwatch(kit.bus, port + 1000), -ENOENT);
	fclose(file);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sources");
	TCase *all = tcase_create("sources");

	tcase_add_checked_fixture(all, set_up, tear_down);
	tcase_add_loop_test(all, test_every, 0, LENGTH(grids));
	tcase_add_test(all, test_wall_clock_steps_change_nothing);
	tcase_add_test(all, test_after);
	tcase_add_test(all, test_refusals);
	tcase_add_test(all, test_stop);
	tcase_add_loop_test(all, test_stop_from_the_handler, 0, 2);
	tcase_add_test(all, test_stop_another_from_a_handler);
	tcase_add_test(all, test_begin_one_from_a_handler);
	tcase_add_test(all, test_handler_longer_than_the_interval);
	tcase_add_test(all, test_timers_are_freed_with_the_bus);
	tcase_add_loop_test(all, test_watch, 0, LENGTH(watchers));
	tcase_add_test(all, test_watch_refuses);
	suite_add_tcase(suite, all);
	return unit_main(suite);
}
