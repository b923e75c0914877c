// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* Two field tables for tests, with a member of each type and each kind of bound between them. */
#ifndef DEVBUS_TEST_FIELD_TABLES_H
#define DEVBUS_TEST_FIELD_TABLES_H

#include "json-text.h"

#include <devbus/field.h>

struct all {
	char before[8]; /* kept, to see that nobody writes outside of a member */
	bool enabled;
	int32_t offset;
	uint32_t percent;
	int64_t balance;
	uint64_t size;
	double ratio;
	char mode[8];
	char after_mode[8];
	char sensor[65];
	struct devbus_json *extra;
};

static const char *const modes[] = { "auto", "manual", "off", NULL };

static const struct devbus_field all_fields[] = {
	DEVBUS_FIELD(struct all, enabled, .initial = 1, .description = "Whether it runs."),
	DEVBUS_FIELD(struct all, offset, .min = -10, .max = 10, .initial = -3),
	DEVBUS_FIELD(struct all, percent, .max = 100, .flags = DEVBUS_REQUIRED),
	DEVBUS_FIELD(struct all, balance),
	DEVBUS_FIELD(struct all, size, .min = 1, .flags = DEVBUS_OMIT_EMPTY),
	DEVBUS_FIELD(struct all, ratio, .min = -0.5, .max = 1.5, .initial = 0.25),
	DEVBUS_FIELD(struct all, mode, .initial_text = "auto", .choices = modes),
	DEVBUS_FIELD(struct all, sensor, .flags = DEVBUS_TOPIC_LEVEL | DEVBUS_OMIT_EMPTY),
	DEVBUS_FIELD(struct all, extra, .flags = DEVBUS_OMIT_EMPTY),
	{ 0 },
};

struct other {
	int32_t small;
	uint32_t count;
	double any;
	char text[6];
	char name[4];
	char level[65];
	char password[8];
	uint32_t pin;
	struct devbus_json *needed;
};

static const struct devbus_field other_fields[] = {
	DEVBUS_FIELD(struct other, small),
	DEVBUS_FIELD(struct other, count),
	DEVBUS_FIELD(struct other, any),
	DEVBUS_FIELD(struct other, text, .min = 2, .max = 4, .initial_text = "none"),
	DEVBUS_FIELD(struct other, name, .min = 1, .flags = DEVBUS_OMIT_EMPTY),
	DEVBUS_FIELD(struct other, level, .flags = DEVBUS_TOPIC_LEVEL | DEVBUS_REQUIRED),
	DEVBUS_FIELD(struct other, password, .flags = DEVBUS_SECRET),
	DEVBUS_FIELD(struct other, pin, .max = 9999, .flags = DEVBUS_SECRET),
	DEVBUS_FIELD(struct other, needed, .flags = DEVBUS_REQUIRED),
	{ 0 },
};

union any {
	struct all all;
	struct other other;
};

static inline int read_text(
	const struct devbus_field *fields, const char *text, void *value, struct devbus_error *error)
{
	struct devbus_json *object = parse(text);
	const int r = devbus_fields_read(fields, object, value, error);
	devbus_json_free(object);
	return r;
}

static inline void assert_writes(const struct devbus_field *fields, const void *value, const char *expected)
{
	struct devbus_json *object = NULL;
	ck_assert_int_eq(devbus_fields_write(fields, value, &object), 0);
	assert_prints(object, expected);
	devbus_json_free(object);
}

#endif
