// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* The connection: opened, lost, tried again, closed. */
#include "bus-kit.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define OPTIONS(...) (&(struct devbus_options) { .name = "unit", __VA_ARGS__ })

/* ---- open */

START_TEST(test_open)
{
	char version[] = "7.7", name[] = "unit";
	struct stat status;
	char state_dir[128];

	ck_assert_int_eq(kit_try_open(&(struct devbus_options) { .name = name, .version = version }), 0);
	memset(version, 'x', 3); /* borrowed until open returns, like all of the options */
	memset(name, 'x', 4);
	ck_assert_str_eq(devbus_name(kit.bus), "unit");
	ck_assert_str_eq(devbus_device_id(kit.bus), "device");
	snprintf(state_dir, sizeof state_dir, "%s/state/unit", kit.folder);
	ck_assert_str_eq(devbus_state_dir(kit.bus), state_dir);
	ck_assert_int_eq(stat(state_dir, &status), 0);
	ck_assert_uint_eq(status.st_mode & 0777, 0700);
	ck_assert(!devbus_connected(kit.bus));
	kit_dispatch();
	ck_assert_str_eq(fake_link->options.client_id, "device-unit");
	ck_assert_str_eq(fake_link->options.user, "unit");
	ck_assert_uint_eq(fake_link->options.port, 1883);
	ck_assert_uint_eq(fake_link->options.keepalive_s, 10);
	ck_assert(!fake_link->options.clean);
	ck_assert_str_eq(fake_link->options.will_topic, "service/unit/status");
	kit_settle();
	ck_assert(devbus_connected(kit.bus));
	kit_assert_member(kit_published("service/unit/status"), "version", "7.7");
}
END_TEST

START_TEST(test_open_a_caller)
{
	kit_open(DEVBUS_CALLER);
	kit_dispatch();
	ck_assert_int_eq(strncmp(fake_link->options.client_id, "unit-", 5), 0);
	ck_assert(fake_link->options.clean);
	ck_assert_ptr_null(fake_link->options.will_topic);
	ck_assert_ptr_null(devbus_state_dir(kit.bus));
	ck_assert_uint_eq(fake_link_count(FAKE_SUBSCRIBE, NULL), 0);
	kit_settle();
	ck_assert_uint_eq(fake_link_count(FAKE_PUBLISH, NULL), 0);
	ck_assert_int_eq(devbus_ready(kit.bus), 0);
	ck_assert_int_eq(devbus_degraded(kit.bus, "nobody is told"), 0);
}
END_TEST

static const struct {
	struct devbus_options options;
	const char *key, *value;
	int result;
} refusals[] = {
	{ { .name = NULL }, NULL, NULL, -EINVAL },
	{ { .name = "" }, NULL, NULL, -EINVAL },
	{ { .name = "Unit" }, NULL, NULL, -EINVAL },
	{ { .name = "a/b" }, NULL, NULL, -EINVAL },
	{ { .name = "unit", .broker = "nowhere" }, NULL, NULL, -EINVAL },
	{ { .name = "unit" }, "broker", "nowhere", -EINVAL },
	{ { .name = "unit" }, "keepalive_s", "1", -EINVAL },
	{ { .name = "unit", .user = "not a level" }, NULL, NULL, -EINVAL },
	{ { .name = "unit" }, "password_file", "/does/not/exist", -ENOENT },
	{ { .name = "unit" }, "state_dir", "/dev/null/x", -ENOTDIR },
};

/* A failure leaves nothing behind: no lock, no memory, and the next try may succeed. What is wrong is said. */
START_TEST(test_open_refuses)
{
	char said[512] = "", *state_dir = strdup(getenv("DEVBUS_STATE_DIR"));
	int ends[2], stderr_fd = dup(STDERR_FILENO);

	if (refusals[_i].key)
		kit_setting(refusals[_i].key, refusals[_i].value);
	ck_assert_int_eq(pipe2(ends, O_NONBLOCK), 0);
	dup2(ends[1], STDERR_FILENO);
	ck_assert_int_eq(kit_try_open(&refusals[_i].options), refusals[_i].result);
	dup2(stderr_fd, STDERR_FILENO);
	ck_assert_msg(read(ends[0], said, sizeof said - 1) > 0, "nothing was said");
	ck_assert_ptr_null(kit.bus);
	if (refusals[_i].key)
		kit_setting(refusals[_i].key, "");
	setenv("DEVBUS_STATE_DIR", state_dir, 1); /* one of the cases was about it */
	free(state_dir);
	kit_open(0);
}
END_TEST

START_TEST(test_one_bus_in_a_process)
{
	struct devbus *second = NULL;

	kit_open(0);
	ck_assert_int_eq(bus_open(OPTIONS(.flags = DEVBUS_CALLER),
				 &(struct bus_parts) { .link_new = fake_link_new }, &second),
		-EBUSY);
	ck_assert_ptr_null(second);
	kit_close();
	kit_open(0);
}
END_TEST

/* A thread that still uses Paho: another bus would disturb it. */
START_TEST(test_no_bus_beside_a_thread_left_behind)
{
	kit_open(0);
	fake_link->left_behind = true;
	kit_close();
	ck_assert_int_eq(kit_try_open(OPTIONS(.version = NULL)), -EBUSY);
}
END_TEST

START_TEST(test_one_service_of_a_name)
{
	char path[160];
	int fd;

	kit_open(0);
	kit_close();
	snprintf(path, sizeof path, "%s/state/unit/lock", kit.folder);
	fd = open(path, O_RDWR | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(flock(fd, LOCK_EX | LOCK_NB), 0);
	ck_assert_int_eq(kit_try_open(OPTIONS(.flags = 0)), -EADDRINUSE);
	kit_open(DEVBUS_CALLER); /* no lock, and any number of them */
	kit_close();
	close(fd);
	kit_open(0);
}
END_TEST

/* ---- back-off */

/* How long after the loss the next attempt begins, found by turning the clock 1 ms at a time. */
static int64_t next_attempt_ms(void)
{
	for (int64_t ms = 0; ms < 100000; ms++) {
		if (fake_link_take(FAKE_CONNECT, NULL))
			return ms;
		kit_turn(1);
	}
	ck_abort_msg("no further attempt");
	return 0;
}

START_TEST(test_back_off_grows_up_to_the_cap_with_jitter)
{
	int64_t most_seen_ms = 0, least_seen_ms = 100000;

	kit_setting("reconnect_min_ms", "10");
	kit_setting("reconnect_max_ms", "1000");
	kit_open(0);
	kit_dispatch();
	ck_assert_ptr_nonnull(fake_link_take(FAKE_CONNECT, NULL));
	for (int failure = 0; failure < 60; failure++) {
		int64_t bound_ms = failure < 7 ? 10 << failure : 1000;
		int64_t waited_ms;

		fake_link_lose("nobody answers");
		waited_ms = next_attempt_ms();
		ck_assert_int_ge(waited_ms, 10);
		ck_assert_int_le(waited_ms, bound_ms);
		if (failure >= 10 && waited_ms > most_seen_ms)
			most_seen_ms = waited_ms;
		if (failure >= 10 && waited_ms < least_seen_ms)
			least_seen_ms = waited_ms;
	}
	ck_assert_int_gt(most_seen_ms, 700); /* 50 numbers up to 1000: all below with a chance of 10^-8 */
	ck_assert_int_lt(least_seen_ms, 300);
	ck_assert_uint_eq(kit.bus->stats.connect_failures, 60);
}
END_TEST

/* Only a connection that lasted begins anew; one that is lost at once goes on where it was. */
START_TEST(test_back_off_begins_anew_after_a_stable_connection)
{
	static const struct {
		int64_t lasts_ms, bound_ms;
	} cases[] = { { 10000, 10 }, { 3600000, 10 }, { 9999, 40 }, { 0, 40 } };

	kit_setting("reconnect_min_ms", "10");
	kit_open(0);
	kit_dispatch();
	for (int i = 0; i < 2; i++) {
		fake_link_lose("nobody answers");
		fake_link_take_all();
		next_attempt_ms();
	}
	kit_settle();
	kit_turn(cases[_i].lasts_ms);
	fake_link_take_all();
	fake_link_lose("gone");
	ck_assert_int_le(next_attempt_ms(), cases[_i].bound_ms);
	ck_assert_uint_eq(kit.bus->failures, cases[_i].bound_ms == 10 ? 1 : 3);
	ck_assert_uint_eq(kit.bus->stats.losses, 1);
}
END_TEST

START_TEST(test_connect_that_cannot_begin)
{
	kit_open(0);
	fake_link->connect_result = -ENOMEM;
	kit_dispatch();
	for (int i = 0; i < 3; i++)
		kit_turn(60000);
	ck_assert_uint_eq(kit.bus->failures, 4);
	fake_link->connect_result = 0;
	kit_turn(60000);
	kit_settle();
	ck_assert(devbus_connected(kit.bus));
}
END_TEST

START_TEST(test_wall_clock_steps_change_nothing)
{
	static const int64_t steps_ms[] = { -FAKE_CLOCK_WALL_MS, 1000LL * 86400 * 36500, 3600000 };

	kit_open(0);
	kit_dispatch();
	fake_link_lose("nobody answers");
	fake_link_take_all();
	kit.time.wall_ms += steps_ms[_i];
	kit_dispatch();
	ck_assert_uint_eq(fake_link_count(FAKE_CONNECT, NULL), 0);
	ck_assert_int_eq(next_attempt_ms(), 100);
}
END_TEST

/* ---- close */

START_TEST(test_close_without_a_broker)
{
	kit_open(0);
	if (_i > 0)
		kit_dispatch(); /* connecting */
	if (_i > 1)
		fake_link_lose("nobody answers");
	kit_close();
	devbus_close(NULL);
}
END_TEST

/* What waits is sent, for as long as stop_timeout_ms; a broker that does not answer does not hold the stop up. */
START_TEST(test_close_sends_what_waits)
{
	static const struct devbus_field none[] = { { 0 } };
	int64_t begun_ms;

	kit_setting("stop_timeout_ms", "500");
	kit_start();
	fake_link->publish_result = -EAGAIN;
	ck_assert_int_eq(devbus_publish(kit.bus, DEVBUS_CLOUD_RELIABLE, "x", none, NULL), 0);
	begun_ms = kit.time.monotonic_ms;
	kit_close();
	ck_assert_int_ge(kit.time.monotonic_ms, begun_ms + 500);
	ck_assert_int_le(kit.time.monotonic_ms, begun_ms + 1500);
}
END_TEST

/* ---- run */

static void quit(struct devbus *bus, void *userdata)
{
	int signal_number = *(int *)userdata;

	if (signal_number)
		raise(signal_number);
	else
		devbus_quit(bus);
}

static const int stops[] = { 0, SIGTERM, SIGINT };

START_TEST(test_run)
{
	int stop = stops[_i];
	sigset_t before, after;

	pthread_sigmask(SIG_SETMASK, NULL, &before);
	kit_open(0);
	ck_assert_int_eq(devbus_after(kit.bus, 1, quit, &stop, NULL), 0);
	fake_clock_turn(&kit.time, 1);
	ck_assert_int_eq(devbus_run(kit.bus), 0);
	devbus_quit(kit.bus); /* also before it runs */
	ck_assert_int_eq(devbus_run(kit.bus), 0);
	pthread_sigmask(SIG_SETMASK, NULL, &after);
	ck_assert_int_eq(sigismember(&after, SIGTERM), sigismember(&before, SIGTERM));
	kit_settle();
	kit_assert_member(kit_published("service/unit/status"), "state", "online");
}
END_TEST

static void *quit_from_a_thread(void *bus)
{
	devbus_quit(bus);
	return NULL;
}

START_TEST(test_quit_from_another_thread)
{
	pthread_t thread;

	kit_open(DEVBUS_CALLER);
	ck_assert_int_eq(pthread_create(&thread, NULL, quit_from_a_thread, kit.bus), 0);
	ck_assert_int_eq(devbus_run(kit.bus), 0);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
}
END_TEST

struct own {
	uint32_t level;
	char secret[16];
};
static const struct devbus_field own_fields[] = {
	DEVBUS_FIELD(struct own, level, .initial = 3, .max = 10),
	DEVBUS_FIELD(struct own, secret),
	{ 0 },
};

START_TEST(test_settings_of_the_service)
{
	struct own own;

	kit_open(0);
	ck_assert_int_eq(devbus_settings(kit.bus, own_fields, &own), 0);
	ck_assert_uint_eq(own.level, 3);
	setenv("DEVBUS_UNIT_LEVEL", "7", 1);
	ck_assert_int_eq(devbus_settings(kit.bus, own_fields, &own), 0);
	ck_assert_uint_eq(own.level, 7);
	setenv("DEVBUS_UNIT_LEVEL", "11", 1);
	ck_assert_int_eq(devbus_settings(kit.bus, own_fields, &own), -EINVAL);
	ck_assert_uint_gt(strlen(devbus_version()), 0);
}
END_TEST

/* An open that failed, or another bus before this one, must not take it for good. */
START_TEST(test_http_proxy_is_lent)
{
	setenv("http_proxy", "http://proxy:3128", 1);
	ck_assert_int_lt(kit_try_open(&(struct devbus_options) { .name = "unit", .broker = "nowhere" }), 0);
	for (int i = 0; i < 2; i++) {
		kit_open(0);
		ck_assert_ptr_null(getenv("http_proxy"));
		ck_assert_str_eq(devbus_http_proxy(kit.bus), "http://proxy:3128");
		kit_close();
	}
	ck_assert_str_eq(getenv("http_proxy"), "http://proxy:3128");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("bus");
	TCase *all = tcase_create("bus");

	tcase_add_checked_fixture(all, kit_set_up, kit_tear_down);
	tcase_add_test(all, test_open);
	tcase_add_test(all, test_open_a_caller);
	tcase_add_loop_test(all, test_open_refuses, 0, LENGTH(refusals));
	tcase_add_test(all, test_one_bus_in_a_process);
	tcase_add_test(all, test_no_bus_beside_a_thread_left_behind);
	tcase_add_test(all, test_one_service_of_a_name);
	tcase_add_test(all, test_back_off_grows_up_to_the_cap_with_jitter);
	tcase_add_loop_test(all, test_back_off_begins_anew_after_a_stable_connection, 0, 4);
	tcase_add_test(all, test_connect_that_cannot_begin);
	tcase_add_loop_test(all, test_wall_clock_steps_change_nothing, 0, 3);
	tcase_add_loop_test(all, test_close_without_a_broker, 0, 3);
	tcase_add_test(all, test_close_sends_what_waits);
	tcase_add_loop_test(all, test_run, 0, LENGTH(stops));
	tcase_add_test(all, test_quit_from_another_thread);
	tcase_add_test(all, test_settings_of_the_service);
	tcase_add_test(all, test_http_proxy_is_lent);
	suite_add_tcase(suite, all);
	return unit_main(suite);
}
