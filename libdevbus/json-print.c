// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * cJSON rounds numbers when it prints (2^53 loses its last digit) and writes the decimal comma of the
 * locale, so the text is made here. The value is walked twice, once to measure and once to write, so that
 * one allocation suffices and there is one place where memory can be short.
 */
#include "json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The largest number up to which every whole number is a double of its own. */
#define EXACT_MAX 9007199254740992.0

/* Every double survives this many digits (C17 5.2.4.2.2, DBL_DECIMAL_DIG). */
#define DIGITS_MIN 15
#define DIGITS_MAX 17

struct sink {
	char *text; /* NULL: only measure */
	size_t length;
};

static void put_value(struct sink *sink, const struct devbus_json *value);

static void put_bytes(struct sink *sink, const char *bytes, size_t length)
{
	if (sink->text)
		memcpy(sink->text + sink->length, bytes, length);
	sink->length += length;
}

static void put(struct sink *sink, const char *text)
{
	put_bytes(sink, text, strlen(text));
}

/* Whatever the locale has for a decimal point, which may be several bytes, becomes a point. */
static void unlocalise(char *text)
{
	char *point = text + strspn(text, "-0123456789");
	const size_t length = strcspn(point, "e0123456789");
	if (length == 0)
		return;
	*point = '.';
	memmove(point + 1, point + length, strlen(point + length) + 1);
}

void json_number_print(double number, char text[JSON_NUMBER_SIZE])
{
	if (!isfinite(number)) {
		snprintf(text, JSON_NUMBER_SIZE, "null");
		return;
	}
	if (fabs(number) <= EXACT_MAX && number == trunc(number)) {
		snprintf(text, JSON_NUMBER_SIZE, "%.0f", number);
		return;
	}
	for (int digits = DIGITS_MIN; digits <= DIGITS_MAX; digits++) {
		snprintf(text, JSON_NUMBER_SIZE, "%.*g", digits, number);
		if (strtod(text, NULL) == number)
			break;
	}
	unlocalise(text);
}

static void put_escaped(struct sink *sink, char byte)
{
	static const char letters[] = "\"\\\b\f\n\r\t", escapes[] = "\"\\bfnrt";
	char text[8];
	const char *letter = strchr(letters, byte);
	if (letter)
		snprintf(text, sizeof(text), "\\%c", escapes[letter - letters]);
	else
		snprintf(text, sizeof(text), "\\u%04x", (unsigned)(unsigned char)byte);
	put(sink, text);
}

static bool must_escape(char byte)
{
	return (unsigned char)byte < 0x20 || byte == '"' || byte == '\\';
}

static void put_string(struct sink *sink, const char *text)
{
	size_t left = strlen(text);
	put(sink, "\"");
	while (left > 0) {
		size_t plain = json_plain_length(text, left);
		while (plain < left && !must_escape(text[plain]))
			plain++;
		put_bytes(sink, text, plain);
		text += plain;
		left -= plain;
		if (left > 0) {
			put_escaped(sink, *text++);
			left--;
		}
	}
	put(sink, "\"");
}

static void put_items(struct sink *sink, const struct devbus_json *value, bool named)
{
	for (const struct devbus_json *item = devbus_json_first(value); item;) {
		if (named) {
			put_string(sink, devbus_json_name(item));
			put(sink, ":");
		}
		put_value(sink, item);
		item = devbus_json_next(item);
		if (item)
			put(sink, ",");
	}
}

static void put_number(struct sink *sink, const struct devbus_json *value)
{
	char text[JSON_NUMBER_SIZE];
	double number = 0;
	devbus_json_number(value, &number);
	json_number_print(number, text);
	put(sink, text);
}

static void put_value(struct sink *sink, const struct devbus_json *value)
{
	bool yes = false;
	switch (devbus_json_type(value)) {
	case DEVBUS_JSON_NULL:
		put(sink, "null");
		break;
	case DEVBUS_JSON_BOOL:
		devbus_json_bool(value, &yes);
		put(sink, yes ? "true" : "false");
		break;
	case DEVBUS_JSON_NUMBER:
		put_number(sink, value);
		break;
	case DEVBUS_JSON_STRING:
		put_string(sink, devbus_json_string(value));
		break;
	case DEVBUS_JSON_ARRAY:
		put(sink, "[");
		put_items(sink, value, false);
		put(sink, "]");
		break;
	case DEVBUS_JSON_OBJECT:
		put(sink, "{");
		put_items(sink, value, true);
		put(sink, "}");
		break;
	}
}

char *devbus_json_print(const struct devbus_json *value)
{
	struct sink sink = { 0 };
	put_value(&sink, value);
	sink.text = malloc(sink.length + 1);
	if (!sink.text)
		return NULL;
	sink.length = 0;
	put_value(&sink, value);
	sink.text[sink.length] = '\0';
	return sink.text;
}

char *json_print_and_free(struct devbus_json *value)
{
	char *text = devbus_json_print(value);

	devbus_json_free(value);
	return text;
}
