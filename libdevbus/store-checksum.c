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

/* What each byte does to the sum; made at the first use, by the polynomial in reverse. */
static uint32_t table[256];

static void make_table(void)
{
	const uint32_t polynomial = 0xedb88320;

	for (uint32_t byte = 0; byte < 256; byte++) {
		uint32_t sum = byte;

		for (int bit = 0; bit < 8; bit++)
			sum = sum >> 1 ^ (sum & 1 ? polynomial : 0);
		table[byte] = sum;
	}
}

static uint32_t add_bytes(uint32_t crc, const unsigned char *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		crc = table[(crc ^ bytes[i]) & 0xff] ^ crc >> 8;
	return crc;
}

/* The low @size bytes of @number, so that the sum is the same on each machine. */
static uint32_t add_number(uint32_t crc, uint64_t number, int size)
{
	unsigned char bytes[8];

	for (int i = 0; i < size; i++)
		bytes[i] = (unsigned char)(number >> (8 * i));
	return add_bytes(crc, bytes, (size_t)size);
}

/* Type, length and content: so that two neighbours cannot exchange a part unnoticed. */
static uint32_t add_value(uint32_t crc, sqlite3_value *value)
{
	int type = sqlite3_value_type(value);
	const void *bytes;

	crc = add_number(crc, (uint64_t)type, 1);
	if (type == SQLITE_INTEGER)
		return add_number(crc, (uint64_t)sqlite3_value_int64(value), 8);
	bytes = sqlite3_value_blob(value);
	crc = add_number(crc, (uint64_t)sqlite3_value_bytes(value), 4);
	return bytes ? add_bytes(crc, bytes, (size_t)sqlite3_value_bytes(value)) : crc;
}

static void checksum(sqlite3_context *context, int count, sqlite3_value **values)
{
	uint32_t crc = UINT32_MAX;

	for (int i = 0; i < count; i++)
		crc = add_value(crc, values[i]);
	sqlite3_result_int64(context, (sqlite3_int64)~crc);
}

int store_add_checksum(sqlite3 *database)
{
	if (!table[255])
		make_table();
	return sqlite3_create_function(database, "checksum", -1,
		SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY, NULL, checksum, NULL, NULL);
}
