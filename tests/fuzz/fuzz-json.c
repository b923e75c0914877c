// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * Whatever is accepted must survive a round trip: printed, read again, equal, printed alike; and a merge
 * with itself must not crash. -ENOMEM would mean that cJSON refused what the strict reader let through.
 */
#include <devbus/json.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool good)
{
	if (!good)
		abort();
}

static void check_merge(const struct devbus_json *value)
{
	struct devbus_json *once = NULL, *twice;
	require(devbus_json_merge(&once, value) == 0);
	twice = devbus_json_copy(once);
	require(devbus_json_merge(&twice, value) == 0);
	require(devbus_json_equal(once, twice));
	devbus_json_free(once);
	devbus_json_free(twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct devbus_json *value = NULL, *again = NULL;
	struct devbus_error error = { "", "" };
	const int r = devbus_json_parse(data, size, &value, &error);
	if (r < 0) {
		require(r == -EBADMSG && error.message[0]);
		return 0;
	}
	char *text = devbus_json_print(value);
	require(devbus_json_parse(text, strlen(text), &again, NULL) == 0);
	require(devbus_json_equal(value, again));
	char *text_again = devbus_json_print(again);
	require(strcmp(text, text_again) == 0);
	check_merge(value);
	free(text);
	free(text_again);
	devbus_json_free(value);
	devbus_json_free(again);
	return 0;
}
