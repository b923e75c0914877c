// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* What systemd is told, seen at the other end of its socket (sd_notify(3)). */
#include "bus-kit.h"
#include "notify.h"
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int systemd;

static void listen_at(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));

	memcpy(address.sun_path, path, strlen(path));
	if (path[0] == '@')
		address.sun_path[0] = '\0';
	systemd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	ck_assert_int_ge(systemd, 0);
	ck_assert_int_eq(bind(systemd, (struct sockaddr *)&address, size), 0);
	setenv("NOTIFY_SOCKET", path, 1);
}

static void set_up(void)
{
	char path[100];

	kit_set_up();
	unsetenv("WATCHDOG_PID");
	snprintf(path, sizeof path, "%s/notify", kit.folder);
	listen_at(path);
}

static void tear_down(void)
{
	kit_tear_down();
	close(systemd);
}

/* The next datagram; "" when there is none. */
static const char *told(void)
{
	static char text[100];
	ssize_t size = recv(systemd, text, sizeof text - 1, 0);

	text[size > 0 ? size : 0] = '\0';
	return text;
}

START_TEST(test_ready_when_the_broker_has_the_status)
{
	kit_open(0);
	ck_assert_int_eq(devbus_ready(kit.bus), 0);
	kit_dispatch();
	ck_assert_str_eq(told(), "");
	fake_link_finish();
	ck_assert_str_eq(told(), "");
	fake_link_acknowledge_all();
	ck_assert_str_eq(told(), "READY=1");
	devbus_degraded(kit.bus, "x");
	fake_link_acknowledge_all();
	fake_link_lose("gone");
	kit_turn(60000);
	kit_settle();
	ck_assert_str_eq(told(), ""); /* once */
	kit_close();
	ck_assert_str_eq(told(), "STOPPING=1");
}
END_TEST

START_TEST(test_not_ready_before_devbus_ready)
{
	kit_open(0);
	kit_connect();
	ck_assert_str_eq(told(), "");
	ck_assert_int_eq(devbus_ready(kit.bus), 0);
	ck_assert_str_eq(told(), "");
	kit_settle();
	ck_assert_str_eq(told(), "READY=1");
}
END_TEST

/* A broker that is late must not hold the boot up. */
START_TEST(test_ready_when_the_first_attempt_failed)
{
	kit_open(0);
	if (_i == 0)
		ck_assert_int_eq(devbus_ready(kit.bus), 0);
	kit_dispatch();
	fake_link_lose("nobody answers");
	if (_i == 1) {
		ck_assert_str_eq(told(), "");
		ck_assert_int_eq(devbus_ready(kit.bus), 0);
	}
	ck_assert_str_eq(told(), "READY=1");
	ck_assert_str_eq(told(), "");
}
END_TEST

static const struct {
	const char *interval_us, *pid; /* NULL: not set; "": ours */
	uint32_t fed_ms;
} watchdogs[] = {
	{ NULL, NULL, 0 },
	{ "3000000", NULL, 1500 },
	{ "3000000", "", 1500 },
	{ "3000000", "1", 0 },
	{ "0", NULL, 0 },
	{ "x", NULL, 0 },
	{ "18446744073709551615", NULL, UINT32_MAX },
};

START_TEST(test_watchdog)
{
	char own_pid[16];
	const char *pid = watchdogs[_i].pid;
	uint32_t fed_ms = watchdogs[_i].fed_ms;

	snprintf(own_pid, sizeof own_pid, "%d", (int)getpid());
	if (watchdogs[_i].interval_us)
		setenv("WATCHDOG_USEC", watchdogs[_i].interval_us, 1);
	if (pid)
		setenv("WATCHDOG_PID", pid[0] ? pid : own_pid, 1);
	ck_assert_uint_eq(notify_watchdog_interval_ms(), fed_ms);
	kit_open(0);
	kit_dispatch();
	if (!fed_ms) {
		kit_turn(UINT32_MAX);
		ck_assert_str_eq(told(), "");
		return;
	}
	for (int i = 0; i < 3; i++) {
		kit_turn(fed_ms - 1);
		ck_assert_str_eq(told(), "");
		kit_turn(1);
		ck_assert_str_eq(told(), "WATCHDOG=1");
	}
}
END_TEST

START_TEST(test_abstract_socket)
{
	char path[100];

	close(systemd);
	snprintf(path, sizeof path, "@devbus-unit-%d", (int)getpid());
	listen_at(path);
	notify_send("READY=1");
	ck_assert_str_eq(told(), "READY=1");
}
END_TEST

/* Nothing of this may disturb the service. */
START_TEST(test_no_socket)
{
	static const char *const paths[] = { NULL, "", "relative", "/does/not/exist", "@nobody",
		"/0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890"
		"12345678901234567890" };

	if (paths[_i])
		setenv("NOTIFY_SOCKET", paths[_i], 1);
	else
		unsetenv("NOTIFY_SOCKET");
	notify_send("READY=1");
	ck_assert_str_eq(told(), "");
}
END_TEST

START_TEST(test_callers_say_nothing)
{
	setenv("WATCHDOG_USEC", "3000000", 1);
	kit_open(DEVBUS_CALLER);
	ck_assert_int_eq(devbus_ready(kit.bus), 0);
	kit_connect();
	kit_turn(3000);
	kit_close();
	ck_assert_str_eq(told(), "");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("notify");
	TCase *all = tcase_create("notify");

	tcase_add_checked_fixture(all, set_up, tear_down);
	tcase_add_test(all, test_ready_when_the_broker_has_the_status);
	tcase_add_test(all, test_not_ready_before_devbus_ready);
	tcase_add_loop_test(all, test_ready_when_the_first_attempt_failed, 0, 2);
	tcase_add_loop_test(all, test_watchdog, 0, LENGTH(watchdogs));
	tcase_add_test(all, test_abstract_socket);
	tcase_add_loop_test(all, test_no_socket, 0, 6);
	tcase_add_test(all, test_callers_say_nothing);
	suite_add_tcase(suite, all);
	return unit_main(suite);
}
