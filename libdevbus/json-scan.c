// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * cJSON is a lenient reader: it takes 007, 1e400, raw control characters, broken UTF-8, lone surrogates,
 * any byte up to 32 as white space and 1 000 levels of nesting. Two programs that read one text
 * differently are a security hole, so that every text passes this strict reader first, which builds
 * nothing, and cJSON sees only what RFC 8259 allows.
 */
#include "json.h"

#include "error.h"
#include "utf8.h"

#include <errno.h>
#include <float.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Larger exponents say nothing new: 10^400 with 63 digits in front is infinite or zero already. */
#define EXPONENT_MAX 9999

struct scanner {
	const char *text;
	size_t size;
	size_t at;
	unsigned depth;
	const char *problem; /* NULL: none so far */
};

static bool scan_value(struct scanner *scanner);

static bool fail(struct scanner *scanner, const char *problem)
{
	scanner->problem = problem;
	return false;
}

/* The next byte, or -1 at the end. */
static int peek(const struct scanner *scanner)
{
	return scanner->at < scanner->size ? (unsigned char)scanner->text[scanner->at] : -1;
}

static bool accept(struct scanner *scanner, char byte)
{
	if (peek(scanner) != (unsigned char)byte)
		return false;
	scanner->at++;
	return true;
}

static void skip_space(struct scanner *scanner)
{
	while (accept(scanner, ' ') || accept(scanner, '\t') || accept(scanner, '\n') ||
		accept(scanner, '\r'))
		;
}

static bool is_digit(int byte)
{
	return byte >= '0' && byte <= '9';
}

static size_t skip_digits(struct scanner *scanner)
{
	const size_t begin = scanner->at;
	while (is_digit(peek(scanner)))
		scanner->at++;
	return scanner->at - begin;
}

/* ---- strings */

static int hex_value(int byte)
{
	if (is_digit(byte))
		return byte - '0';
	if (byte >= 'a' && byte <= 'f')
		return byte - 'a' + 10;
	if (byte >= 'A' && byte <= 'F')
		return byte - 'A' + 10;
	return -1;
}

static bool scan_hex(struct scanner *scanner, unsigned *ret_unit)
{
	unsigned unit = 0;
	for (int i = 0; i < 4; i++) {
		const int value = hex_value(peek(scanner));
		if (value < 0)
			return fail(scanner, "\\u needs four hexadecimal digits");
		unit = unit << 4 | (unsigned)value;
		scanner->at++;
	}
	*ret_unit = unit;
	return true;
}

static bool scan_unicode_escape(struct scanner *scanner)
{
	unsigned unit, second = 0;
	if (!scan_hex(scanner, &unit))
		return false;
	if (unit == 0)
		return fail(scanner, "\\u0000 is not accepted");
	if (unit < 0xd800 || unit > 0xdfff)
		return true;
	if (unit >= 0xdc00 || !accept(scanner, '\\') || !accept(scanner, 'u'))
		return fail(scanner, "half of a surrogate pair");
	if (!scan_hex(scanner, &second))
		return false;
	if (second < 0xdc00 || second > 0xdfff)
		return fail(scanner, "half of a surrogate pair");
	return true;
}

static bool scan_escape(struct scanner *scanner)
{
	const int byte = peek(scanner);
	if (byte <= 0 || !strchr("\"\\/bfnrtu", byte))
		return fail(scanner, "unknown escape in a string");
	scanner->at++;
	return byte != 'u' || scan_unicode_escape(scanner);
}

/* Whether one of the eight bytes is a quote, a backslash, a control character or not ASCII: each sets the highest bit in one of the terms. */
static bool some_special(uint64_t eight)
{
	const uint64_t ones = 0x0101010101010101;
	const uint64_t quotes = (eight ^ '"' * ones) - ones, backslashes = (eight ^ '\\' * ones) - ones;
	return ((eight - 0x20 * ones) | quotes | backslashes | eight) & 0x80 * ones;
}

static bool is_plain(char byte)
{
	return (unsigned char)byte >= 0x20 && (unsigned char)byte < 0x80 && byte != '"' && byte != '\\';
}

size_t json_plain_length(const char *text, size_t size)
{
	size_t length = 0;
	for (uint64_t eight; size - length >= sizeof(eight); length += sizeof(eight)) {
		memcpy(&eight, text + length, sizeof(eight));
		if (some_special(eight))
			break;
	}
	while (length < size && is_plain(text[length]))
		length++;
	return length;
}

static bool scan_string(struct scanner *scanner)
{
	if (!accept(scanner, '"'))
		return fail(scanner, "the name of a member is expected");
	scanner->at += json_plain_length(scanner->text + scanner->at, scanner->size - scanner->at);
	while (!accept(scanner, '"')) {
		if (peek(scanner) < 0)
			return fail(scanner, "the text ends inside a string");
		if (peek(scanner) < 0x20)
			return fail(scanner, "control character in a string");
		if (accept(scanner, '\\')) {
			if (!scan_escape(scanner))
				return false;
			continue;
		}
		const size_t length =
			utf8_decode(scanner->text + scanner->at, scanner->size - scanner->at, NULL);
		if (length == 0)
			return fail(scanner, "invalid UTF-8");
		scanner->at += length;
	}
	return true;
}

/* ---- numbers */

struct number {
	char digits[JSON_NUMBER_LENGTH_MAX + 1]; /* sign and digits, the point taken out */
	bool whole; /* neither fraction nor exponent */
	int exponent; /* of ten, for @digits */
};

/*
 * Whether the number is one that a double holds: finite, and exact if it is written as an integer. Without
 * a point in the text strtod() is the same in every locale.
 */
static const char *judge_number(const struct number *number)
{
	char text[sizeof(number->digits) + 16], exact[512];
	snprintf(text, sizeof(text), "%se%d", number->digits, number->exponent);
	const double value = strtod(text, NULL);
	if (value > DBL_MAX || value < -DBL_MAX)
		return "number too large";
	if (!number->whole)
		return NULL;
	snprintf(exact, sizeof(exact), "%.0f", value);
	return strcmp(exact, number->digits) == 0 ? NULL : "integer that a double cannot hold exactly";
}

/* Reads "e-5" and the like, behind the digits. */
static bool scan_exponent(struct scanner *scanner, int *exponent)
{
	int value = 0;
	if (!accept(scanner, 'e') && !accept(scanner, 'E'))
		return true;
	const bool negative = accept(scanner, '-');
	if (!negative)
		accept(scanner, '+');
	if (!is_digit(peek(scanner)))
		return fail(scanner, "a digit is expected in the exponent");
	for (; is_digit(peek(scanner)); scanner->at++)
		if (value < EXPONENT_MAX)
			value = value * 10 + (peek(scanner) - '0');
	*exponent += negative ? -value : value;
	return true;
}

static bool scan_number_parts(
	struct scanner *scanner, size_t *ret_point, size_t *ret_mantissa_end, int *ret_exponent)
{
	accept(scanner, '-');
	if (!is_digit(peek(scanner)))
		return fail(scanner, "a digit is expected");
	if (accept(scanner, '0')) {
		if (is_digit(peek(scanner)))
			return fail(scanner, "a number does not begin with 0");
	} else {
		skip_digits(scanner);
	}
	*ret_point = scanner->at;
	*ret_exponent = 0;
	if (accept(scanner, '.')) {
		const size_t decimals = skip_digits(scanner);
		if (decimals == 0)
			return fail(scanner, "a digit is expected behind the point");
		*ret_exponent = decimals > EXPONENT_MAX ? -EXPONENT_MAX : -(int)decimals;
	}
	*ret_mantissa_end = scanner->at;
	return scan_exponent(scanner, ret_exponent);
}

static bool scan_number(struct scanner *scanner)
{
	const size_t begin = scanner->at;
	struct number number = { 0 };
	size_t point, mantissa_end;
	if (!scan_number_parts(scanner, &point, &mantissa_end, &number.exponent))
		return false;
	number.whole = scanner->at == point;
	const char *problem = "number too long";
	if (scanner->at - begin <= JSON_NUMBER_LENGTH_MAX) {
		const size_t whole_length = point - begin;
		memcpy(number.digits, scanner->text + begin, whole_length);
		if (mantissa_end > point)
			memcpy(number.digits + whole_length, scanner->text + point + 1,
				mantissa_end - point - 1);
		problem = judge_number(&number);
	}
	if (!problem)
		return true;
	scanner->at = begin;
	return fail(scanner, problem);
}

/* ---- structure */

static bool scan_literal(struct scanner *scanner, const char *word)
{
	const size_t length = strlen(word);
	if (scanner->size - scanner->at < length || memcmp(scanner->text + scanner->at, word, length) != 0)
		return fail(scanner, "unknown word");
	scanner->at += length;
	return true;
}

static bool scan_member(struct scanner *scanner)
{
	skip_space(scanner);
	if (!scan_string(scanner))
		return false;
	skip_space(scanner);
	if (!accept(scanner, ':'))
		return fail(scanner, "':' is expected");
	return scan_value(scanner);
}

/* The items between a bracket that was read and @close. */
static bool scan_items(struct scanner *scanner, char close, bool (*scan_item)(struct scanner *scanner))
{
	skip_space(scanner);
	if (accept(scanner, close))
		return true;
	do {
		if (!scan_item(scanner))
			return false;
	} while (accept(scanner, ','));
	if (!accept(scanner, close))
		return fail(scanner, close == '}' ? "',' or '}' is expected" : "',' or ']' is expected");
	return true;
}

static bool scan_container(struct scanner *scanner)
{
	if (scanner->depth == DEVBUS_JSON_DEPTH_MAX)
		return fail(scanner, "nested too deeply");
	scanner->depth++;
	const bool object = peek(scanner) == '{';
	scanner->at++;
	const bool good =
		object ? scan_items(scanner, '}', scan_member) : scan_items(scanner, ']', scan_value);
	scanner->depth--;
	return good;
}

static bool scan_bare(struct scanner *scanner)
{
	const int byte = peek(scanner);
	switch (byte) {
	case '{':
	case '[':
		return scan_container(scanner);
	case '"':
		return scan_string(scanner);
	case 't':
		return scan_literal(scanner, "true");
	case 'f':
		return scan_literal(scanner, "false");
	case 'n':
		return scan_literal(scanner, "null");
	case -1:
		return fail(scanner, "the text ends where a value is expected");
	default:
		return byte == '-' || is_digit(byte) ? scan_number(scanner)
						     : fail(scanner, "a value is expected");
	}
}

static bool scan_value(struct scanner *scanner)
{
	skip_space(scanner);
	if (!scan_bare(scanner))
		return false;
	skip_space(scanner);
	return true;
}

int json_scan(const char *text, size_t size, struct json_extent *ret_value, struct devbus_error *ret_error)
{
	struct scanner scanner = { .text = text, .size = size };
	struct json_extent value;
	skip_space(&scanner);
	value.begin = scanner.at;
	if (scan_bare(&scanner)) {
		value.end = scanner.at;
		skip_space(&scanner);
		if (scanner.at < size)
			fail(&scanner, "trailing bytes");
	}
	if (scanner.problem) {
		error_set(ret_error, DEVBUS_E_MALFORMED, "byte %zu: %s", scanner.at, scanner.problem);
		return -EBADMSG;
	}
	*ret_value = value;
	return 0;
}
