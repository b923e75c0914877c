// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * What a table accepts, from JSON or, line by line, from settings texts, must be writable, and what was
 * written must be accepted again and mean the same. Messages must be UTF-8 whatever they quote, because
 * they travel.
 */
#include "field.h"
#include "utf8.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct sample {
	bool enabled;
	int32_t offset;
	uint32_t percent;
	int64_t balance;
	uint64_t size;
	double ratio;
	char mode[8];
	char sensor[65];
	char text[24];
	struct devbus_json *extra;
};

static const char *const modes[] = { "auto", "manual", NULL };

static const struct devbus_field fields[] = {
	DEVBUS_FIELD(struct sample, enabled, .initial = 1),
	DEVBUS_FIELD(struct sample, offset, .min = -10, .max = 10),
	DEVBUS_FIELD(struct sample, percent, .max = 100),
	DEVBUS_FIELD(struct sample, balance),
	DEVBUS_FIELD(struct sample, size, .min = 1, .flags = DEVBUS_OMIT_EMPTY),
	DEVBUS_FIELD(struct sample, ratio, .initial = 0.1),
	DEVBUS_FIELD(struct sample, mode, .initial_text = "auto", .choices = modes),
	DEVBUS_FIELD(struct sample, sensor, .flags = DEVBUS_TOPIC_LEVEL),
	DEVBUS_FIELD(struct sample, text, .min = 2, .flags = DEVBUS_OMIT_EMPTY),
	DEVBUS_FIELD(struct sample, extra),
	{ 0 },
};

static void require(bool good)
{
	if (!good)
		abort();
}

static void require_refusal(int r, const struct devbus_error *error)
{
	require(r == -EINVAL && error->message[0] && utf8_valid(error->message, strlen(error->message)));
}

static void check_round_trip(const struct sample *value)
{
	struct devbus_json *object = NULL, *object_again = NULL;
	struct sample again;
	require(devbus_fields_write(fields, value, &object) == 0);
	require(devbus_fields_read(fields, object, &again, NULL) == 0);
	require(devbus_fields_write(fields, &again, &object_again) == 0);
	require(devbus_json_equal(object, object_again));
	devbus_json_free(object);
	devbus_json_free(object_again);
	devbus_fields_clear(fields, &again);
}

static void check_json(const char *text)
{
	struct devbus_json *object = NULL;
	struct devbus_error error = { "", "" };
	struct sample value;
	if (devbus_json_parse(text, strlen(text), &object, NULL) < 0)
		return;
	const int r = devbus_fields_read(fields, object, &value, &error);
	if (r == 0) {
		check_round_trip(&value);
		devbus_fields_clear(fields, &value);
	} else {
		require_refusal(r, &error);
	}
	devbus_json_free(object);
}

/* One "key=value" per line. */
static void check_settings(char *text)
{
	struct sample value;
	char *rest = NULL;
	devbus_fields_initial(fields, &value);
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		struct devbus_error error = { "", "" };
		char *equals = strchr(line, '=');
		if (!equals)
			continue;
		*equals = '\0';
		const struct devbus_field *field = field_find(fields, line);
		const int r = field ? field_read_text(field, equals + 1, &value, &error) : 0;
		if (r < 0)
			require_refusal(r, &error);
	}
	check_round_trip(&value);
	devbus_fields_clear(fields, &value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size);
	check_json(text);
	check_settings(text);
	free(text);
	return 0;
}
