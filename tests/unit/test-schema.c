// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* The validator of configuration values: every word, at its bounds, and what it says to the person who got it wrong. */
#include "json-text.h"
#include "unit.h"

#include "services/config/schema.h"

#include <devbus/field.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define OBJECT(members) "{\"type\":\"object\",\"properties\":{" members "}}"

#define MAP                                                                                                  \
	"{\"maxProperties\":2,\"propertyNames\":{\"pattern\":\"^[a-z]$\"},"                                  \
	"\"additionalProperties\":" OBJECT("\"b\":{\"maximum\":1}") "}"

/* @message NULL: it fits. */
static const struct {
	const char *schema, *value, *message;
} checks[] = {
	{ "{}", "{\"a\":[1,null]}", NULL },
	{ "{\"type\":\"object\"}", "{}", NULL },
	{ "{\"type\":\"object\"}", "[]", "the section must be of type object" },
	{ OBJECT("\"a\":{\"type\":\"null\"}"), "{\"a\":null}", NULL },
	{ OBJECT("\"a\":{\"type\":\"boolean\"}"), "{\"a\":true}", NULL },
	{ OBJECT("\"a\":{\"type\":\"boolean\"}"), "{\"a\":1}", "a must be of type boolean" },
	{ OBJECT("\"a\":{\"type\":\"number\"}"), "{\"a\":1.5}", NULL },
	{ OBJECT("\"a\":{\"type\":\"number\"}"), "{\"a\":\"1\"}", "a must be of type number" },
	{ OBJECT("\"a\":{\"type\":\"integer\"}"), "{\"a\":1.0}", NULL },
	{ OBJECT("\"a\":{\"type\":\"integer\"}"), "{\"a\":1.5}", "a must be of type integer" },
	{ OBJECT("\"a\":{\"type\":\"integer\"}"), "{\"a\":true}", "a must be of type integer" },
	{ OBJECT("\"a\":{\"type\":\"string\"}"), "{\"a\":\"\"}", NULL },
	{ OBJECT("\"a\":{\"type\":\"string\"}"), "{\"a\":null}", "a must be of type string" },
	{ OBJECT("\"a\":{\"type\":\"array\"}"), "{\"a\":{}}", "a must be of type array" },
	{ OBJECT("\"a\":{\"minimum\":100}"), "{\"a\":100}", NULL },
	{ OBJECT("\"a\":{\"minimum\":100}"), "{\"a\":99.5}", "a is 99.5, below the minimum of 100" },
	{ OBJECT("\"a\":{\"minimum\":100}"), "{\"a\":\"not a number\"}", NULL },
	{ OBJECT("\"a\":{\"maximum\":-1}"), "{\"a\":-1}", NULL },
	{ OBJECT("\"a\":{\"maximum\":3600000}"), "{\"a\":3600001}",
		"a is 3600001, above the maximum of 3600000" },
	{ OBJECT("\"a\":{\"minLength\":2}"), "{\"a\":\"xy\"}", NULL },
	{ OBJECT("\"a\":{\"minLength\":2}"), "{\"a\":\"x\"}", "a is shorter than 2 bytes" },
	{ OBJECT("\"a\":{\"maxLength\":3}"), "{\"a\":\"xyz\"}", NULL },
	{ OBJECT("\"a\":{\"maxLength\":3}"), "{\"a\":\"wxyz\"}", "a is longer than 3 bytes" },
	{ OBJECT("\"a\":{\"maxLength\":3}"), "{\"a\":\"\xc3\xa9\xc3\xa9\"}", "a is longer than 3 bytes" },
	{ OBJECT("\"a\":{\"enum\":[\"on\",\"off\",1,null]}"), "{\"a\":\"off\"}", NULL },
	{ OBJECT("\"a\":{\"enum\":[\"on\",\"off\",1,null]}"), "{\"a\":null}", NULL },
	{ OBJECT("\"a\":{\"enum\":[\"on\",\"off\"]}"), "{\"a\":\"On\"}", "a is none of the allowed values" },
	{ OBJECT("\"a\":{\"pattern\":\"^[a-z]{1,3}$\"}"), "{\"a\":\"abc\"}", NULL },
	{ OBJECT("\"a\":{\"pattern\":\"^[a-z]{1,3}$\"}"), "{\"a\":\"abcd\"}",
		"a does not match ^[a-z]{1,3}$" },
	{ OBJECT("\"a\":{\"pattern\":\"^[a-z]{1,3}$\"}"), "{\"a\":5}", NULL },
	{ "{\"required\":[\"a\"]}", "{\"a\":0}", NULL },
	{ "{\"required\":[\"a\",\"b\"]}", "{\"a\":0}", "the section lacks the member b" },
	{ "{\"properties\":{\"a\":{}},\"additionalProperties\":false}", "{\"a\":1}", NULL },
	{ "{\"properties\":{\"a\":{}},\"additionalProperties\":false}", "{\"A\":1}",
		"A is not a member of this section" },
	{ "{\"additionalProperties\":false}", "{\"a\":1}", "a is not a member of this section" },
	{ "{\"additionalProperties\":true}", "{\"a\":1}", NULL },
	{ MAP, "{}", NULL },
	{ MAP, "{\"x\":{\"b\":1},\"y\":{}}", NULL },
	{ MAP, "{\"x\":{\"b\":2}}", "x.b is 2, above the maximum of 1" },
	{ MAP, "{\"x\":1}", "x must be of type object" },
	{ MAP, "{\"X\":{}}", "X does not match ^[a-z]$" },
	{ MAP, "{\"x\":{},\"y\":{},\"z\":{}}", "the section has more than 2 members" },
	{ MAP, "5", "the section must be of type object" },
	{ OBJECT("\"a\":{\"properties\":{\"key\":{\"writeOnly\":true}}}"),
		"{\"a\":[{\"key\":\"in a list\"}]}", "a must be of type object" },
	{ OBJECT("\"a\":{\"additionalProperties\":{\"writeOnly\":true}}"), "{\"a\":[\"in a list\"]}",
		"a must be of type object" },
	{ "{\"properties\":{\"a\":{}},\"additionalProperties\":{\"maximum\":1}}", "{\"a\":5}", NULL },
	{ "{\"properties\":{\"a\":{}},\"additionalProperties\":{\"maximum\":1}}", "{\"b\":5}",
		"b is 5, above the maximum of 1" },
	{ OBJECT("\"a\":" OBJECT("\"b\":{\"maximum\":1}")), "{\"a\":{\"b\":2}}",
		"a.b is 2, above the maximum of 1" },
	{ OBJECT("\"a\":{\"required\":[\"b\"]}"), "{\"a\":{}}", "a lacks the member b" },
	{ OBJECT("\"a\":{\"title\":\"t\",\"default\":1,\"writeOnly\":true}"), "{\"a\":2}", NULL },
};

START_TEST(values_are_checked)
{
	struct devbus_json *schema = parse(checks[_i].schema), *value = parse(checks[_i].value);
	struct devbus_error error = { "", "" };

	ck_assert_int_eq(schema_usable(schema, &error), 0);
	int r = schema_check(schema, value, &error);

	ck_assert_str_eq(error.message, checks[_i].message ? checks[_i].message : "");
	ck_assert_int_eq(r, checks[_i].message ? -EINVAL : 0);
	ck_assert_int_eq(schema_check(schema, value, NULL), r);
	if (r < 0)
		ck_assert_str_eq(error.code, DEVBUS_E_INVALID_ARGS);
	devbus_json_free(schema);
	devbus_json_free(value);
}
END_TEST

static const struct {
	const char *schema, *word;
} unusable[] = {
	{ "[]", "properties" },
	{ "true", "properties" },
	{ "{\"oneOf\":[]}", "oneOf" },
	{ "{\"exclusiveMinimum\":1}", "exclusiveMinimum" },
	{ OBJECT("\"a\":{\"multipleOf\":2}"), "multipleOf" },
	{ OBJECT("\"a\":" OBJECT("\"b\":{\"const\":1}")), "const" },
	{ OBJECT("\"a\":true"), "properties" },
	{ "{\"type\":\"float\"}", "type" },
	{ "{\"type\":[\"string\",\"null\"]}", "type" },
	{ "{\"minimum\":\"1\"}", "minimum" },
	{ "{\"maximum\":null}", "maximum" },
	{ "{\"minLength\":\"1\"}", "minLength" },
	{ "{\"maxLength\":{}}", "maxLength" },
	{ "{\"enum\":\"on\"}", "enum" },
	{ "{\"pattern\":1}", "pattern" },
	{ "{\"pattern\":\"[\"}", "pattern" },
	{ "{\"pattern\":\"^\\\\d+$\"}", "pattern" },
	{ "{\"pattern\":\"(?:a)\"}", "pattern" },
	{ "{\"properties\":[]}", "properties" },
	{ "{\"required\":\"a\"}", "required" },
	{ "{\"required\":[1]}", "required" },
	{ "{\"additionalProperties\":5}", "additionalProperties" },
	{ "{\"additionalProperties\":{\"oneOf\":[]}}", "additionalProperties" },
	{ "{\"propertyNames\":true}", "propertyNames" },
	{ "{\"maxProperties\":\"1\"}", "maxProperties" },
	{ OBJECT("\"a\":{\"items\":{\"writeOnly\":true}}"), "items" },
	{ OBJECT("\"a\":{\"prefixItems\":[{\"writeOnly\":true}]}"), "prefixItems" },
	{ OBJECT("\"a\":{\"writeOnly\":\"true\"}"), "writeOnly" },
};

START_TEST(schemas_that_cannot_be_checked_are_refused)
{
	struct devbus_json *schema = parse(unusable[_i].schema);
	struct devbus_error error = { "", "" };
	char quoted[64];

	ck_assert_int_eq(schema_usable(schema, &error), -EINVAL);
	ck_assert_int_eq(schema_usable(schema, NULL), -EINVAL);
	snprintf(quoted, sizeof quoted, "\"%s\"", unusable[_i].word);
	ck_assert_msg(strstr(error.message, quoted), "%s", error.message);
	ck_assert_str_eq(error.code, DEVBUS_E_INCOMPATIBLE);
	devbus_json_free(schema);
}
END_TEST

/* ---- what field tables write */

struct all_types {
	bool yes;
	int32_t small;
	uint32_t positive;
	int64_t large;
	uint64_t counter;
	double real;
	char text[16];
	char level[65];
	char choice[8];
	char secret[8];
	struct devbus_json *any;
	struct devbus_json *map;
};

struct entry {
	uint32_t count;
};

static const struct devbus_field entry_fields[] = {
	DEVBUS_FIELD(struct entry, count, .max = 9),
	{ 0 },
};

static const char *const choices[] = { "auto", "manual", NULL };

static const struct devbus_field fields[] = {
	DEVBUS_FIELD(struct all_types, yes),
	DEVBUS_FIELD(struct all_types, small, .min = -5, .max = 5),
	DEVBUS_FIELD(struct all_types, positive, .flags = DEVBUS_REQUIRED),
	DEVBUS_FIELD(struct all_types, large),
	DEVBUS_FIELD(struct all_types, counter),
	DEVBUS_FIELD(struct all_types, real, .description = "a number"),
	DEVBUS_FIELD(struct all_types, text, .min = 1, .max = 10, .initial_text = "x"),
	DEVBUS_FIELD(struct all_types, level, .flags = DEVBUS_TOPIC_LEVEL),
	DEVBUS_FIELD(struct all_types, choice, .choices = choices, .initial_text = "auto"),
	DEVBUS_FIELD(struct all_types, secret, .flags = DEVBUS_SECRET),
	DEVBUS_FIELD(struct all_types, any),
	DEVBUS_FIELD(struct all_types, map, .each = entry_fields, .each_size = sizeof(struct entry), .max = 2,
		.flags = DEVBUS_TOPIC_LEVEL),
	{ 0 },
};

/* Values that one side takes and the other refuses would be stored and never come into force. */
static const char *const values[] = {
	"{\"positive\":1}",
	"{}",
	"{\"positive\":-1}",
	"{\"positive\":4294967295}",
	"{\"positive\":4294967296}",
	"{\"positive\":1.5}",
	"{\"positive\":1,\"yes\":true}",
	"{\"positive\":1,\"yes\":0}",
	"{\"positive\":1,\"small\":5}",
	"{\"positive\":1,\"small\":6}",
	"{\"positive\":1,\"small\":-6}",
	"{\"positive\":1,\"large\":-9007199254740991}",
	"{\"positive\":1,\"counter\":-1}",
	"{\"positive\":1,\"real\":-1.5e300}",
	"{\"positive\":1,\"real\":\"1\"}",
	"{\"positive\":1,\"text\":\"0123456789\"}",
	"{\"positive\":1,\"text\":\"01234567890\"}",
	"{\"positive\":1,\"text\":\"\"}",
	"{\"positive\":1,\"text\":\"\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\"}",
	"{\"positive\":1,\"level\":\"a-b_0\"}",
	"{\"positive\":1,\"level\":\"A\"}",
	"{\"positive\":1,\"level\":\"\"}",
	"{\"positive\":1,\"choice\":\"manual\"}",
	"{\"positive\":1,\"choice\":\"other\"}",
	"{\"positive\":1,\"secret\":\"1234567\"}",
	"{\"positive\":1,\"secret\":\"12345678\"}",
	"{\"positive\":1,\"any\":{\"x\":[1]}}",
	"{\"positive\":1,\"map\":{\"x\":{\"count\":9},\"y\":{}}}",
	"{\"positive\":1,\"map\":{\"x\":{\"count\":10}}}",
	"{\"positive\":1,\"map\":{\"X\":{}}}",
	"{\"positive\":1,\"map\":{\"x\":{},\"y\":{},\"z\":{}}}",
	"{\"positive\":1,\"map\":{\"x\":[]}}",
};

START_TEST(it_judges_as_field_tables_do)
{
	struct devbus_json *schema = NULL, *value = parse(values[_i]);
	struct devbus_error error = { "", "" };
	struct all_types read;

	ck_assert_int_eq(devbus_fields_describe(fields, &schema), 0);
	ck_assert_msg(schema_usable(schema, &error) == 0, "%s", error.message);
	int by_table = devbus_fields_read(fields, value, &read, NULL);

	ck_assert_msg(schema_check(schema, value, &error) == by_table, "%s: %s", values[_i], error.message);
	if (by_table == 0)
		devbus_fields_clear(fields, &read);
	devbus_json_free(schema);
	devbus_json_free(value);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("schema");
	TCase *tests = tcase_create("schema");

	tcase_add_loop_test(tests, values_are_checked, 0, LENGTH(checks));
	tcase_add_loop_test(tests, schemas_that_cannot_be_checked_are_refused, 0, LENGTH(unusable));
	tcase_add_loop_test(tests, it_judges_as_field_tables_do, 0, LENGTH(values));
	suite_add_tcase(suite, tests);
	return unit_main(suite);
}
