// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * RFC 3339 times, by arithmetic of our own: time_t has 32 bits on some devices, strptime() depends on the
 * locale, and neither checks what comes from outside. Years 0000 to 9999 of the Gregorian calendar.
 */
#include "clock.h"
#include "envelope.h"
#include <assert.h>
#include <devbus/devbus.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MS_PER_DAY INT64_C(86400000)
#define DAYS_PER_ERA 146097 /* 400 years: the calendar repeats */
#define OLDEST_MS (-719528 * MS_PER_DAY) /* 0000-01-01T00:00:00.000Z */
#define NEWEST_MS (2932897 * MS_PER_DAY - 1) /* 9999-12-31T23:59:59.999Z */

static_assert(DEVBUS_TIME_SIZE == ENVELOPE_TIME_SIZE, "the public size is this one");

struct time_parts {
	int year, month, day, hour, minute, second, ms;
	int offset_minutes; /* east of UTC */
};

static bool leap_year(int year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int days_in_month(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	return days[month - 1] + (month == 2 && leap_year(year));
}

/* From 1970-01-01 to the first of January of @year. One era is added so that no division sees a negative number. */
static int64_t days_to_year(int year)
{
	int64_t before = year + 400 - 1;

	return before * 365 + before / 4 - before / 100 + before / 400 - DAYS_PER_ERA - 719162;
}

static int64_t days_to_date(int year, int month, int day)
{
	int64_t days = days_to_year(year) + day - 1;

	for (int m = 1; m < month; m++)
		days += days_in_month(year, m);
	return days;
}

static void split_days(int64_t days, struct time_parts *parts)
{
	/* The mean year is at most one off, so one correction is enough. */
	int year = (int)((days + 719528) * 400 / DAYS_PER_ERA);
	int month = 1;

	if (days_to_year(year) > days)
		year--;
	else if (days_to_year(year + 1) <= days)
		year++;
	days -= days_to_year(year);
	while (days >= days_in_month(year, month))
		days -= days_in_month(year, month++);
	parts->year = year;
	parts->month = month;
	parts->day = (int)days + 1;
}

/* Writes @number with @digits digits to *@text, and the byte @behind, and moves it on. Each event has a time: not by snprintf(3). */
static void put_digits(char **text, unsigned number, int digits, char behind)
{
	for (int i = digits - 1; i >= 0; i--, number /= 10)
		(*text)[i] = (char)('0' + number % 10);
	(*text)[digits] = behind;
	*text += digits + 1;
}

void envelope_time_print(int64_t wall_ms, char text[ENVELOPE_TIME_SIZE])
{
	int64_t bounded = wall_ms < OLDEST_MS ? OLDEST_MS : wall_ms > NEWEST_MS ? NEWEST_MS : wall_ms;
	int64_t since_oldest = bounded - OLDEST_MS;
	unsigned ms = (unsigned)(since_oldest % MS_PER_DAY);
	struct time_parts parts;

	split_days(since_oldest / MS_PER_DAY - 719528, &parts);
	put_digits(&text, (unsigned)parts.year, 4, '-');
	put_digits(&text, (unsigned)parts.month, 2, '-');
	put_digits(&text, (unsigned)parts.day, 2, 'T');
	put_digits(&text, ms / 3600000, 2, ':');
	put_digits(&text, ms / 60000 % 60, 2, ':');
	put_digits(&text, ms / 1000 % 60, 2, '.');
	put_digits(&text, ms % 1000, 3, 'Z');
	*text = '\0';
}

/* Reads exactly @count digits. */
static bool read_digits(const char **text, int count, int *ret_number)
{
	int number = 0;

	for (int i = 0; i < count; i++, (*text)++) {
		if (**text < '0' || **text > '9')
			return false;
		number = number * 10 + (**text - '0');
	}
	*ret_number = number;
	return true;
}

static bool read_one_of(const char **text, const char *allowed)
{
	if (**text == '\0' || !strchr(allowed, **text))
		return false;
	(*text)++;
	return true;
}

/* What is finer than a millisecond is cut off. */
static bool read_fraction(const char **text, int *ret_ms)
{
	int ms = 0, digits = 0;

	if (**text != '.')
		return true;
	for ((*text)++; **text >= '0' && **text <= '9'; (*text)++, digits++)
		if (digits < 3)
			ms = ms * 10 + (**text - '0');
	for (int i = digits; i < 3; i++)
		ms *= 10;
	*ret_ms = ms;
	return digits > 0;
}

static bool read_offset(const char **text, int *ret_minutes)
{
	int sign = **text == '-' ? -1 : 1;
	int hours, minutes;

	if (read_one_of(text, "Zz"))
		return true;
	if (!read_one_of(text, "+-") || !read_digits(text, 2, &hours) || !read_one_of(text, ":") ||
		!read_digits(text, 2, &minutes) || hours > 23 || minutes > 59)
		return false;
	*ret_minutes = sign * (hours * 60 + minutes);
	return true;
}

static bool read_parts(const char *text, struct time_parts *parts)
{
	return read_digits(&text, 4, &parts->year) && read_one_of(&text, "-") &&
	       read_digits(&text, 2, &parts->month) && read_one_of(&text, "-") &&
	       read_digits(&text, 2, &parts->day) && read_one_of(&text, "Tt ") &&
	       read_digits(&text, 2, &parts->hour) && read_one_of(&text, ":") &&
	       read_digits(&text, 2, &parts->minute) && read_one_of(&text, ":") &&
	       read_digits(&text, 2, &parts->second) && read_fraction(&text, &parts->ms) &&
	       read_offset(&text, &parts->offset_minutes) && *text == '\0';
}

static bool parts_valid(const struct time_parts *parts)
{
	return parts->month >= 1 && parts->month <= 12 && parts->day >= 1 &&
	       parts->day <= days_in_month(parts->year, parts->month) && parts->hour <= 23 &&
	       parts->minute <= 59 && parts->second <= 60;
}

int envelope_time_read(const char *text, int64_t *ret_wall_ms)
{
	struct time_parts parts = { 0 };
	int64_t minutes, wall_ms;

	if (!text || !read_parts(text, &parts) || !parts_valid(&parts))
		return -EINVAL;
	minutes = days_to_date(parts.year, parts.month, parts.day) * 1440 + parts.hour * 60 + parts.minute -
		  parts.offset_minutes;
	/* A leap second is the last of a UTC day (RFC 3339 5.7); it is counted as the first of the next. */
	if (parts.second == 60 && (minutes + 1) % 1440 != 0)
		return -EINVAL;
	wall_ms = (minutes * 60 + parts.second) * 1000 + parts.ms;
	*ret_wall_ms = wall_ms;
	return 0;
}

void devbus_time(char text[DEVBUS_TIME_SIZE])
{
	envelope_time_print(clock_wall_ms(), text);
}
