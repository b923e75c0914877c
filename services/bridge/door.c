// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* Sections are those of MQTT Version 3.1.1 (OASIS Standard). */
#include "door.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdbool.h>
#include <string.h>

enum {
	TYPE_CONNECT = 0x10, /* 2.2 */
	FLAG_USER = 0x80, /* 3.1.2.3 */
	FLAG_PASSWORD = 0x40,
	FLAG_WILL = 0x04,
	LEVEL_3_1_1 = 4, /* 3.1.2.2; 3 is MQTT 3.1 */
	LEVEL_MASK = 0x7f, /* above it: that a bridge connects */
	PREFIX_MAX = 2,
};

struct text {
	const uint8_t *bytes;
	size_t size;
};

struct reader {
	const uint8_t *bytes;
	size_t left;
};

struct writer {
	uint8_t *bytes;
	size_t size;
};

/* 2.2.3; how many bytes it has, 0: more are needed, -EPROTO: more than four */
static int read_length(const uint8_t *bytes, size_t size, size_t *ret_length)
{
	size_t length = 0;

	for (int i = 0; i < 4; i++) {
		if ((size_t)i == size)
			return 0;
		length |= (size_t)(bytes[i] & 0x7f) << (7 * i);
		if (!(bytes[i] & 0x80)) {
			*ret_length = length;
			return i + 1;
		}
	}
	return -EPROTO;
}

int door_packet_size(const uint8_t *bytes, size_t size)
{
	size_t length;
	int r;

	if (size == 0)
		return 0;
	if (bytes[0] != TYPE_CONNECT)
		return -EPROTO;
	r = read_length(bytes + 1, size - 1, &length);
	if (r <= 0)
		return r;
	return length > DOOR_PACKET_MAX - 5 ? -EMSGSIZE : 1 + r + (int)length;
}

/* ---- taking it apart */

static bool skip(struct reader *reader, size_t size)
{
	if (size > reader->left)
		return false;
	reader->bytes += size;
	reader->left -= size;
	return true;
}

/* 1.5.3: two bytes of length before it */
static bool read_text(struct reader *reader, struct text *ret_text)
{
	if (reader->left < PREFIX_MAX)
		return false;
	ret_text->size = (size_t)reader->bytes[0] << 8 | reader->bytes[1];
	skip(reader, PREFIX_MAX);
	ret_text->bytes = reader->bytes;
	return skip(reader, ret_text->size);
}

struct connect {
	const uint8_t *flags; /* in the head */
	struct text head; /* all that is sent on as it is: the variable header, client id and will */
	struct text password;
};

/* 3.1.2 and 3.1.3 */
static bool take_apart(struct reader reader, struct connect *ret_connect)
{
	struct text ignored;
	const uint8_t *begin = reader.bytes, *flags;

	if (!read_text(&reader, &ignored) || reader.left == 0 || (*reader.bytes & LEVEL_MASK) > LEVEL_3_1_1)
		return false;
	skip(&reader, 1);
	flags = reader.bytes;
	if (!skip(&reader, 3) || !read_text(&reader, &ignored))
		return false;
	if (*flags & FLAG_WILL && (!read_text(&reader, &ignored) || !read_text(&reader, &ignored)))
		return false;
	*ret_connect = (struct connect) { .flags = flags,
		.head = { .bytes = begin, .size = (size_t)(reader.bytes - begin) } };
	if (*flags & FLAG_USER && !read_text(&reader, &ignored))
		return false;
	if (*flags & FLAG_PASSWORD && !read_text(&reader, &ret_connect->password))
		return false;
	return reader.left == 0;
}

static bool is_secret(const struct text *shown, const char *secret)
{
	return *secret && shown->size == strlen(secret) &&
	       CRYPTO_memcmp(shown->bytes, secret, shown->size) == 0;
}

/* ---- putting it together */

static void put(struct writer *writer, const void *bytes, size_t size)
{
	memcpy(writer->bytes + writer->size, bytes, size);
	writer->size += size;
}

static void put_byte(struct writer *writer, size_t byte)
{
	writer->bytes[writer->size++] = (uint8_t)byte;
}

static size_t text_size(const char *text)
{
	return *text ? PREFIX_MAX + strlen(text) : 0;
}

static void put_text(struct writer *writer, const char *text)
{
	size_t size = strlen(text);

	if (!size)
		return;
	put_byte(writer, size >> 8);
	put_byte(writer, size & 0xff);
	put(writer, text, size);
}

static void put_length(struct writer *writer, size_t length)
{
	do {
		put_byte(writer, (length & 0x7f) | (length > 0x7f ? 0x80 : 0));
		length >>= 7;
	} while (length > 0);
}

static int put_together(
	const struct connect *connect, const char *user, const char *password, uint8_t *packet)
{
	struct writer writer = { .bytes = packet };
	size_t length = connect->head.size + text_size(user) + text_size(password), flags_at;

	if (length > DOOR_PACKET_MAX - 5)
		return -EMSGSIZE;
	put_byte(&writer, TYPE_CONNECT);
	put_length(&writer, length);
	flags_at = writer.size + (size_t)(connect->flags - connect->head.bytes);
	put(&writer, connect->head.bytes, connect->head.size);
	packet[flags_at] = (uint8_t)((*connect->flags & ~(FLAG_USER | FLAG_PASSWORD)) |
				     (*user ? FLAG_USER : 0) | (*password ? FLAG_PASSWORD : 0));
	put_text(&writer, user);
	put_text(&writer, password);
	return (int)writer.size;
}

int door_exchange(const uint8_t *packet, size_t size, const char *secret, const char *user,
	const char *password, uint8_t ret_packet[DOOR_PACKET_MAX])
{
	struct reader reader = { .bytes = packet, .left = size };
	struct connect connect;
	size_t length;
	int r = size > 1 && packet[0] == TYPE_CONNECT ? read_length(packet + 1, size - 1, &length) : -EPROTO;

	if (r <= 0 || !skip(&reader, 1 + (size_t)r) || reader.left != length || !take_apart(reader, &connect))
		return -EPROTO;
	if (!is_secret(&connect.password, secret))
		return -EACCES;
	return put_together(&connect, user, password, ret_packet);
}
