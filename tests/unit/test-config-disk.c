// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* The configuration on a disk that is not kind: killed writers, damaged files, no room. */
#include "config-kit.h"
#include "full-disk.h"
#include "json-text.h"
#include "unit.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SETS 200
#define KILLS 30

static double number_at(const struct devbus_json *object, const char *name)
{
	double number = -1;

	devbus_json_number(devbus_json_get(object, name), &number);
	return number;
}

/* ---- kill -9 */

/* In the child: values that tell which revision they belong to; a word to the parent after each. */
static void keep_setting(int pipe_end)
{
	char values[256];

	for (uint64_t i = history_top(&sections_find(sections, "net")->history) + 1;; i++) {
		snprintf(values, sizeof values, "{\"n\":%.0f,\"twice\":%.0f,\"padding\":\"%0100.0f\"}",
			(double)i, 2.0 * (double)i, (double)i);
		if (config_set("net", values) != 1)
			_exit(1);
		if (write(pipe_end, &i, sizeof i) != sizeof i)
			_exit(2);
	}
}

/* One life of the service, which ends some time during change number @until. The last one it told about. */
static uint64_t live_and_die(uint64_t until, unsigned delay_us)
{
	uint64_t told = 0;
	int ends[2];

	ck_assert_int_eq(pipe(ends), 0);
	pid_t child = fork();

	if (child == 0)
		keep_setting(ends[1]);
	close(ends[1]);
	while (told < until && read(ends[0], &told, sizeof told) == sizeof told) {
	}
	usleep(delay_us); /* not waiting for anything: another instant of the next write in each life */
	kill(child, SIGKILL);
	while (read(ends[0], &told, sizeof told) == sizeof told) {
	}
	close(ends[0]);
	int status;

	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(WTERMSIG(status), SIGKILL);
	return told;
}

/* What the owner, or its silence, makes of a trial that the kill left open. */
static void end_trial(struct section *section, bool keep)
{
	const struct devbus_error why = { DEVBUS_E_TIMEOUT, "no answer" };
	uint64_t before = section->trial.revision;

	if (section->trial.stage == TRIAL_NONE)
		return;
	if (keep) {
		ck_assert_int_eq(section_keep(&sections->folders, section), 0);
		return;
	}
	ck_assert_int_eq(section_undo(&sections->folders, section, &why), 0);
	ck_assert_uint_eq(section->revision, before);
}

START_TEST(kill_9_leaves_a_whole_revision)
{
	uint64_t told = 1, least;

	config_own("net");
	ck_assert_int_eq(config_set("net", "{\"n\":1,\"twice\":2}"), 1);
	for (unsigned i = 0; i < KILLS; i++) {
		least = told;
		told = live_and_die(told + SETS / KILLS, 37 * i);
		told = told > least ? told : least;
		config_restart();
		struct section *section = sections_find(sections, "net");

		ck_assert_ptr_null(sections_problem(sections));
		ck_assert_uint_ge(section->revision, told);
		ck_assert_uint_le(section->revision, told + 1);
		end_trial(section, i % 2);
		ck_assert_uint_ge(section->revision, told);
		ck_assert_double_eq(number_at(section->values, "n"), (double)section->revision);
		ck_assert_double_eq(number_at(section->values, "twice"), 2.0 * (double)section->revision);
		told = section->revision;
	}
	ck_assert_uint_ge(told, SETS - KILLS);
}
END_TEST

/* ---- damage */

static const char *const damages[] = {
	"",
	"{\"revision\":3,\"values\":{\"a\":3}",
	"{\"revision\":3}",
	"{\"values\":{\"a\":3}}",
	"{\"revision\":-1,\"values\":{\"a\":3}}",
	"{\"revision\":2.5,\"values\":{\"a\":3}}",
	"{\"revision\":\"3\",\"values\":{\"a\":3}}",
	"{\"revision\":3,\"values\":[]}",
	"{\"revision\":3,\"values\":{\"a\":3,\"a\":4}}",
	"[]",
	"\xff\xfe",
};

START_TEST(a_damaged_file_is_put_aside_and_the_last_good_revision_used)
{
	config_own("net");
	config_set("net", "{\"a\":1}");
	config_set("net", "{\"a\":2}");
	config_set("net", "{\"a\":3}");
	config_write("state/sections/net.json", damages[_i]);
	config_write("state/history/net/3.json", damages[_i]);
	config_restart();
	config_assert("net", "{\"section\":\"net\",\"revision\":2,\"values\":{\"a\":2}}");
	ck_assert(config_exists("state/sections/net.json.damaged"));
	ck_assert_ptr_nonnull(sections_problem(sections));
	ck_assert_ptr_nonnull(strstr(sections_problem(sections), "net.json.damaged"));
	ck_assert_ptr_nonnull(strstr(sections_problem(sections), "revision 2 is used"));
	ck_assert_int_eq(config_set("net", "{\"a\":5}"), 1);
	ck_assert_ptr_null(sections_problem(sections));
	config_restart();
	config_assert("net", "{\"section\":\"net\",\"revision\":3,\"values\":{\"a\":5}}");
	ck_assert_ptr_null(sections_problem(sections));
}
END_TEST

START_TEST(without_a_good_revision_the_defaults_are_used)
{
	config_own("net");
	config_own("bare");
	config_write("vendor/net.json", "{\"a\":7}");
	config_write("state/sections/net.json", "damaged");
	config_write("state/sections/bare.json", "damaged");
	config_restart();
	config_assert("net", "{\"section\":\"net\",\"revision\":0,\"values\":{\"a\":7}}");
	config_assert("bare", "{\"section\":\"bare\",\"revision\":0,\"values\":{}}");
	ck_assert_ptr_nonnull(strstr(sections_problem(sections), "the defaults are used"));
}
END_TEST

START_TEST(a_file_that_is_too_large_is_damaged)
{
	static char text[80000];

	config_own("net");
	snprintf(text, sizeof text, "{\"revision\":1,\"values\":{\"a\":\"%70000s\"}}", "");
	config_write("state/sections/net.json", text);
	config_restart();
	ck_assert_ptr_nonnull(strstr(sections_problem(sections), "too large"));
}
END_TEST

static const char *const vendor_damages[] = { "", "{\"a\":", "[]", "null", "\xff\xfe", "{\"a\":1,\"a\":2}" };

START_TEST(a_damaged_vendor_file_is_put_aside_and_the_last_good_one_used)
{
	config_own("net");
	config_write("vendor/net.json", "{\"a\":1}");
	config_restart();
	config_write("vendor/net.json", vendor_damages[_i]);
	config_restart();
	config_assert("net", "{\"section\":\"net\",\"revision\":0,\"values\":{\"a\":1}}");
	ck_assert_ptr_nonnull(strstr(sections_problem(sections), "net.json.damaged"));
	ck_assert(config_exists("vendor/net.json.damaged"));
	config_restart();
	config_assert("net", "{\"section\":\"net\",\"revision\":0,\"values\":{\"a\":1}}");
	config_write("vendor/net.json", "{\"a\":2}");
	config_restart();
	config_assert("net", "{\"section\":\"net\",\"revision\":0,\"values\":{\"a\":2}}");
}
END_TEST

START_TEST(a_missing_file_comes_back_from_the_history)
{
	config_own("net");
	config_set("net", "{\"a\":1}");
	config_set("net", "{\"a\":2}");
	config_delete("state/sections/net.json");
	config_restart();
	config_assert("net", "{\"section\":\"net\",\"revision\":2,\"values\":{\"a\":2}}");
	ck_assert(config_exists("state/sections/net.json"));
}
END_TEST

START_TEST(a_change_that_was_not_completed_is_forgotten)
{
	config_own("net");
	config_set("net", "{\"a\":1}");
	config_write("state/history/net/2.json",
		"{\"revision\":2,\"time\":\"" NOW "\",\"command\":\"id-2\",\"values\":{\"a\":2}}");
	config_restart();
	config_assert("net", "{\"section\":\"net\",\"revision\":1,\"values\":{\"a\":1}}");
	ck_assert_int_eq(config_set_by("net", "{\"a\":3}", "id-2"), 1);
	config_assert("net", "{\"section\":\"net\",\"revision\":2,\"values\":{\"a\":3}}");
}
END_TEST

START_TEST(what_a_power_cut_leaves_does_no_harm)
{
	config_own("net");
	config_set("net", "{\"a\":1}");
	config_write("state/sections/.net.json.new", "{\"revision\":2,\"val");
	config_write("state/history/net/.2.json.new", "{");
	config_restart();
	ck_assert_ptr_null(sections_problem(sections));
	ck_assert_int_eq(config_set("net", "{\"a\":2}"), 1);
	ck_assert(!config_exists("state/sections/.net.json.new"));
}
END_TEST

START_TEST(what_cannot_be_written_does_not_come_into_force)
{
	config_own("net");
	config_own("new");
	config_set("net", "{\"a\":1}");
	fill_disk();
	int changed = config_set("net", "{\"a\":2}"), made = config_set("new", "{\"a\":2}");

	free_disk();
	ck_assert_int_eq(changed, -EFBIG);
	ck_assert_int_eq(made, -EFBIG);
	ck_assert_str_eq(config_error.code, DEVBUS_E_IO_ERROR);
	ck_assert_uint_eq(sections_find(sections, "new")->revision, 0);
	config_assert("net", "{\"section\":\"net\",\"revision\":1,\"values\":{\"a\":1}}");
	config_restart();
	config_assert("net", "{\"section\":\"net\",\"revision\":1,\"values\":{\"a\":1}}");
	ck_assert_int_eq(config_set("net", "{\"a\":2}"), 1);
}
END_TEST

START_TEST(only_the_owner_may_read_the_files)
{
	char path[128];
	struct stat status;

	config_own("net");
	config_set("net", "{\"a\":1}");
	snprintf(path, sizeof path, "%s/state/sections/net.json", config_dir);
	ck_assert_int_eq(stat(path, &status), 0);
	ck_assert_uint_eq(status.st_mode & 0777, 0600);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("config-disk");
	TCase *tests = tcase_create("disk");

	tcase_set_timeout(tests, 60);
	tcase_add_checked_fixture(tests, config_set_up, config_tear_down);
	tcase_add_test(tests, kill_9_leaves_a_whole_revision);
	tcase_add_loop_test(
		tests, a_damaged_file_is_put_aside_and_the_last_good_revision_used, 0, LENGTH(damages));
	tcase_add_test(tests, without_a_good_revision_the_defaults_are_used);
	tcase_add_test(tests, a_file_that_is_too_large_is_damaged);
	tcase_add_loop_test(tests, a_damaged_vendor_file_is_put_aside_and_the_last_good_one_used, 0,
		LENGTH(vendor_damages));
	tcase_add_test(tests, a_missing_file_comes_back_from_the_history);
	tcase_add_test(tests, a_change_that_was_not_completed_is_forgotten);
	tcase_add_test(tests, what_a_power_cut_leaves_does_no_harm);
	tcase_add_test(tests, what_cannot_be_written_does_not_come_into_force);
	tcase_add_test(tests, only_the_owner_may_read_the_files);
	suite_add_tcase(suite, tests);
	return unit_main(suite);
}
