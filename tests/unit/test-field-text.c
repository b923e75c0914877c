// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* Field tables: single members from settings texts, and running out of memory in all that tables do. */
#include "field-tables.h"
#include "field.h"
#include "short-memory.h"
#include "unit.h"

#include <errno.h>

/* ---- settings texts */

static const struct {
	const char *name, *text, *outcome; /* the object or, without '{', the message */
} texts[] = {
	{ "enabled", "no", "{\"enabled\":false}" },
	{ "enabled", "on", "{\"enabled\":true}" },
	{ "enabled", "1", "{\"enabled\":true}" },
	{ "enabled", "maybe", "enabled: \"maybe\" is neither true nor false" },
	{ "enabled", "", "enabled: \"\" is neither true nor false" },
	{ "percent", "42", "{\"percent\":42}" },
	{ "percent", "120", "percent: 120 is above 100" },
	{ "percent", "3.5", "percent: 3.5 is not a whole number" },
	{ "percent", "0x10", "percent: \"0x10\" is not a number" },
	{ "percent", "10s", "percent: \"10s\" is not a number" },
	{ "percent", "true", "percent: \"true\" is not a number" },
	{ "percent", "", "percent: \"\" is not a number" },
	{ "percent", "\xff\xff", "percent: \"...\" is not a number" },
	{ "balance", "9007199254740993", "balance: \"9007199254740993\" is not a number" },
	{ "ratio", "1.25", "{\"ratio\":1.25}" },
	{ "ratio", "1e400", "ratio: \"1e400\" is not a number" },
	{ "mode", "off", "{\"mode\":\"off\"}" },
	{ "mode", "\"off\"", "mode: \"\"off\"\" is none of auto, manual, off" },
	{ "mode", "\xff", "mode: is not UTF-8" },
	{ "sensor", "x y", "sensor: \"x y\" is not 1 to 64 of a-z, 0-9, _ and -" },
	{ "extra", "{\"a\":1}", "{\"extra\":{\"a\":1}}" },
	{ "extra", "{", "extra: is not JSON: byte 1: the name of a member is expected" },
};

START_TEST(test_texts)
{
	const struct devbus_field *row = field_find(all_fields, texts[_i].name);
	const struct devbus_field one[] = { *row, { 0 } };
	struct devbus_error error = { "", "" };
	struct all value;
	devbus_fields_initial(one, &value);
	value.extra = NULL;
	const int r = field_read_text(row, texts[_i].text, &value, &error);
	if (texts[_i].outcome[0] == '{') {
		ck_assert_msg(r == 0, "%s", error.message);
		assert_writes(one, &value, texts[_i].outcome);
		ck_assert_int_eq(field_read_text(row, texts[_i].text, &value, NULL), 0);
	} else {
		ck_assert_int_eq(r, -EINVAL);
		ck_assert_str_eq(error.message, texts[_i].outcome);
	}
	devbus_fields_clear(one, &value);
}
END_TEST

START_TEST(test_secret_is_not_told)
{
	static const char text[] = "hunter2hunter2";
	struct other value;
	struct devbus_error error;
	devbus_fields_initial(other_fields, &value);
	ck_assert_int_eq(field_read_text(field_find(other_fields, "pin"), text, &value, &error), -EINVAL);
	ck_assert_str_eq(error.message, "pin: the value is not a number");
	ck_assert_int_eq(
		field_read_text(field_find(other_fields, "password"), text, &value, &error), -EINVAL);
	ck_assert_str_eq(error.message, "password: the value is above 7 bytes");
	ck_assert_int_eq(field_read_text(field_find(other_fields, "password"), "hunter2", &value, &error), 0);
	ck_assert_str_eq(value.password, "hunter2");
}
END_TEST

START_TEST(test_find)
{
	ck_assert_ptr_eq(field_find(all_fields, "offset"), &all_fields[1]);
	ck_assert_ptr_null(field_find(all_fields, "Offset"));
	ck_assert_ptr_null(field_find(NULL, "offset"));
}
END_TEST

/* ---- running out of memory: each allocation fails once, until none is left to fail */

static const char full[] = "{\"percent\":1,\"mode\":\"off\",\"sensor\":\"a\",\"extra\":{\"a\":[1,\"b\"]}}";

static int do_read(struct all *value)
{
	struct all again;
	struct devbus_json *object = NULL;
	int r = devbus_fields_write(all_fields, value, &object);
	if (r == 0)
		r = devbus_fields_read(all_fields, object, &again, NULL);
	if (r == 0)
		devbus_fields_clear(all_fields, &again);
	devbus_json_free(object);
	return r;
}

static int do_describe(struct all *value)
{
	struct devbus_json *schema = NULL;
	const int r = devbus_fields_describe(all_fields, &schema);
	(void)value;
	devbus_json_free(schema);
	return r;
}

static int do_texts(struct all *value)
{
	static const char *const pairs[][2] = { { "enabled", "yes" }, { "ratio", "0.5" }, { "mode", "off" },
		{ "extra", "{\"a\":[1,\"b\"]}" } };
	int r = 0;
	for (int i = 0; r == 0 && i < LENGTH(pairs); i++)
		r = field_read_text(field_find(all_fields, pairs[i][0]), pairs[i][1], value, NULL);
	return r;
}

static int (*const users[])(struct all *value) = { do_read, do_describe, do_texts };

START_TEST(test_short_of_memory)
{
	struct all value;
	int r = -ENOMEM;
	ck_assert_int_eq(read_text(all_fields, full, &value, NULL), 0);
	for (unsigned long failing = 1; r < 0; failing++) {
		short_memory_begin(failing);
		r = users[_i](&value);
		ck_assert_int_eq(r, short_memory_end() ? -ENOMEM : 0);
		ck_assert_ptr_nonnull(value.extra);
	}
	devbus_fields_clear(all_fields, &value);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("field-text");
	TCase *all = tcase_create("field-text");
	tcase_add_loop_test(all, test_texts, 0, LENGTH(texts));
	tcase_add_test(all, test_secret_is_not_told);
	tcase_add_test(all, test_find);
	tcase_add_loop_test(all, test_short_of_memory, 0, LENGTH(users));
	suite_add_tcase(suite, all);
	return unit_main(suite);
}
