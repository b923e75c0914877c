// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
#include "../../services/bridge/door.h"
#include "unit.h"
#include <errno.h>
#include <string.h>

#define SECRET "of the broker"

/* CONNECT packets are laid out by hand, as MQTT 3.1.1 has them in 3.1. */
#define HEAD(level, flags) "\0\4MQTT" level flags "\0\x3c"
#define ID "\0\2id"
#define WILL "\0\1w\0\3bye"
#define USER "\0\6tunnel"
#define PASSWORD "\0\x0d" SECRET

#define TEXT(text) text, sizeof text - 1

struct packet {
	uint8_t bytes[DOOR_PACKET_MAX];
	size_t size;
};

static struct packet make(const char *body, size_t size)
{
	struct packet packet = { .bytes = { 0x10, (uint8_t)size }, .size = size + 2 };

	ck_assert_uint_lt(size, 128);
	memcpy(packet.bytes + 2, body, size);
	return packet;
}

static const struct good {
	const char *body;
	size_t size;
	const char *user, *password; /* of the cloud */
	const char *then;
	size_t then_size;
} goods[] = {
	{ TEXT(HEAD("\4", "\xc0") ID USER PASSWORD), "far", "word",
		TEXT(HEAD("\4", "\xc0") ID "\0\3far\0\4word") },
	{ TEXT(HEAD("\4", "\xc0") ID USER PASSWORD), "far", "", TEXT(HEAD("\4", "\x80") ID "\0\3far") },
	{ TEXT(HEAD("\4", "\xc0") ID USER PASSWORD), "", "", TEXT(HEAD("\4", "\0") ID) },
	{ TEXT(HEAD("\4", "\xc6") ID WILL USER PASSWORD), "far", "word",
		TEXT(HEAD("\4", "\xc6") ID WILL "\0\3far\0\4word") },
	{ TEXT("\0\6MQIsdp\x83\xc0\0\x3c" ID USER PASSWORD), "", "", TEXT("\0\6MQIsdp\x83\0\0\x3c" ID) },
};

START_TEST(test_good)
{
	const struct good *good = &goods[_i];
	struct packet packet = make(good->body, good->size), expected = make(good->then, good->then_size);
	uint8_t then[DOOR_PACKET_MAX];
	int r = door_exchange(packet.bytes, packet.size, SECRET, good->user, good->password, then);

	ck_assert_int_eq(r, (int)expected.size);
	ck_assert_mem_eq(then, expected.bytes, expected.size);
	ck_assert_int_eq(door_packet_size(packet.bytes, packet.size), (int)packet.size);
}
END_TEST

static const struct bad {
	const char *body;
	size_t size;
	int error;
} bads[] = {
	{ TEXT(HEAD("\4", "\xc0") ID USER "\0\x0dof the brokeR"), -EACCES },
	{ TEXT(HEAD("\4", "\xc0") ID USER "\0\x0cof the broke"), -EACCES },
	{ TEXT(HEAD("\4", "\xc0") ID USER "\0\0"), -EACCES },
	{ TEXT(HEAD("\4", "\x80") ID USER), -EACCES },
	{ TEXT(HEAD("\4", "\0") ID), -EACCES },
	{ TEXT(HEAD("\4", "\xc0") ID USER PASSWORD "x"), -EPROTO },
	{ TEXT(HEAD("\4", "\xc4") ID USER PASSWORD), -EPROTO }, /* a will that is not there */
	{ TEXT(HEAD("\5", "\xc0") "\0" ID USER PASSWORD), -EPROTO }, /* MQTT 5 */
	{ TEXT("\0\4MQTT"), -EPROTO },
	{ TEXT("\xff\xff"), -EPROTO },
	{ TEXT(""), -EPROTO },
};

START_TEST(test_bad)
{
	struct packet packet = make(bads[_i].body, bads[_i].size);
	uint8_t then[DOOR_PACKET_MAX];

	ck_assert_int_eq(
		door_exchange(packet.bytes, packet.size, SECRET, "far", "word", then), bads[_i].error);
}
END_TEST

/* A tunnel without a password would be open to everybody. */
START_TEST(test_no_secret)
{
	static const char body[] = HEAD("\4", "\xc0") ID USER "\0";
	struct packet packet = make(body, sizeof body);
	uint8_t then[DOOR_PACKET_MAX];

	ck_assert_int_eq(door_exchange(packet.bytes, packet.size, "", "far", "word", then), -EACCES);
}
END_TEST

START_TEST(test_every_end)
{
	struct packet packet = make(goods[3].body, goods[3].size);
	uint8_t then[DOOR_PACKET_MAX];

	for (size_t cut = 0; cut < packet.size; cut++) {
		ck_assert_int_eq(door_exchange(packet.bytes, cut, SECRET, "far", "word", then), -EPROTO);
		ck_assert_int_eq(door_packet_size(packet.bytes, cut), cut < 2 ? 0 : (int)packet.size);
	}
}
END_TEST

START_TEST(test_every_byte)
{
	uint8_t then[DOOR_PACKET_MAX];

	for (size_t at = 0; at < goods[3].size + 2; at++)
		for (int byte = 0; byte < 256; byte++) {
			struct packet packet = make(goods[3].body, goods[3].size);

			packet.bytes[at] = (uint8_t)byte;
			int r = door_exchange(packet.bytes, packet.size, SECRET, "far", "word", then);
			ck_assert(r == -EPROTO || r == -EACCES || (r > 0 && r <= DOOR_PACKET_MAX));
		}
}
END_TEST

static const struct size_row {
	const char *bytes;
	size_t size;
	int result;
} sizes[] = {
	{ TEXT(""), 0 },
	{ TEXT("\x10"), 0 },
	{ TEXT("\x10\xff"), 0 },
	{ TEXT("\x10\x80\x01"), 131 },
	{ TEXT("\x10\xff\xff\xff\xff"), -EPROTO },
	{ TEXT("\x10\xff\xff\x7f"), -EMSGSIZE },
	{ TEXT("\x30\x01"), -EPROTO },
	{ TEXT("G"), -EPROTO },
};

START_TEST(test_size)
{
	ck_assert_int_eq(
		door_packet_size((const uint8_t *)sizes[_i].bytes, sizes[_i].size), sizes[_i].result);
}
END_TEST

START_TEST(test_too_long_together)
{
	static char long_user[DOOR_PACKET_MAX];
	struct packet packet = make(goods[0].body, goods[0].size);
	uint8_t then[DOOR_PACKET_MAX];

	memset(long_user, 'u', sizeof long_user - 1);
	ck_assert_int_eq(
		door_exchange(packet.bytes, packet.size, SECRET, long_user, "word", then), -EMSGSIZE);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("door");
	TCase *tcase = tcase_create("door");

	tcase_add_loop_test(tcase, test_good, 0, LENGTH(goods));
	tcase_add_loop_test(tcase, test_bad, 0, LENGTH(bads));
	tcase_add_test(tcase, test_no_secret);
	tcase_add_test(tcase, test_every_end);
	tcase_add_test(tcase, test_every_byte);
	tcase_add_loop_test(tcase, test_size, 0, LENGTH(sizes));
	tcase_add_test(tcase, test_too_long_together);
	suite_add_tcase(suite, tcase);
	return unit_main(suite);
}
