// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* JSON texts in tests: parse or fail the test, and compare what is printed. */
#ifndef DEVBUS_TEST_JSON_TEXT_H
#define DEVBUS_TEST_JSON_TEXT_H

#include <check.h>
#include <devbus/json.h>
#include <stdlib.h>
#include <string.h>

/* The text is copied to exactly its size, so that reading past its end is seen by ASan and valgrind. */
static inline int parse_sized(
	const char *text, size_t size, struct devbus_json **ret_value, struct devbus_error *error)
{
	char *copy = malloc(size > 0 ? size : 1);
	memcpy(copy, text, size);
	const int r = devbus_json_parse(copy, size, ret_value, error);
	free(copy);
	return r;
}

static inline struct devbus_json *parse(const char *text)
{
	struct devbus_json *value = NULL;
	struct devbus_error error = { "", "" };
	const int r = parse_sized(text, strlen(text), &value, &error);
	ck_assert_msg(r == 0, "%s: %s", text, error.message);
	return value;
}

static inline void assert_prints(const struct devbus_json *value, const char *expected)
{
	char *text = devbus_json_print(value);
	ck_assert_str_eq(text, expected);
	free(text);
}

#endif
