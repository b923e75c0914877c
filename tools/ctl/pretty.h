// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * Text and JSON for people. What comes from the bus may hold anything, so nothing reaches the terminal that could
 * steer it.
 */
#ifndef DEVBUSCTL_PRETTY_H
#define DEVBUSCTL_PRETTY_H

#include <devbus/json.h>
#include <stdio.h>

/* How a stream is written to: plain unless it is a terminal. For colours see also https://no-color.org. */
struct pretty {
	FILE *out;
	bool terminal;
	bool colour;
	int columns; /* width of the terminal; 80 where it is not known */
};
struct pretty pretty_for(FILE *out);

enum pretty_style {
	PRETTY_PLAIN,
	PRETTY_DIM,
	PRETTY_BOLD,
	PRETTY_GOOD,
	PRETTY_BAD,
	PRETTY_WARN,
	PRETTY_NAME
};

/* @text with what is not printable as \u00XX, padded with blanks to @width columns. */
void pretty_text(const struct pretty *pretty, enum pretty_style style, const char *text, int width);

/*
 * @text word by word on the rest of a line that begins in @column; what does not fit on the terminal goes on in lines that are @indent
 * columns in. Returns the column behind it.
 */
int pretty_words(
	const struct pretty *pretty, enum pretty_style style, const char *text, int column, int indent);

/* @size bytes that may be no text at all. */
void pretty_bytes(const struct pretty *pretty, enum pretty_style style, const void *bytes, size_t size);

/*
 * @value on the rest of a line that begins in @column; what does not fit there goes on in lines that are @indent columns
 * in. No line end after it.
 */
void pretty_json(const struct pretty *pretty, const struct devbus_json *value, int column, int indent);

/* The style in which a state of a service or a command is shown. */
enum pretty_style pretty_state(const char *state);

#endif
