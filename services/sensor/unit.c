// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* Numerator and denominator apart, since 9 / 5 has no exact double and 212 * 9 / 5 has. */
#include "unit.h"

#include <stddef.h>
#include <string.h>

/* value in @base = (value - shift) * numerator / denominator */
static const struct unit {
	const char *name, *base;
	double shift, numerator, denominator;
} units[] = {
	{ "Cel", "Cel", 0, 1, 1 },
	{ "degF", "Cel", 32, 5, 9 },
	{ "K", "Cel", 273.15, 1, 1 },
	{ "V", "V", 0, 1, 1 },
	{ "mV", "V", 0, 1, 1000 },
	{ "A", "A", 0, 1, 1 },
	{ "mA", "A", 0, 1, 1000 },
	{ "W", "W", 0, 1, 1 },
	{ "mW", "W", 0, 1, 1000 },
	{ "kW", "W", 0, 1000, 1 },
	{ "J", "J", 0, 1, 1 },
	{ "Wh", "J", 0, 3600, 1 },
	{ "kWh", "J", 0, 3600000, 1 },
	{ "Pa", "Pa", 0, 1, 1 },
	{ "hPa", "Pa", 0, 100, 1 },
	{ "kPa", "Pa", 0, 1000, 1 },
	{ "/", "/", 0, 1, 1 },
	{ "%", "/", 0, 1, 100 },
	{ "ppm", "/", 0, 1, 1000000 },
	{ "m", "m", 0, 1, 1 },
	{ "mm", "m", 0, 1, 1000 },
	{ "cm", "m", 0, 1, 100 },
	{ "km", "m", 0, 1000, 1 },
	{ "s", "s", 0, 1, 1 },
	{ "ms", "s", 0, 1, 1000 },
	{ "min", "s", 0, 60, 1 },
	{ "h", "s", 0, 3600, 1 },
	{ "B", "B", 0, 1, 1 },
	{ "KiB", "B", 0, 1024, 1 },
	{ "MiB", "B", 0, 1048576, 1 },
	{ "GB", "B", 0, 1000000000, 1 },
	{ "1/s", "1/s", 0, 1, 1 },
	{ "1/min", "1/s", 0, 1, 60 },
};

static const struct unit *find(const char *name)
{
	for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
		if (strcmp(units[i].name, name) == 0)
			return &units[i];
	return NULL;
}

bool unit_converts(const char *from, const char *to)
{
	const struct unit *a = find(from), *b = find(to);

	return strcmp(from, to) == 0 || (a && b && strcmp(a->base, b->base) == 0);
}

double unit_convert(const char *from, const char *to, double value)
{
	const struct unit *a = find(from), *b = find(to);

	if (strcmp(from, to) == 0 || !a || !b)
		return value;
	return (value - a->shift) * a->numerator / a->denominator * b->denominator / b->numerator + b->shift;
}
