// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* Which way of rebooting is taken, and what it answers. Neither reboot(2) nor a logind of this machine is ever reached from here. */
#include "../../services/reboot/alarm.h"
#include "../../services/reboot/backend.h"
#include "bus-kit.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/reboot.h>
#include <unistd.h>

int __wrap_reboot(int command);
void __wrap_sync(void);

static unsigned reboots, syncs;

int __wrap_reboot(int command)
{
	ck_assert_int_eq(command, RB_AUTOBOOT);
	ck_assert_uint_eq(syncs, reboots + 1);
	reboots++;
	errno = EPERM;
	return -1;
}

void __wrap_sync(void)
{
	syncs++;
}

static struct backends backends;
static struct {
	unsigned times;
	enum answer answer;
	struct devbus_error error;
} told;

static void on_answer(enum answer answer, const struct devbus_error *error, void *userdata)
{
	ck_assert_ptr_eq(userdata, &told);
	told.times++;
	told.answer = answer;
	told.error = *error;
}

static void set_up(void)
{
	kit_set_up();
	kit_start();
	setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/no/such/bus", 1);
	backends = (struct backends) { .bus = kit.bus };
}

static void tear_down(void)
{
	backends_cancel(&backends);
	kit_tear_down();
}

static void await(void)
{
	kit_turn(1);
	while (told.times == 0) {
		ck_assert_int_eq(poll(&(struct pollfd) { devbus_fd(kit.bus), POLLIN, 0 }, 1, 20000), 1);
		kit_dispatch();
	}
	ck_assert_uint_eq(told.times, 1);
}

static const struct {
	const char *choice, *command;
	bool running;
	enum answer answer;
	const char *code, *message; /* its beginning */
	unsigned reboots;
} ways[] = {
	{ "auto", "true", false, ANSWER_YES, "", "", 0 },
	{ "auto", "true", true, ANSWER_YES, "", "", 0 },
	{ "auto", "false", true, ANSWER_NO, "io-error", "false: exit status 1",
		0 }, /* it is there, so it is believed */
	{ "auto", "/no/such/program", false, ANSWER_YES, "", "", 0 },
	{ "auto", "/no/such/program", true, ANSWER_NO, "io-error", "reboot(2): Operation not permitted", 1 },
	{ "auto", "", true, ANSWER_NO, "io-error", "reboot(2): ", 1 },
	{ "command", "true", true, ANSWER_YES, "", "", 0 },
	{ "command", "/no/such/program", false, ANSWER_NO, "io-error", "/no/such/program: no such program",
		0 },
	{ "command", "/no/such/program", true, ANSWER_NO, "io-error", "/no/such/program: no such program",
		0 },
	{ "command", "", true, ANSWER_NO, "io-error", "the setting command is empty", 0 },
	{ "logind", "true", false, ANSWER_NO, "io-error", "logind: ", 0 },
	{ "logind", "true", true, ANSWER_NO, "io-error", "logind: ", 0 },
	{ "kernel", "true", false, ANSWER_YES, "", "", 0 },
	{ "kernel", "true", true, ANSWER_NO, "io-error", "reboot(2): Operation not permitted", 1 },
};

START_TEST(test_way)
{
	backends.choice = ways[_i].choice;
	backends.command = ways[_i].command;
	ck_assert_int_eq((ways[_i].running ? backends_run : backends_check)(&backends, on_answer, &told), 0);
	ck_assert_uint_eq(told.times, 0);
	await();
	ck_assert_int_eq(told.answer, ways[_i].answer);
	ck_assert_uint_eq(reboots, ways[_i].reboots);
	if (told.answer == ANSWER_YES)
		return;
	ck_assert_str_eq(told.error.code, ways[_i].code);
	ck_assert_msg(strncmp(told.error.message, ways[_i].message, strlen(ways[_i].message)) == 0, "%s",
		told.error.message);
}
END_TEST

START_TEST(test_stopped_is_silent)
{
	backends.choice = "command";
	backends.command = "sleep 600";
	ck_assert_int_eq(backends_run(&backends, on_answer, &told), 0);
	kit_turn(1);
	ck_assert_ptr_nonnull(backends.program);
	backends_cancel(&backends);
	ck_assert_ptr_null(backends.program);
	ck_assert_int_eq(backends_check(&backends, on_answer, &told), 0);
	backends_stop(&backends);
	kit_turn(1);
	ck_assert_uint_eq(told.times, 0);
}
END_TEST

/* ---- the alarm, in real time: the kernel counts */

static void on_alarm(struct devbus *bus, void *userdata)
{
	(void)bus;
	++*(unsigned *)userdata;
}

START_TEST(test_alarm)
{
	unsigned first = 0, second = 0;
	struct alarm alarm = { 0 };
	uint64_t began_ms = boot_clock_ms();
	ck_assert_int_eq(alarm_set(&alarm, kit.bus, 0, on_alarm, &first), 0);
	ck_assert_int_eq(alarm_set(&alarm, kit.bus, 50, on_alarm, &second), 0);
	while (second == 0) {
		poll(&(struct pollfd) { devbus_fd(kit.bus), POLLIN, 0 }, 1, 1000);
		kit_dispatch();
	}
	ck_assert_uint_ge(boot_clock_ms() - began_ms, 50);
	ck_assert_uint_eq(first, 0);
	ck_assert_uint_eq(second, 1);
	ck_assert_int_eq(alarm.fd, 0);
	ck_assert_int_eq(alarm_set(&alarm, kit.bus, 0, on_alarm, &first), 0);
	alarm_stop(&alarm);
	alarm_stop(&alarm);
	kit_dispatch();
	ck_assert_uint_eq(first, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("reboot-backends");
	TCase *all = tcase_create("backends");
	tcase_add_checked_fixture(all, set_up, tear_down);
	tcase_add_loop_test(all, test_way, 0, LENGTH(ways));
	tcase_add_test(all, test_stopped_is_silent);
	tcase_add_test(all, test_alarm);
	suite_add_tcase(suite, all);
	return unit_main(suite);
}
