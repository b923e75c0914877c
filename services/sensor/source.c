// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* Two ways to find a number in a file, which most sources come down to. In a reader's thread. */
#include "attribute.h"
#include "catalog.h"

#include <errno.h>
#include <string.h>

/* /proc/meminfo has 1.5 KiB on a current kernel; what we look for stands in its first lines. */
#define TEXT_SIZE 4096

#define BLANKS " \t:="

int source_read_number(int root, const struct source *source, double *ret_value)
{
	double raw;
	int r = attribute_read_number(root, source->path, &raw);

	if (r == 0)
		*ret_value = raw / source->divisor;
	return r;
}

/* Behind @word at the start of a line of @text ("": the start of the text); NULL: there is none. */
static const char *find_word(const char *text, const char *word)
{
	size_t length = strlen(word);

	if (length == 0)
		return text;
	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		line += strspn(line, " \t");
		if (strncmp(line, word, length) == 0 && line[length] && strchr(BLANKS, line[length]))
			return line + length;
	}
	return NULL;
}

int source_read_column(int root, const struct source *source, double *ret_value)
{
	char text[TEXT_SIZE];
	int r = attribute_read(root, source->path, text, sizeof text);
	double raw;

	if (r < 0)
		return r;
	const char *rest = find_word(text, source->attribute);

	if (!rest)
		return -EBADMSG;
	rest += strspn(rest, BLANKS);
	for (unsigned column = 1; column < source->column; column++) {
		rest += strcspn(rest, BLANKS "\n");
		rest += strspn(rest, BLANKS);
	}
	r = attribute_parse_number(rest, &raw);
	if (r == 0)
		*ret_value = raw / source->divisor;
	return r;
}
