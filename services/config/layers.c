// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
#include "layers.h"

static bool is_object(const struct devbus_json *value)
{
	return devbus_json_type(value) == DEVBUS_JSON_OBJECT;
}

static int add_changed(
	struct devbus_json *patch, const struct devbus_json *from, const struct devbus_json *to)
{
	int r = 0;

	for (const struct devbus_json *i = devbus_json_first(to); r == 0 && i; i = devbus_json_next(i)) {
		const char *name = devbus_json_name(i);
		const struct devbus_json *old = devbus_json_get(from, name);

		if (old && devbus_json_equal(old, i))
			continue;
		r = devbus_json_set(patch, name,
			old && is_object(old) && is_object(i) ? layers_patch(old, i) : devbus_json_copy(i));
	}
	return r;
}

static int add_removed(
	struct devbus_json *patch, const struct devbus_json *from, const struct devbus_json *to)
{
	int r = 0;

	for (const struct devbus_json *i = devbus_json_first(from); r == 0 && i; i = devbus_json_next(i))
		if (!devbus_json_get(to, devbus_json_name(i)))
			r = devbus_json_set(patch, devbus_json_name(i), devbus_json_new_null());
	return r;
}

struct devbus_json *layers_patch(const struct devbus_json *from, const struct devbus_json *to)
{
	struct devbus_json *patch = devbus_json_new_object();

	if (patch && add_changed(patch, from, to) == 0 && add_removed(patch, from, to) == 0)
		return patch;
	devbus_json_free(patch);
	return NULL;
}

struct devbus_json *layers_rebase(
	const struct devbus_json *values, const struct devbus_json *before, const struct devbus_json *after)
{
	struct devbus_json *patch = layers_patch(before, values), *result = devbus_json_copy(after);

	if (!patch || !result || devbus_json_merge(&result, patch) < 0) {
		devbus_json_free(result);
		result = NULL;
	}
	devbus_json_free(patch);
	return result;
}
