// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* What the bus says and does after its store was damaged, and when power goes while the store is replaced. */
#include "durable-kit.h"
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>

static char first_stream[17];

static const char *path_of(const char *suffix)
{
	static char path[160];

	snprintf(path, sizeof path, "%s/state/unit/devbus.db%s", kit.folder, suffix);
	return path;
}

static void run_sql(const char *sql)
{
	sqlite3 *database;

	ck_assert_int_eq(sqlite3_open(path_of(""), &database), SQLITE_OK);
	ck_assert_int_eq(sqlite3_exec(database, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(database);
}

/* Ten events, of which the third is no more what it was. */
static void set_up(void)
{
	serve_set_up();
	kit_open(0);
	publish_durable(10);
	strcpy(first_stream, store_stream(kit.bus->store));
	kit_kill();
	run_sql("UPDATE event SET payload = replace(payload, 'x', 'y') WHERE seq = 3");
}

START_TEST(test_says_so_and_sends_what_is_kept)
{
	static const int kept[] = { 1, 2, 4, 5, 6, 7, 8, 9, 10 };
	struct fake_record *record;
	char number[16];

	kit_open(0);
	ck_assert_str_ne(store_stream(kit.bus->store), first_stream);
	ck_assert_int_eq(devbus_ready(kit.bus), 0);
	kit_dispatch();
	fake_link_finish();
	acknowledge_all();
	record = kit_published("service/unit/status");
	kit_assert_member(record, "state", "degraded");
	kit_assert_member(record, "reason",
		"devbus.db was damaged: 9 events and 0 commands are kept, others may be lost");
	for (int i = 0; i < LENGTH(kept); i++) {
		record = kit_published(EVENT_TOPIC);
		snprintf(number, sizeof number, "%d", kept[i]);
		kit_assert_member(record, "seq", number);
		kit_assert_member(record, "stream", first_stream);
	}
	publish_durable(1);
	acknowledge_all();
	assert_sent(11, 11);
	kit_kill();
	kit_open(0); /* the next start is in order again */
	ck_assert_int_eq(devbus_ready(kit.bus), 0);
	kit_dispatch();
	fake_link_finish();
	ck_assert_str_eq(state_now(), "online");
}
END_TEST

static void acknowledge_from_cloud(const char *stream, int seq)
{
	char text[100];

	snprintf(text, sizeof text, "{\"stream\":\"%s\",\"seq\":%d}", stream, seq);
	fake_link_deliver_text("cloud/command/unit/ack", text);
}

START_TEST(test_cloud_acknowledges_what_is_kept)
{
	kit_setting("confirm", "ack");
	kit_open(0);
	serve();
	kit_connect();
	publish_durable(2);
	assert_waiting(11);
	acknowledge_from_cloud("ffffffffffffffff", 5);
	assert_waiting(11);
	acknowledge_from_cloud(first_stream, 3); /* the lost one: all before it */
	assert_waiting(9);
	acknowledge_from_cloud(first_stream, 10);
	assert_waiting(2);
	acknowledge_from_cloud(first_stream, 11); /* that one is of the new stream */
	assert_waiting(2);
	acknowledge_from_cloud(store_stream(kit.bus->store), 12);
	assert_waiting(0);
}
END_TEST

/* Damage while the service runs: nothing wrong goes out, and it is said. */
START_TEST(test_rot_while_open)
{
	kit_open(0);
	publish_durable(3);
	run_sql("UPDATE event SET payload = replace(payload, 'x', 'z') WHERE seq = 5");
	ck_assert_int_eq(devbus_ready(kit.bus), 0);
	kit_dispatch();
	fake_link_finish();
	acknowledge_all();
	for (struct fake_record *record; (record = kit_published(EVENT_TOPIC));)
		ck_assert_str_eq(kit_member(record, "text"), "x");
	ck_assert_int_eq(durable_count(kit.bus), 12);
	reopen();
	ck_assert_int_eq(durable_count(kit.bus), 11);
}
END_TEST

/* ---- power goes between the steps of a replacement (store-open.c) */

static void move(const char *from, const char *to)
{
	char old[160];

	strcpy(old, path_of(from));
	ck_assert_int_eq(rename(old, path_of(to)), 0);
}

/* The new one is whole; of the damaged one nothing, the log, or all was put aside. */
START_TEST(test_power_cut_while_replaced)
{
	kit_open(0); /* makes the new one */
	publish_durable(1);
	kit_close();
	if (_i == 0)
		move("", ".salvaged");
	else
		move("", ".salvaged"), move(".damaged-1", "");
	if (_i == 2)
		ck_assert_int_ge(open(path_of(".new"), O_CREAT | O_WRONLY, 0600), 0);
	kit_open(0);
	ck_assert_int_eq(durable_count(kit.bus), 10);
	ck_assert_int_eq(access(path_of(".salvaged"), F_OK), -1);
}
END_TEST

/* A new one under way is nothing yet. */
START_TEST(test_power_cut_while_made)
{
	int fd = open(path_of(".new"), O_CREAT | O_WRONLY, 0600);

	ck_assert_int_eq(write(fd, "half of it", 10), 10);
	close(fd);
	kit_open(0);
	ck_assert_int_eq(durable_count(kit.bus), 9);
	ck_assert_int_eq(access(path_of(".new"), F_OK), -1);
	ck_assert_int_eq(access(path_of(".damaged-1"), F_OK), 0);
}
END_TEST

/* The name of the database is gone, its log is not. */
START_TEST(test_log_alone)
{
	pid_t child = fork();

	if (child == 0) {
		kit_open(0);
		publish_durable(4);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(child, NULL, 0), child);
	move("", ".lost");
	kit_open(0);
	ck_assert_int_ge((int)durable_count(kit.bus), 4);
	ck_assert_int_eq(access(path_of(".damaged-2-wal"), F_OK), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("salvage");
	TCase *tests = tcase_create("salvage");

	suite_add_tcase(suite, tests);
	tcase_set_timeout(tests, 60);
	tcase_add_checked_fixture(tests, set_up, kit_tear_down);
	tcase_add_test(tests, test_says_so_and_sends_what_is_kept);
	tcase_add_test(tests, test_cloud_acknowledges_what_is_kept);
	tcase_add_test(tests, test_rot_while_open);
	tcase_add_loop_test(tests, test_power_cut_while_replaced, 0, 3);
	tcase_add_test(tests, test_power_cut_while_made);
	tcase_add_test(tests, test_log_alone);
	return unit_main(suite);
}
