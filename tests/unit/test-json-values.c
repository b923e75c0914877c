// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * JSON as values: looking, building, comparing, merge patches (RFC 7396), and running out of memory in all
 * of it.
 */
#include "json-text.h"
#include "short-memory.h"
#include "unit.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>

START_TEST(test_lookup_is_exact)
{
	struct devbus_json *object = parse("{\"Rate\":1,\"rate\":2}"), *array = parse("[7]");
	double number = 0;
	bool yes = true;
	ck_assert_int_eq(devbus_json_number(devbus_json_get(object, "rate"), &number), 0);
	ck_assert_double_eq(number, 2);
	ck_assert_ptr_null(devbus_json_get(object, "RATE"));
	ck_assert_ptr_null(devbus_json_get(object, NULL));
	ck_assert_ptr_null(devbus_json_get(NULL, "rate"));
	ck_assert_ptr_null(devbus_json_get(array, "rate"));
	ck_assert_ptr_null(devbus_json_name(devbus_json_first(array)));
	ck_assert_ptr_null(devbus_json_name(object));
	ck_assert_str_eq(devbus_json_name(devbus_json_first(object)), "Rate");
	ck_assert_uint_eq(devbus_json_count(object), 2);
	ck_assert_uint_eq(devbus_json_count(devbus_json_first(object)), 0);
	ck_assert_int_eq(devbus_json_number(object, &number), -EINVAL);
	ck_assert_int_eq(devbus_json_number(NULL, &number), -EINVAL);
	ck_assert_int_eq(devbus_json_bool(NULL, &yes), -EINVAL);
	ck_assert_ptr_null(devbus_json_string(object));
	ck_assert_ptr_null(devbus_json_string(NULL));
	devbus_json_free(object);
	devbus_json_free(array);
	devbus_json_free(NULL);
}
END_TEST

START_TEST(test_building)
{
	struct devbus_json *object = devbus_json_new_object(), *array = devbus_json_new_array();
	ck_assert_int_eq(devbus_json_append(array, devbus_json_new_bool(true)), 0);
	ck_assert_int_eq(devbus_json_append(array, devbus_json_new_null()), 0);
	ck_assert_int_eq(devbus_json_append(object, devbus_json_new_null()), -EINVAL);
	ck_assert_int_eq(devbus_json_append(array, NULL), -ENOMEM);
	ck_assert_int_eq(devbus_json_set(object, "list", array), 0);
	ck_assert_int_eq(devbus_json_set(object, "x", devbus_json_new_number(1)), 0);
	ck_assert_int_eq(devbus_json_set(object, "last", devbus_json_new_number(0.1)), 0);
	ck_assert_int_eq(devbus_json_set(object, "x",
				 devbus_json_new_string("\xff"
							"a\xc3")),
		0);
	ck_assert_int_eq(devbus_json_set(object, "x", NULL), -ENOMEM);
	ck_assert_int_eq(devbus_json_set(object, "\xff", devbus_json_new_null()), -EINVAL);
	ck_assert_int_eq(devbus_json_set(array, "x", devbus_json_new_null()), -EINVAL);
	assert_prints(object, "{\"list\":[true,null],\"x\":\"?a?\",\"last\":0.1}");
	devbus_json_remove(object, "list");
	devbus_json_remove(object, "list");
	devbus_json_remove(object, "last");
	ck_assert_int_eq(devbus_json_set(object, "inf", devbus_json_new_number(INFINITY)), 0);
	assert_prints(object, "{\"x\":\"?a?\",\"inf\":null}");
	devbus_json_free(object);
}
END_TEST

START_TEST(test_member_becomes_item)
{
	struct devbus_json *object = parse("{\"name\":1}"), *array = devbus_json_new_array();
	struct devbus_json *member = devbus_json_first(object);
	ck_assert_int_eq(devbus_json_append(array, devbus_json_copy(member)), 0);
	ck_assert_ptr_null(devbus_json_name(devbus_json_first(array)));
	/* The name may belong to the member that is replaced. */
	ck_assert_int_eq(devbus_json_set(object, devbus_json_name(member), devbus_json_new_number(2)), 0);
	assert_prints(object, "{\"name\":2}");
	devbus_json_free(object);
	devbus_json_free(array);
}
END_TEST

static const struct {
	const char *a, *b;
	bool equal;
} comparisons[] = {
	{ "{\"a\":1,\"b\":[true]}", "{\"b\":[true],\"a\":1.0}", true },
	{ "{\"a\":1}", "{\"A\":1}", false },
	{ "{\"a\":1}", "{\"a\":1,\"b\":null}", false },
	{ "{\"a\":1,\"b\":1}", "{\"a\":1,\"c\":1}", false },
	{ "[1,2]", "[2,1]", false },
	{ "[1,2]", "[1]", false },
	{ "[1]", "[1,2]", false },
	{ "true", "false", false },
	{ "null", "false", false },
	{ "null", "null", true },
	{ "\"1\"", "1", false },
	{ "\"\\u0061\"", "\"a\"", true },
	{ "[]", "{}", false },
	{ "0", "-0", true },
};

START_TEST(test_equal)
{
	struct devbus_json *a = parse(comparisons[_i].a), *b = parse(comparisons[_i].b);
	ck_assert(devbus_json_equal(a, b) == comparisons[_i].equal);
	ck_assert(devbus_json_equal(b, a) == comparisons[_i].equal);
	ck_assert(devbus_json_equal(a, a));
	ck_assert(!devbus_json_equal(a, NULL));
	ck_assert(!devbus_json_equal(NULL, a));
	ck_assert(devbus_json_equal(NULL, NULL));
	devbus_json_free(a);
	devbus_json_free(b);
}
END_TEST

/*
 * Twenty times as many members as a payload can hold. What looks up each member in turn, through the list
 * of all, takes minutes here and runs into the timeout.
 */
#define MANY 250000

static struct devbus_json *parse_many(int first, int step)
{
	char *text = malloc(MANY * 20), *end = text;
	for (int i = 0, name = first; i < MANY; i++, name += step)
		end += sprintf(end, "%c\"%06d\":%d", i == 0 ? '{' : ',', name, name);
	strcpy(end, "}");
	struct devbus_json *value = parse(text);
	free(text);
	return value;
}

START_TEST(test_many_members)
{
	struct devbus_json *up = parse_many(0, 1), *down = parse_many(MANY - 1, -1),
			   *merged = devbus_json_copy(up);
	ck_assert(devbus_json_equal(up, down));
	ck_assert_int_eq(devbus_json_merge(&merged, down), 0);
	ck_assert(devbus_json_equal(merged, up));
	devbus_json_free(up);
	devbus_json_free(down);
	devbus_json_free(merged);
}
END_TEST

/* ---- merge patch */

static const struct {
	const char *target, *patch, *result; /* NULL target: absent */
} merges[] = {
	/* RFC 7396 appendix A */
	{ "{\"a\":\"b\"}", "{\"a\":\"c\"}", "{\"a\":\"c\"}" },
	{ "{\"a\":\"b\"}", "{\"b\":\"c\"}", "{\"a\":\"b\",\"b\":\"c\"}" },
	{ "{\"a\":\"b\"}", "{\"a\":null}", "{}" },
	{ "{\"a\":\"b\",\"b\":\"c\"}", "{\"a\":null}", "{\"b\":\"c\"}" },
	{ "{\"a\":[\"b\"]}", "{\"a\":\"c\"}", "{\"a\":\"c\"}" },
	{ "{\"a\":\"c\"}", "{\"a\":[\"b\"]}", "{\"a\":[\"b\"]}" },
	{ "{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}", "{\"a\":{\"b\":\"d\"}}" },
	{ "{\"a\":[{\"b\":\"c\"}]}", "{\"a\":[1]}", "{\"a\":[1]}" },
	{ "[\"a\",\"b\"]", "[\"c\",\"d\"]", "[\"c\",\"d\"]" },
	{ "{\"a\":\"b\"}", "[\"c\"]", "[\"c\"]" },
	{ "{\"a\":\"foo\"}", "null", "null" },
	{ "{\"a\":\"foo\"}", "\"bar\"", "\"bar\"" },
	{ "{\"e\":null}", "{\"a\":1}", "{\"e\":null,\"a\":1}" },
	{ "[1,2]", "{\"a\":\"b\",\"c\":null}", "{\"a\":\"b\"}" },
	{ "{}", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\"a\":{\"bb\":{}}}" },
	/* its section 3, and corners of our own */
	{ "{\"title\":\"Goodbye!\",\"author\":{\"givenName\":\"John\",\"familyName\":\"Doe\"},"
	  "\"tags\":[\"example\",\"sample\"],\"content\":\"This will be unchanged\"}",
		"{\"title\":\"Hello!\",\"phoneNumber\":\"+01-123-456-7890\",\"author\":{\"familyName\":null},"
		"\"tags\":[\"example\"]}",
		"{\"title\":\"Hello!\",\"author\":{\"givenName\":\"John\"},\"tags\":[\"example\"],"
		"\"content\":\"This will be unchanged\",\"phoneNumber\":\"+01-123-456-7890\"}" },
	{ NULL, "{\"a\":1,\"b\":null}", "{\"a\":1}" },
	{ NULL, "7", "7" },
	{ "{\"a\":1,\"A\":2}", "{\"A\":null}", "{\"a\":1}" },
	{ "{\"a\":null}", "{\"a\":{\"b\":1,\"c\":null}}", "{\"a\":{\"b\":1}}" },
	{ "{\"a\":1}", "{}", "{\"a\":1}" },
	{ "{\"a\":[1]}", "{\"a\":[null,{\"b\":null}]}", "{\"a\":[null,{\"b\":null}]}" },
};

START_TEST(test_merge)
{
	struct devbus_json *target = merges[_i].target ? parse(merges[_i].target) : NULL;
	struct devbus_json *patch = parse(merges[_i].patch);
	ck_assert_int_eq(devbus_json_merge(&target, patch), 0);
	assert_prints(target, merges[_i].result);
	assert_prints(patch, merges[_i].patch);
	devbus_json_free(target);
	devbus_json_free(patch);
}
END_TEST

/* ---- running out of memory: each allocation fails once, until none is left to fail */

START_TEST(test_merge_short_of_memory)
{
	int r = -ENOMEM;
	for (unsigned long failing = 1; r < 0; failing++) {
		struct devbus_json *target = merges[_i].target ? parse(merges[_i].target) : NULL;
		struct devbus_json *patch = parse(merges[_i].patch), *before = devbus_json_copy(target);
		short_memory_begin(failing);
		r = devbus_json_merge(&target, patch);
		ck_assert_int_eq(r, short_memory_end() ? -ENOMEM : 0);
		ck_assert(r == 0 || devbus_json_equal(target, before));
		devbus_json_free(target);
		devbus_json_free(patch);
		devbus_json_free(before);
	}
}
END_TEST

static const char big[] = "{\"a\":[1,2,{\"b\":\"text\",\"c\":[]}],\"d\":{\"e\":null,\"f\":true}}";

static int do_parse(struct devbus_json **ret_value)
{
	return devbus_json_parse(big, strlen(big), ret_value, NULL);
}

static int do_copy(struct devbus_json **ret_value)
{
	struct devbus_json *value = NULL;
	const int r = do_parse(&value);
	if (r < 0)
		return r;
	*ret_value = devbus_json_copy(value);
	devbus_json_free(value);
	return *ret_value ? 0 : -ENOMEM;
}

static int do_build(struct devbus_json **ret_value)
{
	struct devbus_json *object = devbus_json_new_object();
	if (!object)
		return -ENOMEM;
	int r = devbus_json_set(object, "a", devbus_json_new_array());
	if (r == 0)
		r = devbus_json_append(devbus_json_get(object, "a"), devbus_json_new_string("\xff"));
	if (r == 0)
		r = devbus_json_set(object, "b", devbus_json_new_number(1));
	if (r == 0)
		r = devbus_json_set(object, "b", devbus_json_new_bool(true));
	if (r == 0)
		*ret_value = object;
	else
		devbus_json_free(object);
	return r;
}

static int (*const makers[])(struct devbus_json **ret_value) = { do_parse, do_copy, do_build };

START_TEST(test_short_of_memory)
{
	int r = -ENOMEM;
	for (unsigned long failing = 1; r < 0; failing++) {
		struct devbus_json *value = NULL;
		short_memory_begin(failing);
		r = makers[_i](&value);
		ck_assert_int_eq(r, short_memory_end() ? -ENOMEM : 0);
		ck_assert((r == 0) == (value != NULL));
		devbus_json_free(value);
	}
}
END_TEST

/* Comparing answers also when it cannot sort. */
START_TEST(test_equal_short_of_memory)
{
	struct devbus_json *a = parse(big), *b = parse(big);
	bool short_of_memory = true;
	for (unsigned long failing = 1; short_of_memory; failing++) {
		short_memory_begin(failing);
		const bool equal = devbus_json_equal(a, b);
		short_of_memory = short_memory_end();
		ck_assert(equal);
	}
	devbus_json_free(a);
	devbus_json_free(b);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("json-values");
	TCase *values = tcase_create("values"), *merge = tcase_create("merge"),
	      *memory = tcase_create("memory");
	tcase_add_test(values, test_lookup_is_exact);
	tcase_add_test(values, test_building);
	tcase_add_test(values, test_member_becomes_item);
	tcase_add_loop_test(values, test_equal, 0, LENGTH(comparisons));
	tcase_add_test(values, test_many_members);
	tcase_set_timeout(values, 60);
	tcase_add_loop_test(merge, test_merge, 0, LENGTH(merges));
	tcase_add_loop_test(memory, test_merge_short_of_memory, 0, LENGTH(merges));
	tcase_add_loop_test(memory, test_short_of_memory, 0, LENGTH(makers));
	tcase_add_test(memory, test_equal_short_of_memory);
	suite_add_tcase(suite, values);
	suite_add_tcase(suite, merge);
	suite_add_tcase(suite, memory);
	return unit_main(suite);
}
