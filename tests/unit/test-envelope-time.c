// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* Times: the examples of RFC 3339, the edges of the calendar, and what is none. */
#include "envelope.h"
#include "unit.h"

#include <devbus/devbus.h>
#include <errno.h>

static const struct {
	const char *text;
	int64_t wall_ms;
	const char *printed; /* NULL: @text */
} times[] = {
	{ "1970-01-01T00:00:00.000Z", 0, NULL },
	{ "1970-01-01T00:00:00.001Z", 1, NULL },
	{ "1969-12-31T23:59:59.999Z", -1, NULL },
	{ "2026-01-31T12:00:00.000Z", 1769860800000, NULL },
	{ "2000-02-29T23:59:59.999Z", 951868799999, NULL },
	{ "2000-03-01T00:00:00.000Z", 951868800000, NULL },
	{ "2100-03-01T00:00:00.000Z", 4107542400000, NULL },
	{ "2038-01-19T03:14:08.000Z", 2147483648000, NULL },
	{ "0000-01-01T00:00:00.000Z", -62167219200000, NULL },
	{ "0001-01-01T00:00:00.000Z", -62135596800000, NULL },
	{ "9999-12-31T23:59:59.999Z", 253402300799999, NULL },
	{ "2024-12-31T23:59:59.000Z", 1735689599000, NULL },
	/* other precisions and offsets */
	{ "2026-01-31T12:00:00Z", 1769860800000, "2026-01-31T12:00:00.000Z" },
	{ "2026-01-31T12:00:00.5Z", 1769860800500, "2026-01-31T12:00:00.500Z" },
	{ "2026-01-31T12:00:00.1239999999Z", 1769860800123, "2026-01-31T12:00:00.123Z" },
	{ "2026-01-31t12:00:00z", 1769860800000, "2026-01-31T12:00:00.000Z" },
	{ "2026-01-31 12:00:00Z", 1769860800000, "2026-01-31T12:00:00.000Z" },
	{ "2026-01-31T13:30:00+01:30", 1769860800000, "2026-01-31T12:00:00.000Z" },
	{ "2026-01-31T00:30:00-11:30", 1769860800000, "2026-01-31T12:00:00.000Z" },
	{ "2026-01-31T12:00:00-00:00", 1769860800000, "2026-01-31T12:00:00.000Z" },
	/* RFC 3339 5.8 */
	{ "1985-04-12T23:20:50.52Z", 482196050520, "1985-04-12T23:20:50.520Z" },
	{ "1996-12-19T16:39:57-08:00", 851042397000, "1996-12-20T00:39:57.000Z" },
	{ "1990-12-31T23:59:60Z", 662688000000, "1991-01-01T00:00:00.000Z" },
	{ "1990-12-31T15:59:60-08:00", 662688000000, "1991-01-01T00:00:00.000Z" },
	{ "1937-01-01T12:00:27.87+00:20", -1041337172130, "1937-01-01T11:40:27.870Z" },
};

START_TEST(test_time)
{
	const char *printed = times[_i].printed ? times[_i].printed : times[_i].text;
	char text[ENVELOPE_TIME_SIZE];
	int64_t wall_ms = 42;

	ck_assert_int_eq(envelope_time_read(times[_i].text, &wall_ms), 0);
	ck_assert_int_eq(wall_ms, times[_i].wall_ms);
	envelope_time_print(wall_ms, text);
	ck_assert_str_eq(text, printed);
}
END_TEST

static const char *const bad_times[] = {
	"",
	"2026",
	"2026-01-31",
	"2026-01-31T12:00:00",
	"2026-01-31T12:00Z",
	"2026-01-31T12:00:00.Z",
	"2026-01-31T12:00:00,5Z",
	"2026-01-31T12:00:00Z ",
	" 2026-01-31T12:00:00Z",
	"2026-02-29T12:00:00Z",
	"1900-02-29T12:00:00Z",
	"2026-04-31T12:00:00Z",
	"2026-00-01T12:00:00Z",
	"2026-13-01T12:00:00Z",
	"2026-01-00T12:00:00Z",
	"2026-01-32T12:00:00Z",
	"2026-01-31T24:00:00Z",
	"2026-01-31T12:60:00Z",
	"2026-01-31T12:00:61Z",
	"2026-01-31T12:00:60Z",
	"1990-12-31T23:59:60-08:00",
	"2026-01-31T12:00:00+24:00",
	"2026-01-31T12:00:00+01:60",
	"2026-01-31T12:00:00+0130",
	"2026-01-31T12:00:00+1:30",
	"2026-1-31T12:00:00Z",
	"12026-01-31T12:00:00Z",
	"-026-01-31T12:00:00Z",
	"2026-01-31X12:00:00Z",
	"2026/01/31T12:00:00Z",
	"2026-01-31T12:00:00UTC",
	"2026-01-31T1 :00:00Z",
	"2026-01-31T12:00:00\xd9\xa1Z",
};

START_TEST(test_bad_time)
{
	int64_t wall_ms = 42;

	ck_assert_int_eq(envelope_time_read(bad_times[_i], &wall_ms), -EINVAL);
	ck_assert_int_eq(wall_ms, 42);
}
END_TEST

START_TEST(test_time_edges)
{
	char text[ENVELOPE_TIME_SIZE];
	int64_t wall_ms;

	ck_assert_int_eq(envelope_time_read(NULL, &wall_ms), -EINVAL);
	envelope_time_print(INT64_MIN, text);
	ck_assert_str_eq(text, "0000-01-01T00:00:00.000Z");
	envelope_time_print(INT64_MAX, text);
	ck_assert_str_eq(text, "9999-12-31T23:59:59.999Z");
	devbus_time(text);
	ck_assert_int_eq(envelope_time_read(text, &wall_ms), 0);
	ck_assert_int_gt(wall_ms, 1577836800000);
}
END_TEST

/* Every day of 400 years, after which the calendar repeats, forth and back, against the count of days. */
START_TEST(test_time_every_day)
{
	const int64_t day_ms = 86400000, days = 146097;
	char text[ENVELOPE_TIME_SIZE];
	int64_t wall_ms;

	for (int64_t day = 0; day < days; day++) {
		envelope_time_print(day * day_ms, text);
		if (envelope_time_read(text, &wall_ms) < 0 || wall_ms != day * day_ms)
			ck_abort_msg("day %lld is printed as %s", (long long)day, text);
	}
	ck_assert_str_eq(text, "2369-12-31T00:00:00.000Z");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("envelope-time");
	TCase *tests = tcase_create("envelope-time");

	suite_add_tcase(suite, tests);
	tcase_set_timeout(tests, 60);
	tcase_add_loop_test(tests, test_time, 0, LENGTH(times));
	tcase_add_loop_test(tests, test_bad_time, 0, LENGTH(bad_times));
	tcase_add_test(tests, test_time_edges);
	tcase_add_test(tests, test_time_every_day);
	return unit_main(suite);
}
