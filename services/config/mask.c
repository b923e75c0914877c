// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
#include "mask.h"

#include <string.h>

#define PLACEHOLDER "***"

static bool is_secret(const struct devbus_json *schema)
{
	bool secret = false;

	devbus_json_bool(devbus_json_get(schema, "writeOnly"), &secret);
	return secret;
}

/* The schema of a member of an object that @schema describes; NULL: it says nothing of it. */
static const struct devbus_json *schema_of(const struct devbus_json *schema, const char *name)
{
	const struct devbus_json *known = devbus_json_get(devbus_json_get(schema, "properties"), name);

	return known ? known : devbus_json_get(schema, "additionalProperties");
}

typedef int visit_secret(struct devbus_json *object, const char *name);

static int each_secret(const struct devbus_json *schema, struct devbus_json *values, visit_secret *visit)
{
	struct devbus_json *next;
	int r = 0;

	if (devbus_json_type(values) != DEVBUS_JSON_OBJECT)
		return 0;
	for (struct devbus_json *i = devbus_json_first(values); r == 0 && i; i = next) {
		const struct devbus_json *member = schema_of(schema, devbus_json_name(i));

		next = devbus_json_next(i); /* @visit may take this one away */
		r = is_secret(member) ? visit(values, devbus_json_name(i)) : each_secret(member, i, visit);
	}
	return r;
}

static int show(struct devbus_json *object, const char *name)
{
	if (devbus_json_type(devbus_json_get(object, name)) == DEVBUS_JSON_NULL)
		return 0; /* of a patch: the secret is removed */
	return devbus_json_set(object, name, devbus_json_new_string(PLACEHOLDER));
}

struct devbus_json *mask_shown(const struct devbus_json *schema, const struct devbus_json *values)
{
	struct devbus_json *shown = devbus_json_copy(values);

	if (!shown || each_secret(schema, shown, show) == 0)
		return shown;
	devbus_json_free(shown);
	return NULL;
}

static int strip(struct devbus_json *object, const char *name)
{
	const char *text = devbus_json_string(devbus_json_get(object, name));

	if (text && strcmp(text, PLACEHOLDER) == 0)
		devbus_json_remove(object, name);
	return 0;
}

void mask_strip(const struct devbus_json *schema, struct devbus_json *patch)
{
	each_secret(schema, patch, strip);
}

static int collect(
	const struct devbus_json *schema, const struct devbus_json *values, struct devbus_json *secrets)
{
	int r = 0;

	for (const struct devbus_json *i = devbus_json_first(values); r == 0 && i; i = devbus_json_next(i)) {
		const char *name = devbus_json_name(i);
		const struct devbus_json *member = schema_of(schema, name);

		if (is_secret(member)) {
			r = devbus_json_set(secrets, name, devbus_json_copy(i));
		} else if (devbus_json_type(i) == DEVBUS_JSON_OBJECT) {
			r = devbus_json_set(secrets, name, devbus_json_new_object());
			if (r == 0)
				r = collect(member, i, devbus_json_get(secrets, name));
			if (devbus_json_count(devbus_json_get(secrets, name)) == 0)
				devbus_json_remove(secrets, name);
		}
	}
	return r;
}

struct devbus_json *mask_secrets(const struct devbus_json *schema, const struct devbus_json *values)
{
	struct devbus_json *secrets = devbus_json_new_object();

	if (!secrets || collect(schema, values, secrets) == 0)
		return secrets;
	devbus_json_free(secrets);
	return NULL;
}
