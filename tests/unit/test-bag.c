// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* Which property bags of IoT Hub are commands, and that none becomes another topic than that of a command. */
#include "../../services/azure/bag.h"
#include "unit.h"

#include <errno.h>

#define X16 "xxxxxxxxxxxxxxxx"
#define X64 X16 X16 X16 X16

static const struct {
	const char *bag;
	const char *service, *command; /* NULL: it is none */
} bags[] = {
	{ "service=sensor&command=read", "sensor", "read" },
	{ "command=read&service=sensor", "sensor", "read" },
	{ "/?service=sensor&command=read", "sensor", "read" },
	{ "?service=sensor&command=read", "sensor", "read" },
	{ "%24.mid=4429df08-2bc4&%24.to=%2Fdevices%2Fx7%2Fmessages%2FdeviceBound&service=a&command=b", "a",
		"b" },
	{ "service=a&iothub-ack=full&command=b&x&y=&=z&", "a", "b" },
	{ "s%65rvice=s%65nsor&comman%64=re%61d", "sensor", "read" },
	{ "service=%2D%5F%2d%5f&command=0-9_", "-_-_", "0-9_" },
	{ "service=" X64 "&command=" X64, X64, X64 },
	{ X64 X64 "=1&service=a&command=b", "a", "b" },
	{ "x%=1&service=a&command=b", "a", "b" },
	{ "Service=x&service=a&command=b", "a", "b" },
	{ "", NULL, NULL },
	{ "/", NULL, NULL },
	{ "&&&", NULL, NULL },
	{ "service=sensor", NULL, NULL },
	{ "command=read", NULL, NULL },
	{ "service=sensor&command", NULL, NULL },
	{ "service=sensor&command=", NULL, NULL },
	{ "service&command=read", NULL, NULL },
	{ "service=" X64 "x&command=read", NULL, NULL },
	{ "service=a&command=b&service=a", NULL, NULL },
	{ "service=a&command=b&command=c", NULL, NULL },
	{ "service=a&s%65rvice=b&command=c", NULL, NULL },
	{ "service=a/b&command=c", NULL, NULL },
	{ "service=a%2Fb&command=c", NULL, NULL },
	{ "service=..%2F..%2Fservice&command=c", NULL, NULL },
	{ "service=%23&command=c", NULL, NULL },
	{ "service=%2B&command=%2b", NULL, NULL },
	{ "service=#&command=+", NULL, NULL },
	{ "service=%24SYS&command=c", NULL, NULL },
	{ "service=a%00b&command=c", NULL, NULL },
	{ "service=a&command=c%00", NULL, NULL },
	{ "service=a&command=c%0A", NULL, NULL },
	{ "service=a&command=c\n", NULL, NULL },
	{ "service=A&command=c", NULL, NULL },
	{ "service=a&command=c%", NULL, NULL },
	{ "service=a&command=c%2", NULL, NULL },
	{ "service=a&command=c%zz", NULL, NULL },
	{ "service=a&command=c%&6=", NULL, NULL },
	{ "service=%C3%A4&command=c", NULL, NULL },
	{ "service=%2561&command=c", NULL, NULL }, /* decoded once, it is %61 */
	{ "service=a b&command=c", NULL, NULL },
	{ "service=a+b&command=c", NULL, NULL },
	{ "service=a=b&command=c", NULL, NULL },
};

START_TEST(test_read_address)
{
	struct bag_address address = { "untouched", "too" };
	int r = bag_read_address(bags[_i].bag, &address);

	ck_assert_msg((r == 0) == (bags[_i].service != NULL), "%s", bags[_i].bag);
	ck_assert(r == 0 || r == -EINVAL);
	ck_assert_str_eq(address.service, r == 0 ? bags[_i].service : "untouched");
	ck_assert_str_eq(address.command, r == 0 ? bags[_i].command : "too");
}
END_TEST

static const struct {
	const char *topic;
	const char *service, *item; /* NULL: it is none */
} events[] = {
	{ "cloud/event/sensor/cpu-0_1", "sensor", "cpu-0_1" },
	{ "cloud/event/" X64 "/" X64, X64, X64 },
	{ "cloud/event/" X64 "x/a", NULL, NULL },
	{ "cloud/event/a/" X64 "x", NULL, NULL },
	{ "cloud/event/a/b/c", NULL, NULL },
	{ "cloud/event/a/", NULL, NULL },
	{ "cloud/event//b", NULL, NULL },
	{ "cloud/event/a", NULL, NULL },
	{ "cloud/event/a/b&service=c", NULL, NULL },
	{ "cloud/event/a/b%20", NULL, NULL },
	{ "cloud/command/a/b", NULL, NULL },
	{ "", NULL, NULL },
};

START_TEST(test_split_event)
{
	char service[BAG_LEVEL_SIZE], item[BAG_LEVEL_SIZE];
	int r = bag_split_event(events[_i].topic, service, item);

	ck_assert_int_eq(r, events[_i].service ? 0 : -EINVAL);
	if (r == 0) {
		ck_assert_str_eq(service, events[_i].service);
		ck_assert_str_eq(item, events[_i].item);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("bag");
	TCase *tcase = tcase_create("bag");

	tcase_add_loop_test(tcase, test_read_address, 0, LENGTH(bags));
	tcase_add_loop_test(tcase, test_split_event, 0, LENGTH(events));
	suite_add_tcase(suite, tcase);
	return unit_main(suite);
}
