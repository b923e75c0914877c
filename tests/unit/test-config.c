// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* Changes of the configuration: what is merged, what is refused, what is remembered. Disasters are in test-config-disk.c. */
#include "config-kit.h"
#include "json-text.h"
#include "unit.h"

#include "services/config/limits.h"

#include <errno.h>
#include <stdio.h>

#define SCHEMA                                                                                               \
	"{\"type\":\"object\",\"properties\":{\"ms\":{\"type\":\"integer\",\"minimum\":100},"                \
	"\"name\":{\"type\":\"string\"}},\"required\":[\"ms\"]}"

static void assert_refused(int r, const char *code, const char *message)
{
	ck_assert_int_lt(r, 0);
	ck_assert_str_eq(config_error.code, code);
	ck_assert_str_eq(config_error.message, message);
}

/* ---- set */

START_TEST(patches_are_merged_and_counted)
{
	config_own("net");
	ck_assert_int_eq(config_set("net", "{\"a\":1,\"b\":{\"c\":[1,2],\"d\":\"x\"}}"), 1);
	ck_assert_int_eq(config_set("net", "{\"b\":{\"c\":[3],\"d\":null},\"e\":true}"), 1);
	config_assert("net",
		"{\"section\":\"net\",\"revision\":2,\"values\":{\"a\":1,\"b\":{\"c\":[3]},\"e\":true}}");
	ck_assert_int_eq(config_set("net", "{\"a\":null,\"b\":null,\"e\":null}"), 1);
	config_assert("net", "{\"section\":\"net\",\"revision\":3,\"values\":{}}");
	config_restart();
	config_assert("net", "{\"section\":\"net\",\"revision\":3,\"values\":{}}");
}
END_TEST

START_TEST(sections_are_apart)
{
	config_own("b");
	config_own("a");
	config_own("c");
	ck_assert_int_eq(config_set("b", "{\"x\":1}"), 1);
	ck_assert_int_eq(config_set("a", "{\"x\":2}"), 1);
	ck_assert_int_eq(config_set("c", "{\"x\":3}"), 1);
	config_assert("b", "{\"section\":\"b\",\"revision\":1,\"values\":{\"x\":1}}");
	ck_assert_str_eq(sections_at(sections, 0)->name, "a");
	ck_assert_str_eq(sections_at(sections, 2)->name, "c");
	ck_assert_ptr_null(sections_at(sections, 3));
	struct devbus_json *answer = NULL;

	ck_assert_int_eq(answer_all(sections, &answer), 0);
	assert_prints(answer,
		"{\"sections\":{\"a\":{\"revision\":1,\"values\":{\"x\":2}},"
		"\"b\":{\"revision\":1,\"values\":{\"x\":1}},\"c\":{\"revision\":1,\"values\":{\"x\":3}}}}");
	devbus_json_free(answer);
}
END_TEST

START_TEST(what_stays_the_same_keeps_its_revision)
{
	config_own("net");
	ck_assert_int_eq(config_set("net", "{\"a\":1,\"b\":2}"), 1);
	ck_assert_int_eq(config_set("net", "{\"b\":2}"), 0);
	ck_assert_int_eq(config_set("net", "{}"), 0);
	ck_assert_int_eq(config_set("net", "{\"gone\":null}"), 0);
	config_assert("net", "{\"section\":\"net\",\"revision\":1,\"values\":{\"a\":1,\"b\":2}}");
}
END_TEST

START_TEST(if_revision_lets_one_win)
{
	config_own("net");
	ck_assert_int_eq(config_set_if("net", "{\"a\":1}", 0), 1);
	ck_assert_int_eq(config_set_if("net", "{\"a\":2}", 1), 1);
	assert_refused(config_set_if("net", "{\"a\":3}", 1), DEVBUS_E_REFUSED,
		"Section net is at revision 2, not 1.");
	/* also when it would change nothing: the caller's picture is old */
	assert_refused(config_set_if("net", "{\"a\":2}", 0), DEVBUS_E_REFUSED,
		"Section net is at revision 2, not 0.");
	config_assert("net", "{\"section\":\"net\",\"revision\":2,\"values\":{\"a\":2}}");
}
END_TEST

static const char *const wrong_names[] = { "", "Net", "a/b", "a+", "#", "..", "a.b", "schema", "\xc3\xa9",
	"a0123456789012345678901234567890123456789012345678901234567890123" };

START_TEST(a_section_without_an_owner_is_refused)
{
	assert_refused(config_set("net", "{\"a\":1}"), DEVBUS_E_NOT_FOUND,
		"There is no section \"net\"; get names all. That of a new service is there when it has run once.");
	ck_assert_ptr_null(sections_at(sections, 0));
	config_own("net");
	ck_assert_int_eq(config_set("net", "{\"a\":1}"), 1);
	ck_assert_int_eq(config_schema("net", NULL), 1);
	assert_refused(config_set("net", "{\"a\":2}"), DEVBUS_E_BUSY,
		"Section net cannot be changed yet: nobody has said what may be in it. Start its service, and try again.");
	ck_assert_uint_eq(sections_find(sections, "net")->revision, 1);
}
END_TEST

START_TEST(wrong_names_are_refused)
{
	ck_assert(!sections_name_valid(wrong_names[_i]));
	ck_assert_int_eq(config_set(wrong_names[_i], "{\"a\":1}"), -ENOENT);
	ck_assert_ptr_null(sections_at(sections, 0));
}
END_TEST

static const char *const not_objects[] = { "[]", "1", "null", "\"x\"", "true" };

START_TEST(values_must_be_an_object)
{
	assert_refused(config_set("net", not_objects[_i]), DEVBUS_E_INVALID_ARGS, "values must be an object");
	config_own("net");
	ck_assert_uint_eq(sections_find(sections, "net")->revision, 0);
}
END_TEST

START_TEST(values_are_bounded)
{
	static char text[LIMIT_SECTION_BYTES + 64];

	config_own("net");
	config_own("deep");
	snprintf(text, sizeof text, "{\"a\":\"%*s\"}", LIMIT_SECTION_BYTES - 8, "");
	ck_assert_int_eq(config_set("net", text), 1);
	ck_assert_int_eq(config_set("net", "{\"b\":1}"), -EMSGSIZE);
	snprintf(text, sizeof text, "{\"a\":\"%*s\"}", LIMIT_SECTION_BYTES - 7, "");
	ck_assert_int_eq(config_set("net", text), -EMSGSIZE);
	ck_assert_str_eq(config_error.code, DEVBUS_E_INVALID_ARGS);
	ck_assert_int_eq(config_set("deep", "{\"1\":{\"2\":{\"3\":{\"4\":{\"5\":{\"6\":{\"7\":{}}}}}}}}"), 1);
	ck_assert_int_eq(config_set("deep", "{\"1\":{\"2\":{\"3\":{\"4\":{\"5\":{\"6\":{\"7\":[[1]]}}}}}}}"),
		-EMSGSIZE);
	config_restart();
	ck_assert_uint_eq(sections_find(sections, "net")->revision, 1);
	ck_assert_ptr_null(sections_problem(sections));
}
END_TEST

START_TEST(sections_are_bounded_in_number)
{
	char name[24];

	for (int i = 0; i < LIMIT_SECTIONS; i++) {
		snprintf(name, sizeof name, "s%d", i);
		config_own(name);
	}
	ck_assert_int_eq(config_schema("one-more", "{}"), -ENOSPC);
	ck_assert_int_eq(config_set("s7", "{\"a\":2}"), 1);
	config_restart();
	ck_assert_uint_eq(sections->count, LIMIT_SECTIONS);
}
END_TEST

START_TEST(a_command_is_carried_out_once)
{
	config_own("net");
	ck_assert_int_eq(config_set_by("net", "{\"a\":1}", "id-1"), 1);
	ck_assert_int_eq(config_set_by("net", "{\"a\":2}", "id-2"), 1);
	config_restart();
	ck_assert_int_eq(config_set_by("net", "{\"a\":1}", "id-1"), 0);
	config_assert("net", "{\"section\":\"net\",\"revision\":2,\"values\":{\"a\":2}}");
}
END_TEST

/* "local" is an id as good as any. */
START_TEST(a_command_is_not_taken_for_a_local_call)
{
	config_own("net");
	ck_assert_int_eq(config_set("net", "{\"a\":1}"), 1);
	ck_assert_int_eq(config_set_by("net", "{\"a\":2}", "local"), 1);
	config_assert("net", "{\"section\":\"net\",\"revision\":2,\"values\":{\"a\":2}}");
}
END_TEST

/* ---- schemas */

/* A typing error must not be stored, wherever in the section it is. */
static const struct {
	const char *schema, *wrong, *member, *right;
} inner[] = {
	{ "{\"properties\":{\"map\":{\"type\":\"object\",\"additionalProperties\":" SCHEMA "}}}",
		"{\"map\":{\"x\":{\"ms\":100,\"mz\":1}}}", "map.x.mz", "{\"map\":{\"y\":{\"ms\":100}}}" },
	{ "{\"properties\":{\"inside\":" SCHEMA "}}", "{\"inside\":{\"ms\":100,\"mz\":1}}", "inside.mz",
		"{\"inside\":{\"ms\":100}}" },
};

START_TEST(unknown_members_further_in_are_refused)
{
	char message[64];

	snprintf(message, sizeof message, "%s is not a member of this section", inner[_i].member);
	ck_assert_int_eq(config_schema("sensor", inner[_i].schema), 1);
	assert_refused(config_set("sensor", inner[_i].wrong), DEVBUS_E_INVALID_ARGS, message);
	ck_assert_int_eq(config_set("sensor", inner[_i].right), 1);
	ck_assert_int_eq(config_schema("sensor", inner[_i].schema), 0);
}
END_TEST

START_TEST(values_must_fit_the_schema)
{
	ck_assert_int_eq(config_schema("sensor", SCHEMA), 1);
	assert_refused(config_set("sensor", "{\"ms\":99}"), DEVBUS_E_INVALID_ARGS,
		"ms is 99, below the minimum of 100");
	assert_refused(config_set("sensor", "{\"name\":\"x\"}"), DEVBUS_E_INVALID_ARGS,
		"the section lacks the member ms");
	assert_refused(config_set("sensor", "{\"ms\":100,\"mz\":1}"), DEVBUS_E_INVALID_ARGS,
		"mz is not a member of this section");
	ck_assert_uint_eq(sections_find(sections, "sensor")->revision, 0);
	ck_assert_int_eq(config_set("sensor", "{\"ms\":100}"), 1);
	/* the whole section is checked, not the patch */
	assert_refused(config_set("sensor", "{\"ms\":null}"), DEVBUS_E_INVALID_ARGS,
		"the section lacks the member ms");
	config_assert("sensor", "{\"section\":\"sensor\",\"revision\":1,\"values\":{\"ms\":100}}");
}
END_TEST

START_TEST(a_schema_is_known_after_a_restart)
{
	ck_assert_int_eq(config_schema("sensor", SCHEMA), 1);
	ck_assert_int_eq(config_schema("sensor", SCHEMA), 0);
	config_restart();
	ck_assert_int_eq(config_schema("sensor", SCHEMA), 0);
	ck_assert_int_eq(config_set("sensor", "{\"ms\":1}"), -EINVAL);
	ck_assert_int_eq(config_schema("sensor", NULL), 0);
	ck_assert_ptr_null(sections_find(sections, "sensor"));
	config_restart();
	ck_assert_ptr_null(sections_find(sections, "sensor"));
}
END_TEST

START_TEST(values_that_do_not_fit_a_new_schema_stay_in_force)
{
	config_own("sensor");
	ck_assert_int_eq(config_set("sensor", "{\"ms\":1}"), 1);
	ck_assert_int_eq(config_schema("sensor", SCHEMA), 1);
	ck_assert_ptr_nonnull(strstr(sections_problem(sections), "ms is 1"));
	config_restart();
	ck_assert_ptr_nonnull(strstr(sections_problem(sections), "ms is 1"));
	config_assert("sensor", "{\"section\":\"sensor\",\"revision\":1,\"values\":{\"ms\":1}}");
	ck_assert_int_eq(config_set("sensor", "{\"name\":\"x\"}"), -EINVAL);
	ck_assert_int_eq(config_set("sensor", "{\"ms\":200}"), 1);
	ck_assert_ptr_null(sections_problem(sections));
}
END_TEST

START_TEST(a_schema_may_allow_other_members)
{
	ck_assert_int_eq(config_schema("free", "{\"properties\":{},\"additionalProperties\":true}"), 1);
	ck_assert_int_eq(config_set("free", "{\"anything\":1}"), 1);
}
END_TEST

START_TEST(a_schema_that_cannot_be_checked_closes_the_section)
{
	ck_assert_int_eq(config_schema("sensor", "{\"oneOf\":[]}"), -EINVAL);
	assert_refused(config_set("sensor", "{\"ms\":100}"), DEVBUS_E_INCOMPATIBLE,
		"The schema of section sensor is of no use here: cannot check the word \"oneOf\"");
	config_restart();
	ck_assert_int_eq(config_set("sensor", "{\"ms\":100}"), -EINVAL);
	ck_assert_int_eq(config_schema("sensor", SCHEMA), 1);
	ck_assert_int_eq(config_set("sensor", "{\"ms\":100}"), 1);
}
END_TEST

/* ---- vendor, history, rollback */

START_TEST(the_vendor_says_what_holds_until_it_is_set)
{
	config_write("vendor/net.json", "{\"a\":1,\"b\":2}");
	config_write("vendor/Not-A-Name.json", "{\"a\":1}");
	config_write("vendor/readme.txt", "nothing");
	config_restart();
	/* nobody knows yet what of it is secret */
	config_assert("net", "{\"section\":\"net\",\"revision\":0}");
	config_own("net");
	config_assert("net", "{\"section\":\"net\",\"revision\":0,\"values\":{\"a\":1,\"b\":2}}");
	ck_assert_ptr_null(sections_at(sections, 1));
	ck_assert_int_eq(config_set_if("net", "{\"a\":5}", 0), 1);
	config_assert("net", "{\"section\":\"net\",\"revision\":1,\"values\":{\"a\":5,\"b\":2}}");
	ck_assert_int_eq(config_rollback("net", 0), 1);
	config_assert("net", "{\"section\":\"net\",\"revision\":2,\"values\":{\"a\":1,\"b\":2}}");
}
END_TEST

START_TEST(rollback_is_a_new_revision)
{
	config_own("net");
	config_set("net", "{\"a\":1}");
	config_set("net", "{\"a\":2}");
	config_set("net", "{\"a\":3}");
	ck_assert_int_eq(config_rollback("net", -1), 1);
	config_assert("net", "{\"section\":\"net\",\"revision\":4,\"values\":{\"a\":2}}");
	ck_assert_int_eq(config_rollback("net", 1), 1);
	config_assert("net", "{\"section\":\"net\",\"revision\":5,\"values\":{\"a\":1}}");
	ck_assert_int_eq(config_rollback("net", 1), 0);
	assert_refused(config_rollback("net", 9), DEVBUS_E_NOT_FOUND,
		"Revision 9 of section net is not kept; history names those that are.");
	assert_refused(config_rollback("other", -1), DEVBUS_E_NOT_FOUND,
		"There is no section \"other\"; get names all. That of a new service is there when it has run once.");
	config_restart();
	config_assert("net", "{\"section\":\"net\",\"revision\":5,\"values\":{\"a\":1}}");
}
END_TEST

static const char *latest(const char *command)
{
	const struct section *section = change_latest(sections, command);

	return section ? section->name : "(none)";
}

START_TEST(rollback_without_a_section_takes_the_one_that_was_changed_last)
{
	ck_assert_str_eq(latest(NULL), "(none)");
	config_own("net");
	config_own("sensor");
	ck_assert_str_eq(latest(NULL), "(none)");
	config_time = "2026-01-31T12:00:02.000Z";
	config_set_by("net", "{\"a\":1}", "id-1");
	config_time = "2026-01-31T12:00:01.000Z";
	config_set("sensor", "{\"a\":1}");
	ck_assert_str_eq(latest(NULL), "net");
	config_time = "2026-01-31T12:00:03.000Z";
	config_begin("sensor", "{\"a\":2}", "id-2");
	ck_assert_str_eq(latest(NULL), "sensor");
	ck_assert_int_eq(section_undo(&sections->folders, sections_find(sections, "sensor"),
				 &(struct devbus_error) { "refused", "no" }),
		0);
	ck_assert_str_eq(latest(NULL), "net");
	/* What a crash interrupted goes on where it began. */
	ck_assert_str_eq(latest("id-2"), "sensor");
	config_time = "2026-01-31T12:00:04.000Z";
	config_set("sensor", "{\"a\":3}");
	ck_assert_str_eq(latest("id-1"), "net");
}
END_TEST

START_TEST(rollback_must_fit_the_schema_too)
{
	config_own("sensor");
	config_set("sensor", "{\"ms\":1}");
	config_set("sensor", "{\"ms\":100}");
	config_schema("sensor", SCHEMA);
	assert_refused(
		config_rollback("sensor", -1), DEVBUS_E_INVALID_ARGS, "ms is 1, below the minimum of 100");
	ck_assert_uint_eq(sections_find(sections, "sensor")->revision, 2);
}
END_TEST

START_TEST(history_says_who_when_and_what)
{
	config_own("net");
	config_set_by("net", "{\"a\":1}", "id-1");
	config_set("net", "{\"a\":2}");
	config_rollback("net", -1);
	struct devbus_json *answer = answer_history(sections, sections_find(sections, "net"));

	assert_prints(answer, "{\"changes\":[{\"rollback_to\":1,\"time\":\"" NOW
			      "\",\"by\":\"cli\",\"command\":\"(local)\",\"revision\":3,"
			      "\"section\":\"net\"},{\"patch\":{\"a\":2},\"time\":\"" NOW
			      "\",\"by\":\"cli\",\"command\":\"(local)\",\"revision\":2,"
			      "\"section\":\"net\"},{\"patch\":{\"a\":1},\"time\":\"" NOW
			      "\",\"by\":\"cloud\",\"command\":\"id-1\",\"revision\":1,"
			      "\"section\":\"net\"}],\"truncated\":false}");
	devbus_json_free(answer);
	answer = answer_history(sections, NULL);
	ck_assert_uint_eq(devbus_json_count(devbus_json_get(answer, "changes")), 3);
	devbus_json_free(answer);
}
END_TEST

START_TEST(history_is_bounded)
{
	char values[32];

	config_own("net");
	for (int i = 1; i <= HISTORY_MAX + 10; i++) {
		snprintf(values, sizeof values, "{\"a\":%d}", i);
		ck_assert_int_eq(config_set("net", values), 1);
	}
	ck_assert(!config_exists("state/history/net/10.json"));
	ck_assert(config_exists("state/history/net/11.json"));
	ck_assert_int_eq(config_rollback("net", 10), -ENOENT);
	struct devbus_json *answer = answer_history(sections, NULL);

	ck_assert_uint_eq(devbus_json_count(devbus_json_get(answer, "changes")), HISTORY_MAX);
	devbus_json_free(answer);
	config_restart();
	ck_assert_int_eq(config_rollback("net", 11), 1);
	config_assert("net", "{\"section\":\"net\",\"revision\":61,\"values\":{\"a\":11}}");
}
END_TEST

START_TEST(answers_are_bounded)
{
	static char text[LIMIT_SECTION_BYTES + 64];
	struct devbus_json *answer = NULL;
	bool truncated = false;

	snprintf(text, sizeof text, "{\"a\":\"%*s\"}", LIMIT_SECTION_BYTES - 8, "");
	for (int i = 0; i < 7; i++) {
		char name[24];

		snprintf(name, sizeof name, "s%d", i);
		config_own(name);
		ck_assert_int_eq(config_set(name, text), 1);
	}
	ck_assert_int_eq(answer_all(sections, &answer), -EMSGSIZE);
	answer = answer_history(sections, NULL);
	ck_assert_uint_eq(devbus_json_count(devbus_json_get(answer, "changes")), 5);
	ck_assert_int_eq(devbus_json_bool(devbus_json_get(answer, "truncated"), &truncated), 0);
	ck_assert(truncated);
	devbus_json_free(answer);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("config");
	TCase *tests = tcase_create("sections");

	tcase_add_checked_fixture(tests, config_set_up, config_tear_down);
	tcase_add_test(tests, patches_are_merged_and_counted);
	tcase_add_test(tests, sections_are_apart);
	tcase_add_test(tests, what_stays_the_same_keeps_its_revision);
	tcase_add_test(tests, if_revision_lets_one_win);
	tcase_add_test(tests, a_section_without_an_owner_is_refused);
	tcase_add_loop_test(tests, wrong_names_are_refused, 0, LENGTH(wrong_names));
	tcase_add_loop_test(tests, values_must_be_an_object, 0, LENGTH(not_objects));
	tcase_add_test(tests, values_are_bounded);
	tcase_add_test(tests, sections_are_bounded_in_number);
	tcase_add_test(tests, a_command_is_carried_out_once);
	tcase_add_test(tests, a_command_is_not_taken_for_a_local_call);
	tcase_add_loop_test(tests, unknown_members_further_in_are_refused, 0, LENGTH(inner));
	tcase_add_test(tests, values_must_fit_the_schema);
	tcase_add_test(tests, a_schema_is_known_after_a_restart);
	tcase_add_test(tests, values_that_do_not_fit_a_new_schema_stay_in_force);
	tcase_add_test(tests, a_schema_may_allow_other_members);
	tcase_add_test(tests, a_schema_that_cannot_be_checked_closes_the_section);
	tcase_add_test(tests, the_vendor_says_what_holds_until_it_is_set);
	tcase_add_test(tests, rollback_is_a_new_revision);
	tcase_add_test(tests, rollback_without_a_section_takes_the_one_that_was_changed_last);
	tcase_add_test(tests, rollback_must_fit_the_schema_too);
	tcase_add_test(tests, history_says_who_when_and_what);
	tcase_add_test(tests, history_is_bounded);
	tcase_add_test(tests, answers_are_bounded);
	suite_add_tcase(suite, tests);
	return unit_main(suite);
}
