// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* Field tables: reading, the words of each refusal, writing, and the schema. */
#include "field-tables.h"
#include "field.h"
#include "unit.h"

#include <errno.h>
#include <math.h>

/* ---- what is accepted, and what it becomes when it is written again */

#define OTHER "\"level\":\"x\",\"needed\":0"

static const struct {
	const struct devbus_field *fields;
	const char *text, *written;
} accepted[] = {
	{ all_fields, "{\"percent\":7}",
		"{\"enabled\":true,\"offset\":-3,\"percent\":7,\"balance\":0,\"ratio\":0.25,\"mode\":\"auto\"}" },
	{ all_fields,
		"{\"enabled\":false,\"offset\":-10,\"percent\":100,\"balance\":-9007199254740992,"
		"\"size\":9007199254740992,\"ratio\":1.5,\"mode\":\"manual\",\"sensor\":\"cpu-0\",\"extra\":[null]}",
		"{\"enabled\":false,\"offset\":-10,\"percent\":100,\"balance\":-9007199254740992,"
		"\"size\":9007199254740992,\"ratio\":1.5,\"mode\":\"manual\",\"sensor\":\"cpu-0\",\"extra\":[null]}" },
	{ all_fields,
		"{\"percent\":3.0,\"Percent\":-1,\"unknown\":{},\"offset\":1e1,\"sensor\":\"\",\"extra\":null}",
		"{\"enabled\":true,\"offset\":10,\"percent\":3,\"balance\":0,\"ratio\":0.25,\"mode\":\"auto\","
		"\"extra\":null}" },
	{ other_fields, "{" OTHER "}",
		"{\"small\":0,\"count\":0,\"any\":0,\"text\":\"none\",\"level\":\"x\",\"needed\":0}" },
	{ other_fields,
		"{" OTHER ",\"small\":-2147483648,\"count\":4294967295,\"any\":-1.7976931348623157e308,"
		"\"text\":\"\xc3\xa4\xc3\xa4\",\"name\":\"abc\",\"password\":\"secret\",\"pin\":1234}",
		"{\"small\":-2147483648,\"count\":4294967295,\"any\":-1.7976931348623157e+308,"
		"\"text\":\"\xc3\xa4\xc3\xa4\",\"name\":\"abc\",\"level\":\"x\",\"needed\":0}" },
};

START_TEST(test_accepted)
{
	union any value;
	struct devbus_error error = { "", "" };
	const int r = read_text(accepted[_i].fields, accepted[_i].text, &value, &error);
	ck_assert_msg(r == 0, "%s", error.message);
	assert_writes(accepted[_i].fields, &value, accepted[_i].written);
	devbus_fields_clear(accepted[_i].fields, &value);
	devbus_fields_clear(accepted[_i].fields, &value);
}
END_TEST

/* ---- what is refused, and how it is told */

static const struct {
	const struct devbus_field *fields;
	const char *text, *message;
} refused[] = {
	{ all_fields, "{}", "percent: is missing" },
	{ all_fields, "[]", "an object is expected" },
	{ all_fields, "{\"percent\":120}", "percent: 120 is above 100" },
	{ all_fields, "{\"percent\":-1}", "percent: -1 is below 0" },
	{ all_fields, "{\"percent\":3.5}", "percent: 3.5 is not a whole number" },
	{ all_fields, "{\"percent\":1e300}", "percent: 1e+300 is above 100" },
	{ all_fields, "{\"percent\":\"7\"}", "percent: must be a whole number, not a string" },
	{ all_fields, "{\"percent\":null}", "percent: must be a whole number, not null" },
	{ all_fields, "{\"percent\":true}", "percent: must be a whole number, not a boolean" },
	{ all_fields, "{\"percent\":1,\"enabled\":1}", "enabled: must be true or false, not a number" },
	{ all_fields, "{\"percent\":1,\"offset\":-11}", "offset: -11 is below -10" },
	{ all_fields, "{\"percent\":1,\"balance\":9007199254740994}",
		"balance: 9007199254740994 is above 9007199254740992" },
	{ all_fields, "{\"percent\":1,\"balance\":-1e300}", "balance: -1e+300 is below -9007199254740992" },
	{ all_fields, "{\"percent\":1,\"size\":0}", "size: 0 is below 1" },
	{ all_fields, "{\"percent\":1,\"size\":18446744073709551616}",
		"size: 1.8446744073709552e+19 is above 9007199254740992" },
	{ all_fields, "{\"percent\":1,\"ratio\":1.51}", "ratio: 1.51 is above 1.5" },
	{ all_fields, "{\"percent\":1,\"ratio\":[]}", "ratio: must be a number, not an array" },
	{ all_fields, "{\"percent\":1,\"mode\":{}}", "mode: must be a string, not an object" },
	{ all_fields, "{\"percent\":1,\"mode\":\"Auto\"}", "mode: \"Auto\" is none of auto, manual, off" },
	{ all_fields, "{\"percent\":1,\"mode\":\"automatic\"}", "mode: length 9 is above 7 bytes" },
	{ all_fields, "{\"percent\":1,\"sensor\":\"a/b\"}",
		"sensor: \"a/b\" is not 1 to 64 of a-z, 0-9, _ and -" },
	{ all_fields,
		"{\"percent\":1,\"sensor\":\"\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
		"\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\"}",
		"sensor: \"\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
		"\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4...\" is not 1 to 64 of a-z, 0-9, _ and -" },
	{ all_fields, "{\"extra\":{\"a\":[1]}}", "percent: is missing" },
	{ other_fields, "{" OTHER ",\"small\":2147483648}", "small: 2147483648 is above 2147483647" },
	{ other_fields, "{" OTHER ",\"count\":-0.5}", "count: -0.5 is below 0" },
	{ other_fields, "{" OTHER ",\"count\":0.5}", "count: 0.5 is not a whole number" },
	{ other_fields, "{" OTHER ",\"text\":\"a\"}", "text: length 1 is below 2 bytes" },
	{ other_fields, "{" OTHER ",\"text\":\"\xc3\xa4\xc3\xa4\xc3\xa4\"}",
		"text: length 6 is above 4 bytes" },
	{ other_fields, "{" OTHER ",\"name\":\"\"}", "name: length 0 is below 1 bytes" },
	{ other_fields, "{" OTHER ",\"name\":\"abcd\"}", "name: length 4 is above 3 bytes" },
	{ other_fields, "{\"level\":\"\",\"needed\":0}", "level: \"\" is not 1 to 64 of a-z, 0-9, _ and -" },
	{ other_fields, "{\"level\":\"x\"}", "needed: is missing" },
	{ other_fields, "{" OTHER ",\"pin\":12345}", "pin: the value is above 9999" },
	{ other_fields, "{" OTHER ",\"pin\":1.5}", "pin: the value is not a whole number" },
};

START_TEST(test_refused)
{
	union any value;
	struct devbus_error error = { "", "" };
	ck_assert_int_eq(read_text(refused[_i].fields, refused[_i].text, &value, &error), -EINVAL);
	ck_assert_str_eq(error.code, DEVBUS_E_INVALID_ARGS);
	ck_assert_str_eq(error.message, refused[_i].message);
	ck_assert_int_eq(read_text(refused[_i].fields, refused[_i].text, &value, NULL), -EINVAL);
}
END_TEST

/* ---- structs */

START_TEST(test_no_table)
{
	struct devbus_json *object = NULL;
	int value = 7;
	ck_assert_int_eq(devbus_fields_read(NULL, NULL, &value, NULL), 0);
	assert_writes(NULL, &value, "{}");
	ck_assert_int_eq(read_text(all_fields + LENGTH(all_fields) - 1, "{\"a\":1}", &value, NULL), 0);
	ck_assert_int_eq(devbus_fields_describe(NULL, &object), 0);
	ck_assert_ptr_nonnull(devbus_json_get(object, "properties"));
	ck_assert_int_eq(value, 7);
	devbus_json_free(object);
}
END_TEST

START_TEST(test_only_its_members)
{
	struct all value;
	memset(&value, '#', sizeof(value));
	ck_assert_int_eq(read_text(all_fields, "{\"percent\":1,\"mode\":\"manual\"}", &value, NULL), 0);
	ck_assert_int_eq(memcmp(value.before, "########", 8), 0);
	ck_assert_int_eq(memcmp(value.after_mode, "########", 8), 0);
	ck_assert_int_eq(memcmp(value.mode, "manual\0", 8), 0);
	ck_assert_ptr_null(value.extra);
}
END_TEST

START_TEST(test_cannot_travel)
{
	struct all value;
	struct devbus_json *object = NULL;
	devbus_fields_initial(all_fields, &value);
	switch (_i) {
	case 0:
		value.ratio = NAN;
		break;
	case 1:
		value.ratio = -INFINITY;
		break;
	case 2:
		value.balance = -9007199254740993;
		break;
	case 3:
		value.size = 9007199254740993;
		break;
	case 4:
		memset(value.mode, 'x', sizeof(value.mode));
		break;
	}
	ck_assert_int_eq(devbus_fields_write(all_fields, &value, &object), -EINVAL);
	ck_assert_ptr_null(object);
}
END_TEST

/* Tables that were not made with DEVBUS_FIELD. */
static const struct devbus_field wrong_tables[][2] = {
	{ { .name = "x", .type = DEVBUS_FIELD_UINT32, .size = 8 }, { 0 } },
	{ { .name = "x", .type = DEVBUS_FIELD_STRING, .size = 0 }, { 0 } },
	{ { .name = "x", .type = DEVBUS_FIELD_END, .size = 4 }, { 0 } },
	{ { .name = "x", .type = (enum devbus_field_type)99, .size = 4 }, { 0 } },
};

START_TEST(test_wrong_table)
{
	const struct devbus_field *table = wrong_tables[_i];
	struct devbus_json *object = NULL;
	struct devbus_error error;
	char value[8] = "";
	ck_assert_int_eq(read_text(table, "{}", value, &error), -EINVAL);
	ck_assert_str_eq(error.message, "x: the field table is wrong (type or size)");
	ck_assert_int_eq(field_read_text(table, "1", value, NULL), -EINVAL);
	ck_assert_int_eq(devbus_fields_write(table, value, &object), -EINVAL);
	ck_assert_int_eq(devbus_fields_describe(table, &object), -EINVAL);
	devbus_fields_initial(table, value);
	devbus_fields_clear(table, value);
	ck_assert_ptr_null(object);
}
END_TEST

/* ---- description */

static const char all_schema[] =
	"{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"type\":\"object\",\"properties\":{"
	"\"enabled\":{\"type\":\"boolean\",\"description\":\"Whether it runs.\",\"default\":true},"
	"\"offset\":{\"type\":\"integer\",\"minimum\":-10,\"maximum\":10,\"default\":-3},"
	"\"percent\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":100},"
	"\"balance\":{\"type\":\"integer\",\"minimum\":-9007199254740992,\"maximum\":9007199254740992,\"default\":0},"
	"\"size\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":9007199254740992},"
	"\"ratio\":{\"type\":\"number\",\"minimum\":-0.5,\"maximum\":1.5,\"default\":0.25},"
	"\"mode\":{\"type\":\"string\",\"maxLength\":7,\"enum\":[\"auto\",\"manual\",\"off\"],\"default\":\"auto\"},"
	"\"sensor\":{\"type\":\"string\",\"maxLength\":64,\"pattern\":\"^[a-z0-9_-]{0,64}$\"},"
	"\"extra\":{}},\"required\":[\"percent\"]}";

static const char other_schema[] =
	"{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"type\":\"object\",\"properties\":{"
	"\"small\":{\"type\":\"integer\",\"minimum\":-2147483648,\"maximum\":2147483647,\"default\":0},"
	"\"count\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":4294967295,\"default\":0},"
	"\"any\":{\"type\":\"number\",\"default\":0},"
	"\"text\":{\"type\":\"string\",\"maxLength\":4,\"minLength\":1,\"default\":\"none\"},"
	"\"name\":{\"type\":\"string\",\"maxLength\":3,\"minLength\":1},"
	"\"level\":{\"type\":\"string\",\"maxLength\":64,\"pattern\":\"^[a-z0-9_-]{1,64}$\"},"
	"\"password\":{\"type\":\"string\",\"writeOnly\":true,\"maxLength\":7},"
	"\"pin\":{\"type\":\"integer\",\"writeOnly\":true,\"minimum\":0,\"maximum\":9999},"
	"\"needed\":{}},\"required\":[\"level\",\"needed\"]}";

START_TEST(test_describe)
{
	struct devbus_json *schema = NULL;
	ck_assert_int_eq(devbus_fields_describe(_i == 0 ? all_fields : other_fields, &schema), 0);
	assert_prints(schema, _i == 0 ? all_schema : other_schema);
	devbus_json_free(schema);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("field");
	TCase *all = tcase_create("field");
	tcase_add_loop_test(all, test_accepted, 0, LENGTH(accepted));
	tcase_add_loop_test(all, test_refused, 0, LENGTH(refused));
	tcase_add_test(all, test_no_table);
	tcase_add_test(all, test_only_its_members);
	tcase_add_loop_test(all, test_cannot_travel, 0, 5);
	tcase_add_loop_test(all, test_wrong_table, 0, LENGTH(wrong_tables));
	tcase_add_loop_test(all, test_describe, 0, 2);
	suite_add_tcase(suite, all);
	return unit_main(suite);
}
