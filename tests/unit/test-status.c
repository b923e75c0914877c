// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* Birth, will and incarnation (protocol 3). */
#include "bus-kit.h"
#include "full-disk.h"
#include "json-text.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define STATUS "service/unit/status"

static void reconnect(void)
{
	fake_link_take_all();
	kit_turn(60000);
	ck_assert(fake_link->connecting);
}

static double incarnation_of(const struct fake_record *record)
{
	return strtod(kit_member(record, "incarnation"), NULL);
}

START_TEST(test_starting_then_online_then_offline)
{
	struct fake_record *record;
	char pid[16];

	snprintf(pid, sizeof pid, "%d", (int)getpid());
	kit_open(0);
	kit_dispatch();
	kit_settle();
	record = kit_published(STATUS);
	kit_assert_member(record, "state", "starting");
	kit_assert_member(record, "time", "2027-01-15T08:00:00.000Z");
	kit_assert_member(record, "pid", pid);
	kit_assert_member(record, "version", "7");
	kit_assert_member(record, "incarnation", "1");
	ck_assert_uint_eq(strlen(kit_member(record, "boot_id")), 36);
	ck_assert(record->qos == 1 && record->retained);
	ck_assert_int_eq(devbus_ready(kit.bus), 0);
	ck_assert_int_eq(devbus_ready(kit.bus), 0);
	kit_assert_member(kit_published(STATUS), "state", "online");
	ck_assert_ptr_null(kit_published(STATUS));
	/* A clean stop says so before it goes (protocol 3.4). */
	fake_link_acknowledge_all();
	fake_link->automatic = true;
	status_offline(kit.bus, "stopped");
	record = kit_published(STATUS);
	kit_assert_member(record, "state", "offline");
	kit_assert_member(record, "reason", "stopped");
	ck_assert(record->retained);
}
END_TEST

START_TEST(test_incarnation_grows_and_is_that_of_the_will)
{
	double before = 0;

	for (int restart = 0; restart < 2; restart++) {
		kit_open(0);
		kit_dispatch();
		for (int connect = 0; connect < 3; connect++) {
			struct fake_record *asked = fake_link_take(FAKE_CONNECT, NULL);
			struct fake_record *birth;

			kit_assert_member(asked, "state", "lost");
			ck_assert_double_eq(incarnation_of(asked), ++before);
			kit_settle();
			birth = kit_published(STATUS);
			ck_assert_double_eq(incarnation_of(birth), before);
			fake_link_lose("gone");
			kit_turn(60000);
		}
		before++; /* that of the connect under way */
		kit_close();
	}
}
END_TEST

/* A number that cannot be written still grows, and goes on growing when it can be written again. */
START_TEST(test_incarnation_with_a_full_disk)
{
	double before = 0;

	kit_start();
	fill_disk();
	for (int connect = 0; connect < 6; connect++) {
		struct fake_record *asked;

		if (connect == 4)
			free_disk();
		fake_link_lose("gone");
		reconnect();
		asked = fake_link_take(FAKE_CONNECT, NULL);
		ck_assert_double_gt(incarnation_of(asked), before);
		before = incarnation_of(asked);
		kit_settle();
		kit_assert_member(kit_published(STATUS), "state", connect < 4 ? "degraded" : "online");
	}
	kit_close();
	kit_open(0);
	kit_dispatch();
	ck_assert_double_eq(incarnation_of(fake_link_take(FAKE_CONNECT, NULL)), before + 1);
}
END_TEST

START_TEST(test_degraded)
{
	char reason[] = "no sensor";

	kit_open(0);
	kit_connect();
	ck_assert_int_eq(devbus_degraded(kit.bus, reason), 0);
	kit_assert_member(kit_published(STATUS), "state", "starting"); /* with the reason, for people */
	memset(reason, 'x', strlen(reason));
	ck_assert_int_eq(devbus_ready(kit.bus), 0);
	struct fake_record *record = kit_published(STATUS);
	kit_assert_member(record, "state", "degraded");
	kit_assert_member(record, "reason", "no sensor");
	ck_assert_int_eq(devbus_degraded(kit.bus, "no sensor"), 0);
	ck_assert_ptr_null(kit_published(STATUS));
	ck_assert_int_eq(devbus_degraded(kit.bus, "no fan"), 0);
	kit_assert_member(kit_published(STATUS), "reason", "no fan");
	fake_link_lose("gone");
	reconnect();
	kit_settle();
	kit_assert_member(kit_published(STATUS), "reason", "no fan");
	ck_assert_int_eq(devbus_degraded(kit.bus, NULL), 0);
	record = kit_published(STATUS);
	kit_assert_member(record, "state", "online");
	kit_assert_member(record, "reason", "(absent)");
	ck_assert_int_eq(devbus_degraded(kit.bus, NULL), 0);
	ck_assert_ptr_null(kit_published(STATUS));
}
END_TEST

/* The library's own problems and the service's are kept apart: one that ends does not hide the other. */
START_TEST(test_two_problems)
{
	kit_start();
	status_problem(kit.bus, STATUS_CONFIG, "config");
	kit_assert_member(kit_published(STATUS), "reason", "config");
	ck_assert_int_eq(devbus_degraded(kit.bus, "service"), 0);
	kit_assert_member(kit_published(STATUS), "reason", "service");
	ck_assert_int_eq(devbus_degraded(kit.bus, NULL), 0);
	struct fake_record *record = kit_published(STATUS);
	kit_assert_member(record, "state", "degraded");
	kit_assert_member(record, "reason", "config");
	status_problem(kit.bus, STATUS_CONFIG, NULL);
	kit_assert_member(kit_published(STATUS), "state", "online");
}
END_TEST

static const struct {
	const char *payload;
	bool answered;
} seen[] = {
	{ "{\"state\":\"lost\",\"incarnation\":1}", true },
	{ "{\"state\":\"lost\",\"incarnation\":99}", true },
	{ "{\"state\":\"lost\"}", true },
	{ "{\"state\":\"online\",\"incarnation\":1}", false },
	{ "{\"state\":\"offline\"}", false },
	{ "{\"state\":\"strange\"}", false },
	{ "{}", false },
	{ "no JSON", false },
	{ "", false },
};

START_TEST(test_own_lost_is_corrected)
{
	kit_start();
	fake_link_deliver_text(STATUS, seen[_i].payload);
	ck_assert_uint_eq(fake_link_count(FAKE_PUBLISH, STATUS), seen[_i].answered);
	if (seen[_i].answered)
		kit_assert_member(kit_published(STATUS), "state", "online");
}
END_TEST

/* The last word of a service that stops is "offline", whatever happens while it flushes. */
static void meddle(struct devbus *bus, void *userdata)
{
	switch (*(int *)userdata) {
	case 0:
		fake_link_deliver_text(STATUS, "{\"state\":\"lost\"}");
		break;
	case 1:
		devbus_degraded(bus, "late");
		break;
	case 2:
		devbus_ready(bus);
		break;
	default:
		devbus_publish_json(bus, DEVBUS_STATE, "x", parse("{}"));
		break;
	}
}

START_TEST(test_offline_is_the_last_word)
{
	char last[32] = "";
	int what = _i;

	kit_open(0);
	kit_connect();
	ck_assert_int_eq(devbus_after(kit.bus, 1, meddle, &what, NULL), 0);
	fake_clock_turn(&kit.time, 1); /* due: runs while close waits for the broker */
	status_offline(kit.bus, "stopped");
	kit.time.step_ms = 10;
	fake_link->automatic = true;
	bus_disconnect(kit.bus, 2000);
	for (struct fake_record *record; (record = kit_published(STATUS));)
		snprintf(last, sizeof last, "%s", kit_member(record, "state"));
	ck_assert_str_eq(last, "offline");
}
END_TEST

/* The helper thread's connect succeeds while the stop waits for it: nobody may read "online" of a service that is gone. */
START_TEST(test_connected_while_closing)
{
	struct fake_record *record, *last = NULL;

	kit_open(0);
	ck_assert_int_eq(devbus_ready(kit.bus), 0);
	kit_dispatch();
	fake_link->connects_late = true;
	status_offline(kit.bus, "stopped");
	kit.time.step_ms = 250;
	bus_disconnect(kit.bus, 2000);
	kit.time.step_ms = 0;
	while ((record = kit_published(STATUS)))
		last = record;
	kit_assert_member(last, "state", "offline");
	ck_assert_ptr_nonnull(fake_link_take(FAKE_DISCONNECT, NULL));
}
END_TEST

/* A status that is larger than a payload may be would be nobody's. */
START_TEST(test_reason_is_cut)
{
	char reason[2001] = "";

	kit_setting("payload_limit_bytes", "1024");
	kit_start();
	memset(reason, 'x', sizeof reason - 1);
	ck_assert_int_eq(devbus_degraded(kit.bus, reason), 0);
	reason[255] = '\0';
	kit_assert_member(kit_published(STATUS), "reason", reason);
	ck_assert_int_eq(devbus_degraded(kit.bus, NULL), 0);
	kit_assert_member(kit_published(STATUS), "state", "online");
}
END_TEST

/* Whoever made it is told nothing any more, so it is not to be carried out either. */
START_TEST(test_no_call_goes_out_while_closing)
{
	kit_open(0);
	ck_assert_int_eq(
		devbus_call(kit.bus, &(struct devbus_call) { .service = "other", .method = "do" }, NULL), 0);
	kit_dispatch();
	fake_link->connects_late = true;
	kit.time.step_ms = 250;
	bus_disconnect(kit.bus, 2000);
	kit.time.step_ms = 0;
	ck_assert_ptr_nonnull(kit_published(STATUS));
	ck_assert_ptr_null(kit_published("service/other/call/do"));
}
END_TEST

static void finish_connect(void *userdata)
{
	(void)userdata;
	fake_link_finish();
}

/* A broker that cannot acknowledge "offline", because we left at once, says "lost" in its place. */
START_TEST(test_closing_waits_for_the_connection)
{
	struct fake_record *record, *last = NULL;
	struct loop_timer *timer;

	kit_open(0);
	ck_assert_int_eq(devbus_ready(kit.bus), 0);
	kit_dispatch();
	fake_link->automatic = true;
	ck_assert_int_eq(loop_timer_new(kit.bus->loop, finish_connect, NULL, &timer), 0);
	loop_timer_set(timer, loop_now_ms(kit.bus->loop) + 100);
	status_offline(kit.bus, "stopped");
	kit.time.step_ms = 10;
	bus_disconnect(kit.bus, 2000);
	kit.time.step_ms = 0;
	loop_timer_free(timer);
	while ((record = kit_published(STATUS)))
		last = record;
	kit_assert_member(last, "state", "offline");
	ck_assert(last->acknowledged);
	ck_assert_ptr_nonnull(fake_link_take(FAKE_DISCONNECT, NULL));
}
END_TEST

START_TEST(test_states_are_published_again)
{
	kit_start();
	for (int i = 1; i <= 2; i++)
		ck_assert_int_eq(devbus_publish_json(kit.bus, DEVBUS_STATE, "a",
					 parse(i == 1 ? "{\"v\":1}" : "{\"v\":2}")),
			0);
	ck_assert_int_eq(devbus_publish_json(kit.bus, DEVBUS_STATE, "b", parse("{\"v\":3}")), 0);
	ck_assert_uint_eq(fake_link_count(FAKE_PUBLISH, NULL), 3);
	for (int i = 0; i < 2; i++) {
		fake_link_lose("gone");
		reconnect();
		ck_assert_uint_eq(fake_link_count(FAKE_PUBLISH, NULL), 0);
		kit_settle();
		ck_assert_str_eq(fake_link_take(FAKE_PUBLISH, NULL)->name, STATUS);
		kit_assert_member(kit_published("service/unit/state/a"), "v", "2");
		kit_assert_member(kit_published("service/unit/state/b"), "v", "3");
		ck_assert_uint_eq(fake_link_count(FAKE_PUBLISH, NULL), 0);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("status");
	TCase *all = tcase_create("status");

	tcase_add_checked_fixture(all, kit_set_up, kit_tear_down);
	tcase_add_test(all, test_starting_then_online_then_offline);
	tcase_add_test(all, test_incarnation_grows_and_is_that_of_the_will);
	tcase_add_test(all, test_incarnation_with_a_full_disk);
	tcase_add_test(all, test_degraded);
	tcase_add_test(all, test_two_problems);
	tcase_add_loop_test(all, test_own_lost_is_corrected, 0, LENGTH(seen));
	tcase_add_loop_test(all, test_offline_is_the_last_word, 0, 4);
	tcase_add_test(all, test_reason_is_cut);
	tcase_add_test(all, test_connected_while_closing);
	tcase_add_test(all, test_no_call_goes_out_while_closing);
	tcase_add_test(all, test_closing_waits_for_the_connection);
	tcase_add_test(all, test_states_are_published_again);
	suite_add_tcase(suite, all);
	return unit_main(suite);
}
