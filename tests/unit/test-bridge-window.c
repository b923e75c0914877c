// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
#include "bridge-window.h"
#include "unit.h"

enum { BIG = BRIDGE_WINDOW_BYTES / 2 };

static struct bridge_window window;

static void set_up(void)
{
	window = (struct bridge_window) { .limited = true };
}

/* Sends messages while the window is open, acknowledges them, and returns how many there were. */
static int fill(size_t bytes)
{
	int count = 0;

	for (; bridge_window_open(&window) && count < 10000; count++)
		bridge_window_sent(&window, bytes);
	for (int i = 0; i < count; i++)
		bridge_window_acknowledged(&window, bytes);
	return count;
}

static uint64_t ask(void)
{
	uint64_t number = 0;

	ck_assert(bridge_window_asks(&window, &number));
	return number;
}

START_TEST(test_begins_small_and_opens_with_the_first_token)
{
	ck_assert_int_eq(fill(100), BRIDGE_WINDOW_FIRST);
	bridge_window_confirmed(&window, ask());
	ck_assert_int_eq(fill(100), BRIDGE_WINDOW_EVENTS);
	bridge_window_confirmed(&window, ask());
	ck_assert_int_eq(fill(100), BRIDGE_WINDOW_EVENTS);
}
END_TEST

START_TEST(test_bytes_close_it_as_well)
{
	window.proven = true;
	ck_assert_int_eq(fill(BIG), 2);
	bridge_window_confirmed(&window, ask());
	ck_assert_int_eq(fill(BIG), 2);
}
END_TEST

/* Many short connections to a broker whose bridge is down must not fill the bridge's queue. */
START_TEST(test_small_again_after_a_loss)
{
	fill(100);
	bridge_window_confirmed(&window, ask());
	fill(100);
	bridge_window_lost(&window);
	ck_assert_int_eq(fill(100), BRIDGE_WINDOW_FIRST);
}
END_TEST

START_TEST(test_tokens_that_say_nothing)
{
	uint64_t number, first;

	fill(100);
	first = ask();
	ck_assert(!bridge_window_asks(&window, &number));
	bridge_window_confirmed(&window, 0);
	bridge_window_confirmed(&window, first + 1);
	ck_assert(!bridge_window_open(&window) && !window.proven);
	bridge_window_lost(&window);
	fill(100);
	bridge_window_confirmed(&window, first); /* of before the loss */
	ck_assert(!window.proven);
}
END_TEST

START_TEST(test_no_limit_without_an_echo)
{
	uint64_t number;

	window.limited = false;
	ck_assert_int_eq(fill(100), 10000);
	ck_assert(!bridge_window_asks(&window, &number));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("bridge-window");
	TCase *all = tcase_create("all");

	tcase_add_checked_fixture(all, set_up, NULL);
	tcase_add_test(all, test_begins_small_and_opens_with_the_first_token);
	tcase_add_test(all, test_bytes_close_it_as_well);
	tcase_add_test(all, test_small_again_after_a_loss);
	tcase_add_test(all, test_tokens_that_say_nothing);
	tcase_add_test(all, test_no_limit_without_an_echo);
	suite_add_tcase(suite, all);
	return unit_main(suite);
}
