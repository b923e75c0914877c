// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * What concerns all members of objects at once: duplicates, comparing, merging. cJSON keeps members in a
 * list, so that each look-up walks it; with the thousands of members that fit in one payload, squared, a
 * stranger could stop the service for seconds. So members are sorted first where all of them are looked
 * up.
 */
#include "json.h"

#include "error.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct index {
	const struct devbus_json *object;
	const struct devbus_json **members; /* by name; NULL: not sorted, look-ups walk the object */
	size_t count;
};

static int compare_members(const void *a, const void *b)
{
	const struct devbus_json *const *first = a, *const *second = b;
	return strcmp(devbus_json_name(*first), devbus_json_name(*second));
}

static int compare_name(const void *name, const void *member)
{
	const struct devbus_json *const *item = member;
	return strcmp(name, devbus_json_name(*item));
}

/* -ENOMEM leaves an index that works, slowly. Anything but an object has no members. */
static int index_make(struct index *index, const struct devbus_json *object)
{
	*index = (struct index) { .object = object };
	if (devbus_json_type(object) != DEVBUS_JSON_OBJECT || !devbus_json_first(object))
		return 0;
	const size_t count = devbus_json_count(object);
	index->members = json_allocate(count * sizeof(*index->members));
	if (!index->members)
		return -ENOMEM;
	for (const struct devbus_json *item = devbus_json_first(object); item; item = devbus_json_next(item))
		index->members[index->count++] = item;
	qsort(index->members, count, sizeof(*index->members), compare_members);
	return 0;
}

static const struct devbus_json *index_find(const struct index *index, const char *name)
{
	if (!index->members)
		return devbus_json_get(index->object, name);
	const struct devbus_json **found =
		bsearch(name, index->members, index->count, sizeof(*index->members), compare_name);
	return found ? *found : NULL;
}

static void index_free(struct index *index)
{
	json_release(index->members);
}

/* ---- duplicates */

static int check_names(const struct devbus_json *object, struct devbus_error *ret_error)
{
	struct index index;
	int r = index_make(&index, object);
	for (size_t i = 1; r == 0 && i < index.count; i++) {
		if (compare_members(&index.members[i - 1], &index.members[i]) != 0)
			continue;
		error_set(ret_error, DEVBUS_E_MALFORMED, "duplicate member \"%s\"",
			devbus_json_name(index.members[i]));
		r = -EBADMSG;
	}
	index_free(&index);
	return r;
}

int json_check_duplicates(const struct devbus_json *value, struct devbus_error *ret_error)
{
	int r = check_names(value, ret_error);
	for (const struct devbus_json *item = devbus_json_first(value); r == 0 && item;
		item = devbus_json_next(item))
		r = json_check_duplicates(item, ret_error);
	return r;
}

/* ---- equality */

static bool equal_bools(const struct devbus_json *a, const struct devbus_json *b)
{
	bool first = false, second = false;
	devbus_json_bool(a, &first);
	devbus_json_bool(b, &second);
	return first == second;
}

static bool equal_numbers(const struct devbus_json *a, const struct devbus_json *b)
{
	double first = 0, second = 0;
	devbus_json_number(a, &first);
	devbus_json_number(b, &second);
	return first == second;
}

static bool equal_strings(const struct devbus_json *a, const struct devbus_json *b)
{
	return strcmp(devbus_json_string(a), devbus_json_string(b)) == 0;
}

static bool equal_nulls(const struct devbus_json *a, const struct devbus_json *b)
{
	(void)a;
	(void)b;
	return true;
}

static bool equal_arrays(const struct devbus_json *a, const struct devbus_json *b)
{
	const struct devbus_json *first = devbus_json_first(a), *second = devbus_json_first(b);
	while (first && second && devbus_json_equal(first, second)) {
		first = devbus_json_next(first);
		second = devbus_json_next(second);
	}
	return !first && !second;
}

static bool equal_objects(const struct devbus_json *a, const struct devbus_json *b)
{
	struct index index;
	if (devbus_json_count(a) != devbus_json_count(b))
		return false;
	index_make(&index, b);
	bool equal = true;
	for (const struct devbus_json *item = devbus_json_first(a); equal && item;
		item = devbus_json_next(item))
		equal = devbus_json_equal(item, index_find(&index, devbus_json_name(item)));
	index_free(&index);
	return equal;
}

bool devbus_json_equal(const struct devbus_json *a, const struct devbus_json *b)
{
	static bool (*const equal[])(const struct devbus_json *, const struct devbus_json *) = {
		[DEVBUS_JSON_NULL] = equal_nulls,
		[DEVBUS_JSON_BOOL] = equal_bools,
		[DEVBUS_JSON_NUMBER] = equal_numbers,
		[DEVBUS_JSON_STRING] = equal_strings,
		[DEVBUS_JSON_ARRAY] = equal_arrays,
		[DEVBUS_JSON_OBJECT] = equal_objects,
	};
	if (!a || !b)
		return a == b;
	return devbus_json_type(a) == devbus_json_type(b) && equal[devbus_json_type(a)](a, b);
}

/* ---- merge patch: the result is built apart from the target, which is touched only when all is there */

static struct devbus_json *merged(const struct devbus_json *target, const struct devbus_json *patch);

/* Each member of @target as the patch leaves it. */
static int merge_old(
	struct devbus_json *result, const struct devbus_json *target, const struct index *patch_index)
{
	int r = 0;
	for (const struct devbus_json *item = devbus_json_first(target); r == 0 && item;
		item = devbus_json_next(item)) {
		const char *name = devbus_json_name(item);
		const struct devbus_json *patch = index_find(patch_index, name);
		if (!patch)
			r = json_add(result, name, devbus_json_copy(item));
		else if (devbus_json_type(patch) != DEVBUS_JSON_NULL)
			r = json_add(result, name, merged(item, patch));
	}
	return r;
}

/* The members that only @patch has. */
static int merge_new(
	struct devbus_json *result, const struct devbus_json *patch, const struct index *target_index)
{
	int r = 0;
	for (const struct devbus_json *item = devbus_json_first(patch); r == 0 && item;
		item = devbus_json_next(item)) {
		const char *name = devbus_json_name(item);
		if (devbus_json_type(item) != DEVBUS_JSON_NULL && !index_find(target_index, name))
			r = json_add(result, name, merged(NULL, item));
	}
	return r;
}

static struct devbus_json *merged_object(const struct devbus_json *target, const struct devbus_json *patch)
{
	struct index target_index, patch_index;
	int r = index_make(&target_index, target);
	const int patch_r = index_make(&patch_index, patch);
	struct devbus_json *result = devbus_json_new_object();
	if (r < 0 || patch_r < 0 || !result)
		r = -ENOMEM;
	if (r == 0)
		r = merge_old(result, target, &patch_index);
	if (r == 0)
		r = merge_new(result, patch, &target_index);
	index_free(&target_index);
	index_free(&patch_index);
	if (r == 0)
		return result;
	devbus_json_free(result);
	return NULL;
}

/* NULL: out of memory. */
static struct devbus_json *merged(const struct devbus_json *target, const struct devbus_json *patch)
{
	if (devbus_json_type(patch) != DEVBUS_JSON_OBJECT)
		return devbus_json_copy(patch);
	return merged_object(devbus_json_type(target) == DEVBUS_JSON_OBJECT ? target : NULL, patch);
}

int devbus_json_merge(struct devbus_json **target, const struct devbus_json *patch)
{
	struct devbus_json *result = merged(*target, patch);
	if (!result)
		return -ENOMEM;
	devbus_json_free(*target);
	*target = result;
	return 0;
}
