// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* A value is decoded into as many bytes as a topic level may have, and what does not fit there is none. */
#include "bag.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

static int digit_of(char character)
{
	static const char digits[] = "0123456789abcdef0123456789ABCDEF";
	const char *found = character ? strchr(digits, character) : NULL;

	return found ? (int)(found - digits) % 16 : -1;
}

static const char level_characters[] = "abcdefghijklmnopqrstuvwxyz0123456789_-"; /* protocol 1.3 */

/* Decodes [@text, @end) as far as it fits. Returns -1 when it does not, or is badly encoded; else 0. */
static int decode(const char *text, const char *end, char ret_text[BAG_LEVEL_SIZE])
{
	size_t size = 0;

	for (; text < end; text++) {
		int high, low;

		if (size == BAG_LEVEL_SIZE - 1)
			return -1;
		if (*text != '%') {
			ret_text[size++] = *text;
			continue;
		}
		if (end - text < 3 || (high = digit_of(text[1])) < 0 || (low = digit_of(text[2])) < 0 ||
			high + low == 0)
			return -1;
		ret_text[size++] = (char)(high * 16 + low);
		text += 2;
	}
	ret_text[size] = '\0';
	return 0;
}

static int read_level(const char *text, const char *end, char ret_level[BAG_LEVEL_SIZE])
{
	if (*ret_level || decode(text, end, ret_level) < 0) /* there already, or none */
		return -EINVAL;
	return *ret_level && !ret_level[strspn(ret_level, level_characters)] ? 0 : -EINVAL;
}

static int read_property(const char *text, const char *end, struct bag_address *address)
{
	const char *value = memchr(text, '=', (size_t)(end - text));
	char name[BAG_LEVEL_SIZE];

	if (decode(text, value ? value : end, name) < 0)
		return 0; /* none of ours */
	value = value ? value + 1 : end;
	if (strcmp(name, "service") == 0)
		return read_level(value, end, address->service);
	return strcmp(name, "command") == 0 ? read_level(value, end, address->command) : 0;
}

int bag_read_address(const char *bag, struct bag_address *ret_address)
{
	struct bag_address address = { "", "" };
	const char *end = bag + strlen(bag);

	bag += strspn(bag, "/?"); /* in some examples of the hub's documents */
	for (const char *next; bag < end; bag = next + 1) {
		next = strchr(bag, '&');
		if (!next)
			next = end;
		if (read_property(bag, next, &address) < 0)
			return -EINVAL;
		if (next == end)
			break;
	}
	if (!*address.service || !*address.command)
		return -EINVAL;
	*ret_address = address;
	return 0;
}

static const char *copy_level(const char *text, char ret_level[BAG_LEVEL_SIZE])
{
	size_t size = strspn(text, level_characters);

	if (size == 0 || size >= BAG_LEVEL_SIZE)
		return NULL;
	memcpy(ret_level, text, size);
	ret_level[size] = '\0';
	return text + size;
}

int bag_split_event(const char *topic, char ret_service[BAG_LEVEL_SIZE], char ret_item[BAG_LEVEL_SIZE])
{
	static const char root[] = "cloud/event/";
	const char *rest;

	if (strncmp(topic, root, strlen(root)) != 0)
		return -EINVAL;
	rest = copy_level(topic + strlen(root), ret_service);
	if (!rest || *rest != '/')
		return -EINVAL;
	rest = copy_level(rest + 1, ret_item);
	return rest && !*rest ? 0 : -EINVAL;
}
