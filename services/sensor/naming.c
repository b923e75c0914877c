// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * An id is a name that dashboards and alarms are built on for years, so it must not depend on the order in which drivers
 * load, and must never pass from one sensor to another while both are there. It is a function of the tree alone:
 *
 *	chip-label, or chip-attribute where the maker gave no label       coretemp-package-id-0, lm75-temp1
 *	two chips of one kind: with the place of each                     lm75-0-0048-temp1, lm75-0-0049-temp1
 *	the same label twice on a chip: with the attribute                nct6775-cpu-temp1, nct6775-cpu-temp2
 *	still the same (the kernel says nothing to tell them apart): a number, in the order of their folders
 */
#include "catalog.h"

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HASH_DIGITS 8

/* An id too long keeps its start and gets a hash of the whole (FNV-1a), so that two long ones stay apart. */
static void shorten(const char *text, char id[SENSOR_ID_SIZE])
{
	uint32_t hash = 2166136261u;

	for (const char *p = text; *p; p++)
		hash = (hash ^ (unsigned char)*p) * 16777619u;
	snprintf(id, SENSOR_ID_SIZE, "%.*s-%08x", SENSOR_ID_SIZE - HASH_DIGITS - 2, text, hash);
}

/* Joins @parts (NULL-ended) with '-', in the alphabet of a topic level; what is outside it becomes one '-'. */
static void make_id(char id[SENSOR_ID_SIZE], const char *const parts[])
{
	char text[4 * SENSOR_TEXT_SIZE + 8];
	size_t length = 0;

	for (; *parts; parts++) {
		for (const char *p = *parts; *p && length < sizeof text - 2; p++) {
			if (isalnum((unsigned char)*p) || *p == '_')
				text[length++] = (char)tolower((unsigned char)*p);
			else if (length > 0 && text[length - 1] != '-')
				text[length++] = '-';
		}
		if (length > 0 && text[length - 1] != '-')
			text[length++] = '-';
	}
	while (length > 0 && text[length - 1] == '-')
		length--;
	text[length] = '\0';
	if (length == 0)
		snprintf(id, SENSOR_ID_SIZE, "unnamed");
	else if (length < SENSOR_ID_SIZE)
		memcpy(id, text, length + 1);
	else
		shorten(text, id);
}

static int compare(const void *left, const void *right)
{
	const struct sensor *a = left, *b = right;
	int order;

	if ((order = strcmp(a->chip, b->chip)) != 0 || (order = strcmp(a->device, b->device)) != 0)
		return order;
	return strverscmp(a->source.path, b->source.path);
}

static size_t folder_length(const struct sensor *sensor)
{
	const char *slash = strrchr(sensor->source.path, '/');

	return slash ? (size_t)(slash - sensor->source.path) : 0;
}

static bool same_folder(const struct sensor *a, const struct sensor *b)
{
	size_t length = folder_length(a);

	return length == folder_length(b) && memcmp(a->source.path, b->source.path, length) == 0;
}

/* Whether another chip calls itself the same. */
static bool has_twin(const struct sensor *sensors, size_t count, size_t i)
{
	for (size_t k = 0; k < count; k++)
		if (strcmp(sensors[k].chip, sensors[i].chip) == 0 && !same_folder(&sensors[k], &sensors[i]))
			return true;
	return false;
}

static bool id_taken(const struct sensor *sensors, size_t count, size_t i)
{
	for (size_t k = 0; k < count; k++)
		if (k != i && strcmp(sensors[k].id, sensors[i].id) == 0)
			return true;
	return false;
}

static void name(struct sensor *sensor, bool with_device, bool with_attribute)
{
	const char *label = sensor->label[0] ? sensor->label : sensor->source.attribute;

	make_id(sensor->id,
		(const char *const[]) { sensor->chip, with_device ? sensor->device : "", label,
			with_attribute && sensor->label[0] ? sensor->source.attribute : "", NULL });
}

/* The last resort: -2, -3 ... until no other has it. */
static void number(struct sensor *sensors, size_t count, size_t i)
{
	char plain[SENSOR_ID_SIZE - 4], digits[12];

	snprintf(plain, sizeof plain, "%.*s", (int)sizeof plain - 1, sensors[i].id);
	for (unsigned n = 2; id_taken(sensors, count, i); n++) {
		snprintf(digits, sizeof digits, "%u", n);
		make_id(sensors[i].id, (const char *const[]) { plain, digits, NULL });
	}
}

void naming_assign(struct sensor *sensors, size_t count)
{
	if (count > 1)
		qsort(sensors, count, sizeof *sensors, compare);
	for (size_t i = 0; i < count; i++)
		if (sensors[i].chip[0])
			name(&sensors[i], has_twin(sensors, count, i), false);
	/* All of a group are told apart, not all but the first: whose id would change when the first one leaves? */
	for (size_t i = 0; i < count; i++)
		sensors[i].clash = sensors[i].chip[0] && id_taken(sensors, count, i);
	for (size_t i = 0; i < count; i++)
		if (sensors[i].clash)
			name(&sensors[i], has_twin(sensors, count, i), true);
	/* Backwards, so that in each group the first in order is the one that keeps the plain id. */
	for (size_t i = count; i-- > 0;)
		if (sensors[i].chip[0] && id_taken(sensors, count, i))
			number(sensors, count, i);
}
