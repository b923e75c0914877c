// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* See pretty.h. */
#include "pretty.h"
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static const char *const sequences[] = {
	[PRETTY_PLAIN] = "",
	[PRETTY_DIM] = "\033[2m",
	[PRETTY_BOLD] = "\033[1m",
	[PRETTY_GOOD] = "\033[32m",
	[PRETTY_BAD] = "\033[31m",
	[PRETTY_WARN] = "\033[33m",
	[PRETTY_NAME] = "\033[36m",
};

static int terminal_columns(FILE *out)
{
	struct winsize size;

	return ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col >= 40 ? size.ws_col : 80;
}

struct pretty pretty_for(FILE *out)
{
	const char *no_color = getenv("NO_COLOR");
	bool terminal = isatty(fileno(out));

	return (struct pretty) {
		.out = out,
		.terminal = terminal,
		.colour = terminal && !(no_color && *no_color),
		.columns = terminal_columns(out),
	};
}

static void begin(const struct pretty *pretty, enum pretty_style style)
{
	if (pretty->colour)
		fputs(sequences[style], pretty->out);
}

static void end(const struct pretty *pretty, enum pretty_style style)
{
	if (pretty->colour && style != PRETTY_PLAIN)
		fputs("\033[0m", pretty->out);
}

/* C0, DEL, and C1 as UTF-8: some terminals obey U+009B as they obey ESC [. */
static int unsafe_at(const unsigned char *text, size_t left)
{
	if (text[0] < 0x20 || text[0] == 0x7f)
		return text[0];
	if (left > 1 && text[0] == 0xc2 && text[1] >= 0x80 && text[1] <= 0x9f)
		return text[1];
	return -1;
}

/* How many bytes of UTF-8 begin here, 0: none. Enough for a terminal; the strict reader is the library's. */
static size_t sequence_length(const unsigned char *text, size_t left)
{
	size_t length = text[0] < 0x80                      ? 1
			: text[0] >= 0xc2 && text[0] < 0xe0 ? 2
			: text[0] >= 0xe0 && text[0] < 0xf0 ? 3
			: text[0] >= 0xf0 && text[0] < 0xf5 ? 4
							    : 0;

	for (size_t i = 1; i < length; i++)
		if (i >= left || (text[i] & 0xc0) != 0x80)
			return 0;
	return length;
}

/* Writes one character and returns its bytes; *@columns grows by what it takes on the screen. */
static size_t put_character(FILE *out, const unsigned char *text, size_t left, int *columns)
{
	size_t length = sequence_length(text, left);
	int code = unsafe_at(text, left);

	if (length == 0) {
		*columns += fprintf(out, "\\x%02x", text[0]);
		return 1;
	}
	if (code >= 0)
		*columns += fprintf(out, "\\u%04x", (unsigned)code);
	else
		*columns += fwrite(text, 1, length, out) == length;
	return length;
}

static int put_all(FILE *out, const unsigned char *text, size_t size)
{
	int columns = 0;

	for (size_t i = 0; i < size;)
		i += put_character(out, text + i, size - i, &columns);
	return columns;
}

void pretty_text(const struct pretty *pretty, enum pretty_style style, const char *text, int width)
{
	begin(pretty, style);
	int columns = put_all(pretty->out, (const unsigned char *)text, strlen(text));
	end(pretty, style);
	if (columns < width)
		fprintf(pretty->out, "%*s", width - columns, "");
}

static int width_of(const char *text, size_t size)
{
	int width = 0;

	for (size_t i = 0; i < size; i++)
		width += ((unsigned char)text[i] & 0xc0) != 0x80;
	return width;
}

int pretty_words(
	const struct pretty *pretty, enum pretty_style style, const char *text, int column, int indent)
{
	begin(pretty, style);
	while (*text) {
		size_t blanks = strspn(text, " "), size = blanks + strcspn(text + blanks, " ");

		if (pretty->terminal && column > indent && column + width_of(text, size) > pretty->columns) {
			fprintf(pretty->out, "\n%*s", indent, "");
			column = indent;
			text += blanks;
			size -= blanks;
		}
		column += put_all(pretty->out, (const unsigned char *)text, size);
		text += size;
	}
	end(pretty, style);
	return column;
}

void pretty_bytes(const struct pretty *pretty, enum pretty_style style, const void *bytes, size_t size)
{
	begin(pretty, style);
	put_all(pretty->out, bytes, size);
	end(pretty, style);
}

static bool is_container(const struct devbus_json *value)
{
	enum devbus_json_type type = devbus_json_type(value);

	return (type == DEVBUS_JSON_OBJECT || type == DEVBUS_JSON_ARRAY) && devbus_json_count(value) > 0;
}

static size_t deep_count(const struct devbus_json *value)
{
	size_t count = 1;

	for (const struct devbus_json *item = devbus_json_first(value); item; item = devbus_json_next(item))
		count += deep_count(item);
	return count;
}

/* Compact text plus the blanks that are put in: after each ':' and ',' and inside the outermost braces. */
static bool fits(const struct devbus_json *value, int columns)
{
	char *text = devbus_json_print(value);
	bool yes = text && (int)(strlen(text) + 2 * deep_count(value)) <= columns;

	free(text);
	return yes;
}

static void put_scalar(const struct pretty *pretty, const struct devbus_json *value)
{
	char *text = devbus_json_print(value);
	enum pretty_style style = devbus_json_string(value) ? PRETTY_GOOD : PRETTY_PLAIN;

	pretty_text(pretty, style, text ? text : "?", 0);
	free(text);
}

static void put_name(const struct pretty *pretty, const struct devbus_json *member)
{
	struct devbus_json *name = devbus_json_new_string(devbus_json_name(member));
	char *text = devbus_json_print(name);

	pretty_text(pretty, PRETTY_NAME, text ? text : "?", 0);
	fputs(": ", pretty->out);
	free(text);
	devbus_json_free(name);
}

static void new_line(const struct pretty *pretty, int indent)
{
	fprintf(pretty->out, "\n%*s", indent, "");
}

static bool is_flat(const struct devbus_json *value)
{
	bool flat = true;

	for (const struct devbus_json *item = devbus_json_first(value); item && flat;
		item = devbus_json_next(item))
		flat = !is_container(item);
	return flat;
}

/* Columns of a scalar item with its name, quotes and separators. */
static int item_width(const struct devbus_json *item, bool named)
{
	char *text = devbus_json_print(item);
	size_t width = (text ? strlen(text) : 0) + 2;

	if (named)
		width += strlen(devbus_json_name(item)) + 4;
	free(text);
	return (int)width;
}

static void put_item(
	const struct pretty *pretty, const struct devbus_json *item, bool named, int column, int indent)
{
	if (named)
		put_name(pretty, item);
	pretty_json(pretty, item, column, indent);
}

/* Items one after the other, as words of a text: on one line if they fit, else on as few as they take. */
static void put_filled(
	const struct pretty *pretty, const struct devbus_json *value, bool named, int column, int indent)
{
	for (const struct devbus_json *item = devbus_json_first(value); item; item = devbus_json_next(item)) {
		int width = item_width(item, named);
		if (item != devbus_json_first(value)) {
			bool full = column + width > pretty->columns;
			fputs(full ? "," : ", ", pretty->out);
			if (full) {
				new_line(pretty, indent);
				column = indent;
			}
		}
		put_item(pretty, item, named, 0, indent);
		column += width;
	}
}

static void put_lines(const struct pretty *pretty, const struct devbus_json *value, bool named, int indent)
{
	for (const struct devbus_json *item = devbus_json_first(value); item; item = devbus_json_next(item)) {
		new_line(pretty, indent + 2);
		put_item(pretty, item, named, indent + 2, indent + 2);
		if (devbus_json_next(item))
			fputc(',', pretty->out);
	}
	new_line(pretty, indent);
}

void pretty_json(const struct pretty *pretty, const struct devbus_json *value, int column, int indent)
{
	bool named = devbus_json_type(value) == DEVBUS_JSON_OBJECT;

	if (!is_container(value)) {
		put_scalar(pretty, value);
		return;
	}
	fputc(named ? '{' : '[', pretty->out);
	if (is_flat(value) || fits(value, pretty->columns - column))
		put_filled(pretty, value, named, column + 1, indent + 1);
	else
		put_lines(pretty, value, named, indent);
	fputc(named ? '}' : ']', pretty->out);
}

enum pretty_style pretty_state(const char *state)
{
	static const struct {
		const char *state;
		enum pretty_style style;
	} styles[] = {
		{ "online", PRETTY_GOOD },
		{ "succeeded", PRETTY_GOOD },
		{ "starting", PRETTY_WARN },
		{ "degraded", PRETTY_WARN },
		{ "offline", PRETTY_DIM },
		{ "lost", PRETTY_BAD },
		{ "failed", PRETTY_BAD },
		{ "rejected", PRETTY_BAD },
	};

	for (size_t i = 0; i < sizeof styles / sizeof *styles; i++)
		if (!strcmp(styles[i].state, state))
			return styles[i].style;
	return PRETTY_PLAIN;
}
