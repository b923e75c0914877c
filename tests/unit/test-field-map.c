// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* Members of a section by name: what is taken, how the wrong one is named, and the schema. */
#include "field-tables.h"
#include "field.h"
#include "unit.h"

#include <errno.h>

struct limit {
	double above;
	char note[8];
};

static const struct devbus_field limit_fields[] = {
	DEVBUS_FIELD(struct limit, above, .flags = DEVBUS_REQUIRED),
	DEVBUS_FIELD(struct limit, note),
	{ 0 },
};

struct port {
	uint32_t speed;
	struct devbus_json *limits;
};

static const struct devbus_field port_fields[] = {
	DEVBUS_FIELD(struct port, speed, .min = 1, .max = 100, .initial = 10),
	DEVBUS_FIELD(struct port, limits, .each = limit_fields, .each_size = sizeof(struct limit)),
	{ 0 },
};

struct section {
	struct devbus_json *ports;
};

static const struct devbus_field section_fields[] = {
	DEVBUS_FIELD(struct section, ports, .each = port_fields, .each_size = sizeof(struct port), .max = 2,
		.flags = DEVBUS_TOPIC_LEVEL | DEVBUS_OMIT_EMPTY),
	{ 0 },
};

static const struct {
	const char *text, *message; /* NULL: it is taken, and written again as it was */
} cases[] = {
	{ "{}", NULL },
	{ "{\"ports\":{}}", NULL },
	{ "{\"ports\":{\"a\":{},\"b\":{\"speed\":100,\"more\":[]}}}", NULL },
	{ "{\"ports\":{\"a\":{\"limits\":{\"Hot!\":{\"above\":7.5}}}}}", NULL },
	{ "{\"ports\":[]}", "ports: must be an object, not an array" },
	{ "{\"ports\":null}", "ports: must be an object, not null" },
	{ "{\"ports\":{\"a\":{},\"b\":{},\"c\":{}}}", "ports: has 3 members, more than 2" },
	{ "{\"ports\":{\"A\":{}}}", "ports: the name \"A\" is not 1 to 64 of a-z, 0-9, _ and -" },
	{ "{\"ports\":{\"a\":7}}", "ports.a: an object is expected" },
	{ "{\"ports\":{\"a\":{},\"b\":{\"speed\":0}}}", "ports.b.speed: 0 is below 1" },
	{ "{\"ports\":{\"a\":{\"limits\":{\"x\":{}}}}}", "ports.a.limits.x.above: is missing" },
};

START_TEST(test_read)
{
	struct section section;
	struct devbus_error error = { "", "" };
	const int r = read_text(section_fields, cases[_i].text, &section, &error);
	ck_assert_str_eq(error.message, cases[_i].message ? cases[_i].message : "");
	ck_assert_int_eq(r, cases[_i].message ? -EINVAL : 0);
	if (r == 0) {
		assert_writes(section_fields, &section, cases[_i].text);
		devbus_fields_clear(section_fields, &section);
	}
	ck_assert_int_eq(read_text(section_fields, cases[_i].text, &section, NULL), r);
	if (r == 0)
		devbus_fields_clear(section_fields, &section);
}
END_TEST

START_TEST(test_describe)
{
	struct devbus_json *schema = NULL;
	ck_assert_int_eq(devbus_fields_describe(section_fields, &schema), 0);
	assert_prints(devbus_json_get(devbus_json_get(schema, "properties"), "ports"),
		"{\"type\":\"object\",\"additionalProperties\":{\"type\":\"object\",\"properties\":{"
		"\"speed\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":100,\"default\":10},"
		"\"limits\":{\"type\":\"object\",\"additionalProperties\":{\"type\":\"object\",\"properties\":{"
		"\"above\":{\"type\":\"number\"},\"note\":{\"type\":\"string\",\"maxLength\":7,\"default\":\"\"}},"
		"\"required\":[\"above\"]}}},\"required\":[]},\"maxProperties\":2,"
		"\"propertyNames\":{\"pattern\":\"^[a-z0-9_-]{1,64}$\"}}");
	devbus_json_free(schema);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("field-map");
	TCase *all = tcase_create("field-map");
	tcase_add_loop_test(all, test_read, 0, LENGTH(cases));
	tcase_add_test(all, test_describe);
	suite_add_tcase(suite, all);
	return unit_main(suite);
}
