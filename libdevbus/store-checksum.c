// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * Each row carries a checksum of its own, because SQLite has none outside of its log: a bit that turned inside a text would go out as
 * good. It belongs to rows and not to pages, so that what is left of a damaged file can be told from nonsense row by
 * row (store-salvage.c).
 *
 * CRC-32 (the one of IEEE 802.3) finds each error within 32 bits and all but one of 4 thousand million others. Against
 * an attacker it is nothing; who can write this file needs none.
 */
#include "store-internal.h"

/* Half a byte at a time: a table of 16 instead of 256, and fast enough for a disk. */
static uint32_t crc32(uint32_t crc, const void *bytes, size_t size)
{
	static const uint32_t table[16] = { 0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190,
		0x6b6b51f4, 0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
		0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c };
	const unsigned char *at = bytes;

	crc = ~crc;
	for (size_t i = 0; i < size; i++) {
		crc = table[(crc ^ at[i]) & 15] ^ (crc >> 4);
		crc = table[(crc ^ (at[i] >> 4)) & 15] ^ (crc >> 4);
	}
	return ~crc;
}

static uint32_t add_number(uint32_t crc, uint64_t number)
{
	unsigned char bytes[8];

	for (int i = 0; i < 8; i++)
		bytes[i] = (unsigned char)(number >> (8 * i));
	return crc32(crc, bytes, sizeof bytes);
}

/* Type, length and content: so that two neighbours cannot exchange a part unnoticed. */
static uint32_t add_value(uint32_t crc, sqlite3_value *value)
{
	int type = sqlite3_value_type(value);
	const void *bytes;

	crc = add_number(crc, (uint64_t)type);
	if (type == SQLITE_INTEGER)
		return add_number(crc, (uint64_t)sqlite3_value_int64(value));
	bytes = sqlite3_value_blob(value);
	crc = add_number(crc, (uint64_t)sqlite3_value_bytes(value));
	return bytes ? crc32(crc, bytes, (size_t)sqlite3_value_bytes(value)) : crc;
}

static void checksum(sqlite3_context *context, int count, sqlite3_value **values)
{
	uint32_t crc = 0;

	for (int i = 0; i < count; i++)
		crc = add_value(crc, values[i]);
	sqlite3_result_int64(context, crc);
}

int store_add_checksum(sqlite3 *database)
{
	return sqlite3_create_function(database, "checksum", -1,
		SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY, NULL, checksum, NULL, NULL);
}
