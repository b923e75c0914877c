// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* Topics: the examples of MQTT 5.0 section 4.7, what brokers refuse, and building from levels. */
#include "topic.h"
#include "unit.h"

#include <devbus/devbus.h>
#include <errno.h>
#include <string.h>

#define LEVEL_64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define LEVEL_63 "123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define LEVEL_62 "23456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define TOPIC_256 LEVEL_63 "/" LEVEL_64 LEVEL_64 LEVEL_64

static const struct {
	const char *filter, *topic;
	bool matches;
} matches[] = {
	{ "sport/tennis/player1/#", "sport/tennis/player1", true },
	{ "sport/tennis/player1/#", "sport/tennis/player1/ranking", true },
	{ "sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true },
	{ "sport/tennis/player1/#", "sport/tennis/player10", false },
	{ "sport/#", "sport", true },
	{ "sport/#", "sports", false },
	{ "sport/#", "sport/", true },
	{ "#", "sport", true },
	{ "#", "/", true },
	{ "#", "/a", true },
	{ "sport/tennis/+", "sport/tennis/player1", true },
	{ "sport/tennis/+", "sport/tennis/player1/ranking", false },
	{ "sport/+", "sport", false },
	{ "sport/+", "sport/", true },
	{ "+/tennis/#", "sport/tennis", true },
	{ "+/tennis/#", "sport/golf/tennis", false },
	{ "sport/+/player1", "sport/tennis/player1", true },
	{ "+/+", "/finance", true },
	{ "/+", "/finance", true },
	{ "+", "/finance", false },
	{ "+/+", "a/b/c", false },
	{ "+", "a", true },
	{ "+/#", "a", true },
	{ "a", "a", true },
	{ "a", "A", false },
	{ "a", "ab", false },
	{ "ab", "a", false },
	{ "a", "a/", false },
	{ "a/", "a", false },
	{ "a/b", "a", false },
	{ "a", "a/b", false },
	{ "a//b", "a//b", true },
	{ "a/+/b", "a//b", true },
	{ "a/b", "a//b", false },
	{ "a/b/#", "a", false },
	{ "#", "$SYS/uptime", false },
	{ "+/uptime", "$SYS/uptime", false },
	{ "$SYS/#", "$SYS/uptime", true },
	{ "$SYS/+", "$SYS/uptime", true },
	{ "a/+", "a/$b", true },
	{ "a/#", "a/$b", true },
	/* not filters, not topics */
	{ "a/#/b", "a/c/b", false },
	{ "a#", "a#", false },
	{ "a+", "a+", false },
	{ "+a/b", "xa/b", false },
	{ "##", "a", false },
	{ "++", "a", false },
	{ "a/b+/c", "a/b+/c", false },
	{ "+", "+", false },
	{ "#", "a/#", false },
	{ "", "a", false },
	{ "#", "", false },
	{ "", "", false },
	{ NULL, "a", false },
	{ "a", NULL, false },
	{ "a/" TOPIC_256 "/+", "a/" TOPIC_256 "/b", true },
};

START_TEST(test_matches)
{
	ck_assert(topic_matches(matches[_i].filter, matches[_i].topic) == matches[_i].matches);
	ck_assert(devbus_topic_matches(matches[_i].filter, matches[_i].topic) == matches[_i].matches);
}
END_TEST

static const struct {
	const char *text;
	bool name, filter;
} topics[] = {
	{ "a", true, true },
	{ "service/config/state/net-1", true, true },
	{ "/", true, true },
	{ "a//b", true, true },
	{ "Accounts payable", true, true },
	{ "\xc3\xa4/\xf0\x9d\x84\x9e", true, true },
	{ TOPIC_256, true, true },
	{ TOPIC_256 "x", false, false },
	{ "", false, false },
	{ NULL, false, false },
	{ "+", false, true },
	{ "#", false, true },
	{ "a/+/#", false, true },
	{ "a+", false, false },
	{ "a/b#", false, false },
	{ "#/a", false, false },
	{ "a/#/b", false, false },
	{ "+#", false, false },
	{ "$SYS/uptime", false, true },
	{ "$CONTROL/x", false, true },
	{ "$share/group/a", false, false },
	{ "a/$b", true, true },
	{ "a\nb", false, false },
	{ "a\x7f", false, false },
	{ "a\xc2\x80", false, false },
	{ "a\xc2\x9f", false, false },
	{ "a\xc2\xa0", true, true },
	{ "a\xff", false, false },
	{ "\xed\xa0\x80", false, false },
	{ "\xef\xb7\x90", false, false },
	{ "\xef\xbf\xbf", false, false },
	{ "\xf0\x9f\xbf\xbe", false, false },
	{ "\xef\xbf\xbd", true, true },
};

START_TEST(test_valid)
{
	ck_assert(topic_name_valid(topics[_i].text) == topics[_i].name);
	ck_assert(topic_filter_valid(topics[_i].text) == topics[_i].filter);
}
END_TEST

static const struct {
	const char *text;
	bool valid;
} levels[] = {
	{ "a", true },
	{ "az-09_", true },
	{ LEVEL_64, true },
	{ LEVEL_64 "0", false },
	{ "", false },
	{ NULL, false },
	{ "A", false },
	{ "a/b", false },
	{ "+", false },
	{ "#", false },
	{ "$", false },
	{ "a b", false },
	{ "a\n", false },
	{ "a.b", false },
	{ "\xc3\xa4", false },
};

START_TEST(test_level_valid)
{
	ck_assert(topic_level_valid(levels[_i].text) == levels[_i].valid);
}
END_TEST

static const struct {
	bool filter;
	const char *levels[6];
	int result;
	const char *topic;
} builds[] = {
	{ false, { "a" }, 0, "a" },
	{ false, { "service", "fan-1", "state", "rpm" }, 0, "service/fan-1/state/rpm" },
	{ false, { LEVEL_64, LEVEL_64, LEVEL_64, "a" }, 0, LEVEL_64 "/" LEVEL_64 "/" LEVEL_64 "/a" },
	{ false, { LEVEL_64, LEVEL_64, LEVEL_64, LEVEL_63 }, -ENAMETOOLONG, NULL },
	{ false, { LEVEL_64, LEVEL_64, LEVEL_64, LEVEL_64 }, -ENAMETOOLONG, NULL },
	{ false, { NULL }, -EINVAL, NULL },
	{ false, { "a", "" }, -EINVAL, NULL },
	{ false, { "a", "b/c" }, -EINVAL, NULL },
	{ false, { "a", "+" }, -EINVAL, NULL },
	{ false, { "a", "#" }, -EINVAL, NULL },
	{ false, { "$SYS" }, -EINVAL, NULL },
	{ true, { "service", "+", "status" }, 0, "service/+/status" },
	{ true, { "cloud", "command", "fan", "#" }, 0, "cloud/command/fan/#" },
	{ true, { "#" }, 0, "#" },
	{ true, { "#", "a" }, -EINVAL, NULL },
	{ true, { "a+" }, -EINVAL, NULL },
};

START_TEST(test_build)
{
	char topic[TOPIC_SIZE] = "untouched";
	ck_assert_int_eq(topic_build(topic, builds[_i].filter, builds[_i].levels), builds[_i].result);
	ck_assert_str_eq(topic, builds[_i].topic ? builds[_i].topic : "untouched");
	ck_assert(!builds[_i].topic || topic_filter_valid(topic));
	ck_assert(!builds[_i].topic || builds[_i].filter || topic_name_valid(topic));
}
END_TEST

/* 63 + 1 + 64 + 1 + 64 + 1 + 62 = 256 bytes is the longest. */
START_TEST(test_build_to_the_last_byte)
{
	char topic[TOPIC_SIZE];
	ck_assert_int_eq(topic_make(topic, LEVEL_63, LEVEL_64, LEVEL_64, LEVEL_62), 0);
	ck_assert_uint_eq(strlen(topic), TOPIC_SIZE - 1);
	ck_assert_int_eq(topic_make(topic, LEVEL_63, LEVEL_64, LEVEL_64, LEVEL_63), -ENAMETOOLONG);
	ck_assert_int_eq(topic_make_filter(topic, "a", "+"), 0);
	ck_assert_str_eq(topic, "a/+");
}
END_TEST

static const struct {
	const char *topic;
	unsigned index;
	int result;
	const char *level;
} taken[] = {
	{ "cloud/command/fan/set", 0, 0, "cloud" },
	{ "cloud/command/fan/set", 2, 0, "fan" },
	{ "cloud/command/fan/set", 3, 0, "set" },
	{ "cloud/command/fan/set", 4, -ENOENT, NULL },
	{ "a", 0, 0, "a" },
	{ "a", 1, -ENOENT, NULL },
	{ "a", 4000000000u, -ENOENT, NULL },
	{ "a/" LEVEL_64, 1, 0, LEVEL_64 },
	{ "a/" LEVEL_64 "0", 1, -EINVAL, NULL },
	{ "a//b", 1, -EINVAL, NULL },
	{ "a/", 1, -EINVAL, NULL },
	{ "", 0, -EINVAL, NULL },
	{ "$SYS/x", 0, -EINVAL, NULL },
	{ "a/B", 1, -EINVAL, NULL },
};

START_TEST(test_level)
{
	char level[TOPIC_LEVEL_MAX + 1] = "untouched";
	ck_assert_int_eq(topic_level(taken[_i].topic, taken[_i].index, level), taken[_i].result);
	ck_assert_str_eq(level, taken[_i].level ? taken[_i].level : "untouched");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("topic");
	TCase *all = tcase_create("topic");
	tcase_add_loop_test(all, test_matches, 0, LENGTH(matches));
	tcase_add_loop_test(all, test_valid, 0, LENGTH(topics));
	tcase_add_loop_test(all, test_level_valid, 0, LENGTH(levels));
	tcase_add_loop_test(all, test_build, 0, LENGTH(builds));
	tcase_add_test(all, test_build_to_the_last_byte);
	tcase_add_loop_test(all, test_level, 0, LENGTH(taken));
	suite_add_tcase(suite, all);
	return unit_main(suite);
}
