// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * The rows are those of Unicode 15 table 3-7. Checking the range of the second byte per row is what keeps
 * overlong forms and surrogates out, without a look at the code point.
 */
#include "utf8.h"

#include <string.h>

static const struct sequence {
	unsigned char first_low, first_high;
	unsigned char second_low, second_high;
	unsigned char length;
	unsigned char payload; /* bits of the first byte that belong to the code point */
} sequences[] = {
	{ 0x00, 0x7f, 0x00, 0x00, 1, 0x7f },
	{ 0xc2, 0xdf, 0x80, 0xbf, 2, 0x1f },
	{ 0xe0, 0xe0, 0xa0, 0xbf, 3, 0x0f },
	{ 0xe1, 0xec, 0x80, 0xbf, 3, 0x0f },
	{ 0xed, 0xed, 0x80, 0x9f, 3, 0x0f },
	{ 0xee, 0xef, 0x80, 0xbf, 3, 0x0f },
	{ 0xf0, 0xf0, 0x90, 0xbf, 4, 0x07 },
	{ 0xf1, 0xf3, 0x80, 0xbf, 4, 0x07 },
	{ 0xf4, 0xf4, 0x80, 0x8f, 4, 0x07 },
};

static const struct sequence *sequence_of(unsigned char first)
{
	for (size_t i = 0; i < sizeof(sequences) / sizeof(sequences[0]); i++)
		if (first >= sequences[i].first_low && first <= sequences[i].first_high)
			return &sequences[i];
	return NULL;
}

size_t utf8_decode(const char *text, size_t size, uint32_t *ret_point)
{
	const unsigned char *bytes = (const unsigned char *)text;
	const struct sequence *sequence = size > 0 ? sequence_of(bytes[0]) : NULL;
	if (!sequence || size < sequence->length)
		return 0;
	uint32_t point = bytes[0] & sequence->payload;
	for (size_t i = 1; i < sequence->length; i++) {
		const unsigned char low = i == 1 ? sequence->second_low : 0x80;
		const unsigned char high = i == 1 ? sequence->second_high : 0xbf;
		if (bytes[i] < low || bytes[i] > high)
			return 0;
		point = point << 6 | (bytes[i] & 0x3f);
	}
	if (ret_point)
		*ret_point = point;
	return sequence->length;
}

/* How many bytes at the beginning are ASCII, by eights: what nearly every text is made of. */
static size_t ascii_length(const char *text, size_t size)
{
	size_t length = 0;
	for (uint64_t eight; size - length >= sizeof(eight); length += sizeof(eight)) {
		memcpy(&eight, text + length, sizeof(eight));
		if (eight & 0x8080808080808080)
			break;
	}
	return length;
}

bool utf8_valid(const char *text, size_t size)
{
	const size_t ascii = ascii_length(text, size);
	text += ascii;
	size -= ascii;
	while (size > 0) {
		const size_t length = utf8_decode(text, size, NULL);
		if (length == 0)
			return false;
		text += length;
		size -= length;
	}
	return true;
}

void utf8_clean(char *text)
{
	size_t left = strlen(text);
	if (utf8_valid(text, left))
		return; /* nearly always, and told in an eighth of the steps */
	for (size_t step; left > 0; text += step, left -= step) {
		step = utf8_decode(text, left, NULL);
		if (step > 0)
			continue;
		*text = '?';
		step = 1;
	}
}

bool utf8_is_control(uint32_t point)
{
	return point < 0x20 || (point >= 0x7f && point <= 0x9f);
}
