// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * Works on spans of the two texts, without copies, so that a version of any length and with numbers of any size
 * has a defined place in the order.
 */
#include "version.h"

#include <stddef.h>
#include <string.h>

#define DIGITS "0123456789"
#define ALNUM DIGITS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

struct span {
	const char *text;
	size_t size;
};

bool version_valid(const char *text)
{
	size_t size = strlen(text);
	return size > 0 && size <= VERSION_MAX && strchr(ALNUM, text[0]) && strspn(text, ALNUM ".+-") == size;
}

static int sign(long difference)
{
	return (difference > 0) - (difference < 0);
}

static bool all_digits(struct span part)
{
	return part.size > 0 && strspn(part.text, DIGITS) >= part.size;
}

static struct span without_zeros(struct span part)
{
	while (part.size > 1 && *part.text == '0') {
		part.text++;
		part.size--;
	}
	return part;
}

static int compare_text(struct span a, struct span b)
{
	size_t shorter = a.size < b.size ? a.size : b.size;
	int difference = memcmp(a.text, b.text, shorter);
	return difference ? sign(difference) : sign((long)a.size - (long)b.size);
}

static int compare_part(struct span a, struct span b)
{
	if (all_digits(a) != all_digits(b))
		return all_digits(a) ? -1 : 1;
	if (!all_digits(a))
		return compare_text(a, b);
	a = without_zeros(a);
	b = without_zeros(b);
	return a.size != b.size ? sign((long)a.size - (long)b.size) : compare_text(a, b);
}

/* Cuts the part before the next dot off *@rest; *@rest has no text when nothing is left. */
static struct span next_part(struct span *rest)
{
	const char *dot = memchr(rest->text, '.', rest->size);
	struct span part = { rest->text, dot ? (size_t)(dot - rest->text) : rest->size };
	*rest = dot ? (struct span) { dot + 1, rest->size - part.size - 1 } : (struct span) { NULL, 0 };
	return part;
}

/* @missing stands for the parts that one side lacks; without it the side with more parts is newer. */
static int compare_parts(struct span a, struct span b, const char *missing)
{
	while (a.text || b.text) {
		if (!missing && (!a.text || !b.text))
			return a.text ? 1 : -1;
		struct span filler = { missing, 1 };
		int order = compare_part(a.text ? next_part(&a) : filler, b.text ? next_part(&b) : filler);
		if (order)
			return order;
	}
	return 0;
}

static void split(const char *version, struct span *ret_core, struct span *ret_suffix)
{
	if ((*version == 'v' || *version == 'V') && version[1] && strchr(DIGITS, version[1]))
		version++;
	size_t size = strcspn(version, "+");
	const char *dash = memchr(version, '-', size);
	*ret_core = (struct span) { version, dash ? (size_t)(dash - version) : size };
	*ret_suffix =
		dash ? (struct span) { dash + 1, size - ret_core->size - 1 } : (struct span) { NULL, 0 };
}

int version_compare(const char *a, const char *b)
{
	struct span core_a, core_b, suffix_a, suffix_b;
	split(a, &core_a, &suffix_a);
	split(b, &core_b, &suffix_b);
	int order = compare_parts(core_a, core_b, "0");
	if (order)
		return order;
	if (!suffix_a.text || !suffix_b.text)
		return (suffix_b.text != NULL) - (suffix_a.text != NULL);
	return compare_parts(suffix_a, suffix_b, NULL);
}
