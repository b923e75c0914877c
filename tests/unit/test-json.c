// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* JSON as text: what is refused and why, and what survives a round trip. */
#include "json-text.h"
#include "unit.h"
#include "utf8.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* A text of known size, which may hold any byte. */
#define TEXT(literal) literal, sizeof(literal) - 1

#define NEST_8(open) open open open open open open open open
#define NEST_32(open) NEST_8(open) NEST_8(open) NEST_8(open) NEST_8(open)
#define DIGITS_60 "000000000000000000000000000000000000000000000000000000000000"

/* ---- texts that are refused */

static const struct {
	const char *text;
	size_t size;
	const char *message;
} refused[] = {
	{ TEXT(""), "byte 0: the text ends where a value is expected" },
	{ TEXT(" \n"), "byte 2: the text ends where a value is expected" },
	{ TEXT("\xef\xbb\xbf{}"), "byte 0: a value is expected" },
	{ TEXT("{}\0"), "byte 2: trailing bytes" },
	{ TEXT("{} x"), "byte 3: trailing bytes" },
	{ TEXT("{}{}"), "byte 2: trailing bytes" },
	{ TEXT("\v{}"), "byte 0: a value is expected" },
	{ TEXT("{}\f"), "byte 2: trailing bytes" },
	{ TEXT("\xc2\xa0{}"), "byte 0: a value is expected" },
	{ TEXT("// x\n{}"), "byte 0: a value is expected" },
	{ TEXT("{"), "byte 1: the name of a member is expected" },
	{ TEXT("{\"a\"}"), "byte 4: ':' is expected" },
	{ TEXT("{\"a\":}"), "byte 5: a value is expected" },
	{ TEXT("{\"a\":1"), "byte 6: ',' or '}' is expected" },
	{ TEXT("{\"1\":1,"), "byte 7: the name of a member is expected" },
	{ TEXT("{\"a\":1,}"), "byte 7: the name of a member is expected" },
	{ TEXT("{a:1}"), "byte 1: the name of a member is expected" },
	{ TEXT("{'a':1}"), "byte 1: the name of a member is expected" },
	{ TEXT("[1,]"), "byte 3: a value is expected" },
	{ TEXT("[1 2]"), "byte 3: ',' or ']' is expected" },
	{ TEXT("[1}"), "byte 2: ',' or ']' is expected" },
	{ TEXT("["), "byte 1: the text ends where a value is expected" },
	{ TEXT("]"), "byte 0: a value is expected" },
	{ TEXT("tru"), "byte 0: unknown word" },
	{ TEXT("True"), "byte 0: a value is expected" },
	{ TEXT("nulL"), "byte 0: unknown word" },
	{ TEXT("falsey"), "byte 5: trailing bytes" },
	{ TEXT("\"a"), "byte 2: the text ends inside a string" },
	{ TEXT("\"a\\"), "byte 3: unknown escape in a string" },
	{ TEXT("\"\\a\""), "byte 2: unknown escape in a string" },
	{ TEXT("\"\\\0\""), "byte 2: unknown escape in a string" },
	{ TEXT("\"\\u12\""), "byte 5: \\u needs four hexadecimal digits" },
	{ TEXT("\"\\u 123\""), "byte 3: \\u needs four hexadecimal digits" },
	{ TEXT("\"\\u12g4\""), "byte 5: \\u needs four hexadecimal digits" },
	{ TEXT("\"\\u0000\""), "byte 7: \\u0000 is not accepted" },
	{ TEXT("\"\\ud800\""), "byte 7: half of a surrogate pair" },
	{ TEXT("\"\\udc00\""), "byte 7: half of a surrogate pair" },
	{ TEXT("\"\\ud800x\""), "byte 7: half of a surrogate pair" },
	{ TEXT("\"\\ud800\\n\""), "byte 8: half of a surrogate pair" },
	{ TEXT("\"\\ud800\\ud800\""), "byte 13: half of a surrogate pair" },
	{ TEXT("\"\\udc00\\ud800\""), "byte 7: half of a surrogate pair" },
	{ TEXT("\"\t\""), "byte 1: control character in a string" },
	{ TEXT("\"\n\""), "byte 1: control character in a string" },
	{ TEXT("\"\0\""), "byte 1: control character in a string" },
	{ TEXT("\"\x80\""), "byte 1: invalid UTF-8" },
	{ TEXT("\"\xc0\xaf\""), "byte 1: invalid UTF-8" },
	{ TEXT("\"\xc3\""), "byte 1: invalid UTF-8" },
	{ TEXT("\"\xe2\x82"), "byte 1: invalid UTF-8" },
	{ TEXT("\"\xe0\x9f\xbf\""), "byte 1: invalid UTF-8" },
	{ TEXT("\"\xed\xa0\x80\""), "byte 1: invalid UTF-8" },
	{ TEXT("\"\xf0\x8f\xbf\xbf\""), "byte 1: invalid UTF-8" },
	{ TEXT("\"\xf4\x90\x80\x80\""), "byte 1: invalid UTF-8" },
	{ TEXT("\"\xff\""), "byte 1: invalid UTF-8" },
	{ TEXT("{\"\xc3\":1}"), "byte 2: invalid UTF-8" },
	{ TEXT("007"), "byte 1: a number does not begin with 0" },
	{ TEXT("-01"), "byte 2: a number does not begin with 0" },
	{ TEXT("-"), "byte 1: a digit is expected" },
	{ TEXT("+1"), "byte 0: a value is expected" },
	{ TEXT(".5"), "byte 0: a value is expected" },
	{ TEXT("1."), "byte 2: a digit is expected behind the point" },
	{ TEXT("1.e5"), "byte 2: a digit is expected behind the point" },
	{ TEXT("1e"), "byte 2: a digit is expected in the exponent" },
	{ TEXT("1e+"), "byte 3: a digit is expected in the exponent" },
	{ TEXT("0x10"), "byte 1: trailing bytes" },
	{ TEXT("1,5"), "byte 1: trailing bytes" },
	{ TEXT("NaN"), "byte 0: a value is expected" },
	{ TEXT("-Infinity"), "byte 1: a digit is expected" },
	{ TEXT("[1e400]"), "byte 1: number too large" },
	{ TEXT("-1.5e309"), "byte 0: number too large" },
	{ TEXT("1e99999999999999999999"), "byte 0: number too large" },
	{ TEXT("179769313486231580793e289"), "byte 0: number too large" },
	{ TEXT("9007199254740993"), "byte 0: integer that a double cannot hold exactly" },
	{ TEXT("[ -9007199254740993]"), "byte 2: integer that a double cannot hold exactly" },
	{ TEXT("18446744073709551615"), "byte 0: integer that a double cannot hold exactly" },
	{ TEXT("1" DIGITS_60 "000"), "byte 0: number too long" },
	{ TEXT("[0." DIGITS_60 "01]"), "byte 1: number too long" },
	{ TEXT(NEST_32("[") "[" NEST_32("]") "]"), "byte 32: nested too deeply" },
	{ TEXT(NEST_32("{\"a\":") "{}"), "byte 160: nested too deeply" },
	{ TEXT("{\"a\":1,\"a\":1}"), "duplicate member \"a\"" },
	{ TEXT("{\"a\":1,\"b\":2,\"\\u0061\":3}"), "duplicate member \"a\"" },
	{ TEXT("{\"\":1,\"b\":2,\"\":3}"), "duplicate member \"\"" },
	{ TEXT("[{\"x\":[{\"a\":1,\"a\":1}]}]"), "duplicate member \"a\"" },
};

START_TEST(test_refused)
{
	struct devbus_error error = { "", "" };
	struct devbus_json *value = NULL;
	ck_assert_int_eq(parse_sized(refused[_i].text, refused[_i].size, &value, &error), -EBADMSG);
	ck_assert_ptr_null(value);
	ck_assert_str_eq(error.code, DEVBUS_E_MALFORMED);
	ck_assert_str_eq(error.message, refused[_i].message);
	ck_assert_int_eq(parse_sized(refused[_i].text, refused[_i].size, &value, NULL), -EBADMSG);
}
END_TEST

/* A message that is cut must stay UTF-8, wherever in a character the cut falls: it travels as JSON. */
START_TEST(test_cut_message)
{
	char name[400] = "", text[1000];
	struct devbus_error error = { "", "" };
	struct devbus_json *value = NULL;
	for (int i = 0; i < _i; i++)
		strcat(name, "x");
	for (int i = 0; i < 75; i++)
		strcat(name, "\xf0\x9d\x84\x9e");
	snprintf(text, sizeof(text), "{\"%s\":1,\"%s\":1}", name, name);
	ck_assert_int_eq(parse_sized(text, strlen(text), &value, &error), -EBADMSG);
	ck_assert_uint_ge(strlen(error.message), sizeof(error.message) - 4);
	ck_assert(utf8_valid(error.message, strlen(error.message)));
}
END_TEST

/* ---- texts that are accepted, and how they are printed */

static const struct {
	const char *text, *printed; /* NULL: as @text */
} accepted[] = {
	{ "{}", NULL },
	{ "[]", NULL },
	{ "null", NULL },
	{ "true", NULL },
	{ "false", NULL },
	{ "0", NULL },
	{ "-0", NULL },
	{ "\"\"", NULL },
	{ " \t\r\n{ \"a\" : [ 1 , 2 ] , \"b\" : { } } \n", "{\"a\":[1,2],\"b\":{}}" },
	{ "1 ", "1" },
	{ " 1", "1" },
	{ "[\"\"] ", "[\"\"]" },
	{ "{\"a\":1,\"A\":2}", NULL },
	{ "{\"\":0}", NULL },
	{ "0.1", NULL },
	{ "[\"a text that puts the number behind it far from the beginning of all, past 64 bytes\",0.5]",
		NULL },
	{ "-0.5", NULL },
	{ "3.0", "3" },
	{ "1E3", "1000" },
	{ "1e15", "1000000000000000" },
	{ "1.5e+2", "150" },
	{ "2.5e-1", "0.25" },
	{ "9007199254740992", NULL },
	{ "-9007199254740992", NULL },
	{ "9007199254740991", NULL },
	{ "9007199254740994", NULL },
	{ "100000000000000000000", "1e+20" },
	{ "0.30000000000000004", NULL },
	{ "1.7976931348623157e308", "1.7976931348623157e+308" },
	{ "5e-324", "4.94065645841247e-324" },
	{ "1e-400", "0" },
	{ "1e-99999999999999999999", "0" },
	{ "0e99999999999999999999", "0" },
	{ "0." DIGITS_60 "1", "1e-61" },
	{ "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\\"\\\\/\\b\\f\\n\\r\\t\"" },
	{ "\"\\u0001\\u001f\\u007f\"", "\"\\u0001\\u001f\x7f\"" },
	{ "\"\\u00e4\\uD834\\udd1e\"", "\"\xc3\xa4\xf0\x9d\x84\x9e\"" },
	{ "\"\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf\"", NULL },
	{ "\"\xf0\x90\x80\x80\xf3\xbf\xbf\xbf\xf4\x8f\xbf\xbf\"", NULL },
	{ NEST_32("[") NEST_32("]"), NULL },
};

static void assert_round_trip(const char *text, const char *printed)
{
	struct devbus_json *value = parse(text), *again = parse(printed), *copy = devbus_json_copy(value);
	assert_prints(value, printed);
	assert_prints(copy, printed);
	ck_assert(devbus_json_equal(value, copy));
	ck_assert(devbus_json_equal(again, value));
	devbus_json_free(value);
	devbus_json_free(again);
	devbus_json_free(copy);
}

START_TEST(test_accepted)
{
	assert_round_trip(accepted[_i].text, accepted[_i].printed ? accepted[_i].printed : accepted[_i].text);
}
END_TEST

START_TEST(test_locale)
{
	/* Skipped in effect where no locale with a decimal comma is installed. */
	setlocale(LC_ALL, "de_DE.UTF-8");
	assert_round_trip("[0.1,1.5e300,-2.25]", "[0.1,1.5e+300,-2.25]");
}
END_TEST

START_TEST(test_numbers_survive)
{
	uint64_t bits = 0x9e3779b97f4a7c15;
	for (int i = 0; i < 20000; i++) {
		double number, again = 0;
		bits ^= bits << 13, bits ^= bits >> 7, bits ^= bits << 17;
		memcpy(&number, &bits, sizeof(number));
		if (!isfinite(number))
			continue;
		struct devbus_json *value =
			devbus_json_new_number(i % 2 ? number : ldexp(number, 60 - ilogb(number)));
		char *text = devbus_json_print(value);
		struct devbus_json *parsed = parse(text);
		ck_assert_int_eq(devbus_json_number(value, &number), 0);
		ck_assert_int_eq(devbus_json_number(parsed, &again), 0);
		ck_assert_msg(number == again, "%s", text);
		devbus_json_free(value);
		devbus_json_free(parsed);
		free(text);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("json");
	TCase *texts = tcase_create("texts");
	tcase_add_loop_test(texts, test_refused, 0, LENGTH(refused));
	tcase_add_loop_test(texts, test_cut_message, 0, 4);
	tcase_add_loop_test(texts, test_accepted, 0, LENGTH(accepted));
	tcase_add_test(texts, test_locale);
	tcase_add_test(texts, test_numbers_survive);
	tcase_set_timeout(texts, 60);
	suite_add_tcase(suite, texts);
	return unit_main(suite);
}
