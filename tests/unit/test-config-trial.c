// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* Changes that are not decided yet, over deaths of the service; what is secret; and what a vendor's new values do. */
#include "config-kit.h"
#include "json-text.h"
#include "unit.h"

#include "services/config/layers.h"
#include "services/config/mask.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct devbus_error no = { "refused", "net did not take it" };

static struct section *net(void)
{
	struct section *section = sections_find(sections, "net");

	ck_assert_ptr_nonnull(section);
	return section;
}

static void set_up(void)
{
	config_set_up();
	config_own("net");
	ck_assert_int_eq(config_set("net", "{\"a\":1}"), 1);
}

static void undo(void)
{
	ck_assert_int_eq(section_undo(&sections->folders, net(), &no), 0);
}

/* ---- trials */

START_TEST(a_trial_goes_on_after_a_restart)
{
	ck_assert_int_eq(config_begin("net", "{\"a\":2}", "id-2"), 1);
	config_restart();
	ck_assert_int_eq(net()->trial.stage, TRIAL_OWNER);
	ck_assert_str_eq(net()->trial.command, "id-2");
	ck_assert_uint_eq(net()->trial.revision, 1);
	/* the same command takes it up; another one has to wait */
	ck_assert_int_eq(config_begin("net", "{\"a\":2}", "id-2"), 1);
	ck_assert_int_eq(config_begin("net", "{\"a\":3}", "id-3"), -EBUSY);
	ck_assert_str_eq(config_error.code, DEVBUS_E_BUSY);
	ck_assert_int_eq(section_keep(&sections->folders, net()), 0);
	config_restart();
	ck_assert_int_eq(net()->trial.stage, TRIAL_NONE);
	config_assert("net", "{\"section\":\"net\",\"revision\":2,\"values\":{\"a\":2}}");
	ck_assert_int_eq(config_begin("net", "{\"a\":2}", "id-2"), 0);
}
END_TEST

START_TEST(what_is_undone_stays_undone_and_its_number_used)
{
	ck_assert_int_eq(config_begin("net", "{\"a\":2}", "id-2"), 1);
	undo();
	config_assert("net", "{\"section\":\"net\",\"revision\":1,\"values\":{\"a\":1}}");
	config_restart();
	config_assert("net", "{\"section\":\"net\",\"revision\":1,\"values\":{\"a\":1}}");
	/* told again, not done again */
	ck_assert_int_eq(config_begin("net", "{\"a\":2}", "id-2"), -ECANCELED);
	ck_assert_str_eq(config_error.message, no.message);
	ck_assert_int_eq(config_set("net", "{\"a\":3}"), 1);
	config_assert("net", "{\"section\":\"net\",\"revision\":3,\"values\":{\"a\":3}}");
	/* the one before is the one that held */
	ck_assert_int_eq(config_rollback("net", -1), 1);
	config_assert("net", "{\"section\":\"net\",\"revision\":4,\"values\":{\"a\":1}}");
}
END_TEST

START_TEST(the_first_change_can_be_undone)
{
	config_own("fresh");
	ck_assert_int_eq(config_begin("fresh", "{\"a\":2}", NULL), 1);
	ck_assert_int_eq(section_undo(&sections->folders, sections_find(sections, "fresh"), &no), 0);
	config_restart();
	config_assert("fresh", "{\"section\":\"fresh\",\"revision\":0,\"values\":{}}");
	ck_assert_int_eq(config_set("fresh", "{\"a\":3}"), 1);
	config_assert("fresh", "{\"section\":\"fresh\",\"revision\":2,\"values\":{\"a\":3}}");
}
END_TEST

/* Died between the two writes of an undoing. */
START_TEST(an_undoing_is_finished_after_a_restart)
{
	ck_assert_int_eq(config_begin("net", "{\"a\":2}", NULL), 1);
	ck_assert_int_eq(history_mark_undone(&net()->history, 2, &no), 0);
	config_restart();
	ck_assert_int_eq(net()->trial.stage, TRIAL_NONE);
	config_assert("net", "{\"section\":\"net\",\"revision\":1,\"values\":{\"a\":1}}");
}
END_TEST

START_TEST(a_damaged_file_never_brings_back_what_was_undone)
{
	ck_assert_int_eq(config_begin("net", "{\"a\":2}", NULL), 1);
	undo();
	config_write("state/sections/net.json", "damaged");
	config_restart();
	config_assert("net", "{\"section\":\"net\",\"revision\":1,\"values\":{\"a\":1}}");
}
END_TEST

START_TEST(the_history_says_what_was_undone)
{
	ck_assert_int_eq(config_begin("net", "{\"a\":2}", NULL), 1);
	undo();
	struct devbus_json *answer = answer_history(sections, net());
	const struct devbus_json *newest = devbus_json_first(devbus_json_get(answer, "changes"));

	ck_assert_str_eq(devbus_json_string(devbus_json_get(devbus_json_get(newest, "undone"), "message")),
		no.message);
	devbus_json_free(answer);
}
END_TEST

static const char *const damaged_trials[] = {
	"7",
	"{\"stage\":\"owner\",\"revision\":1}",
	"{\"stage\":\"nobody\",\"revision\":1,\"values\":{}}",
	"{\"stage\":\"owner\",\"revision\":1,\"values\":[]}",
};

START_TEST(a_trial_that_cannot_be_read_is_damage)
{
	char text[200];

	snprintf(text, sizeof text, "{\"revision\":2,\"values\":{\"a\":2},\"trial\":%s}", damaged_trials[_i]);
	config_write("state/sections/net.json", text);
	config_restart();
	config_assert("net", "{\"section\":\"net\",\"revision\":1,\"values\":{\"a\":1}}");
	ck_assert_ptr_nonnull(strstr(sections_problem(sections), "net.json.damaged"));
}
END_TEST

START_TEST(a_deadline_outlives_a_restart_but_not_a_boot)
{
	ck_assert_int_eq(config_begin("net", "{\"a\":2}", NULL), 1);
	ck_assert_int_eq(section_await_cloud(&sections->folders, net(), 60000), 0);
	config_restart();
	ck_assert_int_eq(net()->trial.stage, TRIAL_CLOUD);
	ck_assert_int_gt(deadline_left_ms(&net()->trial.until), 0);
	ck_assert_int_le(deadline_left_ms(&net()->trial.until), 60000);
	net()->trial.until.boot_ms -= 60000;
	ck_assert_int_eq(deadline_left_ms(&net()->trial.until), 0);
	net()->trial.until.boot_ms += 60000;
	net()->trial.until.boot_id[0] ^= 1;
	ck_assert_int_eq(deadline_left_ms(&net()->trial.until), 0);
}
END_TEST

/* ---- secrets */

#define SECRETS                                                                                              \
	"{\"properties\":{\"host\":{\"type\":\"string\"},\"pin\":{\"type\":\"integer\",\"minimum\":1000,"    \
	"\"writeOnly\":true},\"ports\":{\"type\":\"object\",\"additionalProperties\":{\"type\":\"object\","  \
	"\"properties\":{\"key\":{\"type\":\"string\",\"maxLength\":8,\"writeOnly\":true}}}}}}"

START_TEST(secrets_are_masked_at_every_depth)
{
	config_schema("vpn", SECRETS);
	ck_assert_int_eq(config_set("vpn",
				 "{\"host\":\"h\",\"pin\":1234,\"ports\":{\"a\":{\"key\":\"k1\"},\"b\":{}}}"),
		1);
	config_assert("vpn", "{\"section\":\"vpn\",\"revision\":1,\"values\":{\"host\":\"h\",\"pin\":\"***\","
			     "\"ports\":{\"a\":{\"key\":\"***\"},\"b\":{}}}}");
	struct devbus_json *answer = answer_secrets(sections, sections_find(sections, "vpn"));

	assert_prints(
		answer, "{\"revision\":1,\"values\":{\"pin\":1234,\"ports\":{\"a\":{\"key\":\"k1\"}}}}");
	devbus_json_free(answer);
	answer = answer_history(sections, NULL);
	char *text = devbus_json_print(answer);

	ck_assert_ptr_null(strstr(text, "1234"));
	ck_assert_ptr_null(strstr(text, "k1"));
	free(text);
	devbus_json_free(answer);
}
END_TEST

START_TEST(a_placeholder_changes_nothing)
{
	config_schema("vpn", SECRETS);
	config_set("vpn", "{\"pin\":1234,\"ports\":{\"a\":{\"key\":\"k1\"}}}");
	ck_assert_int_eq(config_set("vpn", "{\"pin\":\"***\",\"ports\":{\"a\":{\"key\":\"***\"}}}"), 0);
	ck_assert_int_eq(config_set("vpn", "{\"host\":\"***\",\"pin\":\"***\"}"), 1);
	config_assert("vpn", "{\"section\":\"vpn\",\"revision\":2,\"values\":{\"pin\":\"***\","
			     "\"ports\":{\"a\":{\"key\":\"***\"}},\"host\":\"***\"}}");
	ck_assert_int_eq(config_set("vpn", "{\"pin\":null,\"ports\":null}"), 1);
	config_assert("vpn", "{\"section\":\"vpn\",\"revision\":3,\"values\":{\"host\":\"***\"}}");
}
END_TEST

/* Not in a refusal either. */
START_TEST(a_refused_secret_is_not_told)
{
	config_schema("vpn", SECRETS);
	ck_assert_int_eq(config_set("vpn", "{\"pin\":777}"), -EINVAL);
	ck_assert_ptr_null(strstr(config_error.message, "777"));
	ck_assert_ptr_nonnull(strstr(config_error.message, "pin"));
}
END_TEST

START_TEST(without_a_schema_nothing_is_shown)
{
	config_schema("vpn", SECRETS);
	config_set("vpn", "{\"pin\":1234}");
	config_schema("vpn", NULL);
	config_assert("vpn", "{\"section\":\"vpn\",\"revision\":1}");
	struct devbus_json *answer = answer_history(sections, NULL);
	char *text = devbus_json_print(answer);

	ck_assert_ptr_null(strstr(text, "1234"));
	free(text);
	devbus_json_free(answer);
	config_restart();
	config_assert("vpn", "{\"section\":\"vpn\",\"revision\":1}");
}
END_TEST

/* ---- layers */

static const struct {
	const char *values, *before, *after, *result;
} layers[] = {
	{ "{}", "{}", "{}", "{}" },
	{ "{\"a\":1}", "{}", "{\"b\":2}", "{\"b\":2,\"a\":1}" },
	{ "{\"a\":1,\"b\":1}", "{\"b\":1}", "{\"b\":2}", "{\"b\":2,\"a\":1}" },
	{ "{\"a\":5}", "{\"a\":1}", "{\"a\":2}", "{\"a\":5}" },
	{ "{}", "{\"a\":1}", "{\"a\":2,\"b\":3}", "{\"b\":3}" }, /* a was taken away */
	{ "{\"a\":1}", "{\"a\":1}", "{}", "{}" },
	{ "{\"o\":{\"x\":1,\"y\":9}}", "{\"o\":{\"x\":1,\"y\":2}}", "{\"o\":{\"x\":7,\"y\":2,\"z\":3}}",
		"{\"o\":{\"x\":7,\"y\":9,\"z\":3}}" },
	{ "{\"o\":[1,2]}", "{\"o\":{\"x\":1}}", "{\"o\":{\"x\":2}}", "{\"o\":[1,2]}" },
	{ "{\"o\":{}}", "{\"o\":{\"x\":1}}", "{\"o\":{\"x\":2}}", "{\"o\":{}}" },
};

START_TEST(what_was_set_stays_over_new_values_of_the_vendor)
{
	struct devbus_json *values = parse(layers[_i].values), *before = parse(layers[_i].before),
			   *after = parse(layers[_i].after), *expected = parse(layers[_i].result);
	struct devbus_json *result = layers_rebase(values, before, after);

	ck_assert(devbus_json_equal(result, expected));
	devbus_json_free(values);
	devbus_json_free(before);
	devbus_json_free(after);
	devbus_json_free(expected);
	devbus_json_free(result);
}
END_TEST

START_TEST(new_values_of_the_vendor_are_the_next_revision)
{
	config_write("vendor/net.json", "{\"b\":1}");
	config_restart();
	config_assert("net", "{\"section\":\"net\",\"revision\":2,\"values\":{\"b\":1,\"a\":1}}");
	config_restart();
	ck_assert_uint_eq(net()->revision, 2);
	config_write("vendor/net.json", "{\"a\":7,\"b\":2}");
	config_restart();
	config_assert("net", "{\"section\":\"net\",\"revision\":3,\"values\":{\"a\":1,\"b\":2}}");
	ck_assert_int_eq(config_rollback("net", 0), 1);
	config_assert("net", "{\"section\":\"net\",\"revision\":4,\"values\":{\"a\":7,\"b\":2}}");
	config_write("vendor/net.json", "{\"a\":8,\"b\":2}");
	config_restart();
	config_assert("net", "{\"section\":\"net\",\"revision\":5,\"values\":{\"a\":8,\"b\":2}}");
}
END_TEST

START_TEST(values_of_the_vendor_must_fit_the_schema)
{
	config_schema("vpn", SECRETS);
	config_write("vendor/vpn.json", "{\"host\":\"good\"}");
	config_restart();
	config_write("vendor/vpn.json", "{\"host\":5}");
	config_restart();
	config_assert("vpn", "{\"section\":\"vpn\",\"revision\":0,\"values\":{\"host\":\"good\"}}");
	ck_assert_ptr_nonnull(strstr(sections_problem(sections), "vpn.json.damaged"));
	ck_assert_ptr_nonnull(strstr(sections_problem(sections), "host must be of type string"));
}
END_TEST

START_TEST(a_file_that_was_edited_must_fit_the_schema)
{
	config_schema("vpn", SECRETS);
	config_set("vpn", "{\"host\":\"one\"}");
	config_set("vpn", "{\"host\":\"two\"}");
	config_write("state/sections/vpn.json", "{\"revision\":2,\"values\":{\"host\":\"edited\"}}");
	config_restart();
	config_assert("vpn", "{\"section\":\"vpn\",\"revision\":2,\"values\":{\"host\":\"edited\"}}");
	config_write("state/sections/vpn.json", "{\"revision\":2,\"values\":{\"hots\":\"edited\"}}");
	config_restart();
	config_assert("vpn", "{\"section\":\"vpn\",\"revision\":2,\"values\":{\"host\":\"two\"}}");
	ck_assert(config_exists("state/sections/vpn.json.damaged"));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("config-trial");
	TCase *tests = tcase_create("trials");

	tcase_add_checked_fixture(tests, set_up, config_tear_down);
	tcase_add_test(tests, a_trial_goes_on_after_a_restart);
	tcase_add_test(tests, what_is_undone_stays_undone_and_its_number_used);
	tcase_add_test(tests, the_first_change_can_be_undone);
	tcase_add_test(tests, an_undoing_is_finished_after_a_restart);
	tcase_add_test(tests, a_damaged_file_never_brings_back_what_was_undone);
	tcase_add_test(tests, the_history_says_what_was_undone);
	tcase_add_loop_test(tests, a_trial_that_cannot_be_read_is_damage, 0, LENGTH(damaged_trials));
	tcase_add_test(tests, a_deadline_outlives_a_restart_but_not_a_boot);
	tcase_add_test(tests, secrets_are_masked_at_every_depth);
	tcase_add_test(tests, a_placeholder_changes_nothing);
	tcase_add_test(tests, a_refused_secret_is_not_told);
	tcase_add_test(tests, without_a_schema_nothing_is_shown);
	tcase_add_loop_test(tests, what_was_set_stays_over_new_values_of_the_vendor, 0, LENGTH(layers));
	tcase_add_test(tests, new_values_of_the_vendor_are_the_next_revision);
	tcase_add_test(tests, values_of_the_vendor_must_fit_the_schema);
	tcase_add_test(tests, a_file_that_was_edited_must_fit_the_schema);
	suite_add_tcase(suite, tests);
	return unit_main(suite);
}
