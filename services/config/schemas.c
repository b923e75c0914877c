// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * An owner's schema lists the members it knows and says nothing of others, because in messages they are ignored (protocol 2.1). In a
 * section they are not: a typing error would be stored, published, and change nothing. So here a schema that does not
 * speak of additionalProperties allows none.
 *
 * A schema that cannot be checked wholly closes its section for changes: an owner that asked for checks must not get values
 * that nobody checked.
 */
#include "schemas.h"
#include "files.h"
#include "schema.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FILE_NAME_SIZE (SECTION_NAME_SIZE + 8)

static struct schema_entry *find(const struct schemas *schemas, const char *section)
{
	for (size_t i = 0; i < LIMIT_SECTIONS; i++)
		if (strcmp(schemas->entries[i].section, section) == 0)
			return (struct schema_entry *)&schemas->entries[i];
	return NULL;
}

static void clear(struct schema_entry *entry)
{
	devbus_json_free(entry->schema);
	*entry = (struct schema_entry) { 0 };
}

static int close_each(struct devbus_json *schemas);

/* An object whose schema names members has those alone, at any depth, unless the schema says itself what else it may have. */
static int close_object(struct devbus_json *schema)
{
	struct devbus_json *known = devbus_json_get(schema, "properties");
	struct devbus_json *others = devbus_json_get(schema, "additionalProperties");
	int r = close_each(known);

	if (r == 0 && others)
		return close_object(others);
	if (r == 0 && known)
		r = devbus_json_set(schema, "additionalProperties", devbus_json_new_bool(false));
	return r;
}

static int close_each(struct devbus_json *schemas)
{
	int r = 0;

	for (struct devbus_json *i = devbus_json_first(schemas); r == 0 && i; i = devbus_json_next(i))
		r = close_object(i);
	return r;
}

static struct devbus_json *closed_copy(const struct devbus_json *schema)
{
	struct devbus_json *copy = devbus_json_copy(schema);

	if (!copy || close_object(copy) == 0)
		return copy;
	devbus_json_free(copy);
	return NULL;
}

static void file_name(const char *section, char name[FILE_NAME_SIZE])
{
	snprintf(name, FILE_NAME_SIZE, "%s.json", section);
}

static int take(struct schema_entry *entry, const char *section, const struct devbus_json *schema)
{
	clear(entry);
	snprintf(entry->section, sizeof entry->section, "%s", section);
	int r = schema_usable(schema, &entry->problem);

	if (r == 0 && !(entry->schema = closed_copy(schema))) {
		clear(entry);
		return -ENOMEM;
	}
	return r;
}

static int load(const char *file, void *userdata)
{
	struct schemas *schemas = userdata;
	struct schema_entry *entry = find(schemas, "");
	size_t length = strcspn(file, ".");
	struct devbus_json *schema = NULL;
	char section[SECTION_NAME_SIZE];

	if (!entry || length == 0 || length >= sizeof section || strcmp(file + length, ".json") != 0)
		return 0;
	snprintf(section, sizeof section, "%.*s", (int)length, file);
	/* A copy that cannot be read is one that the broker will bring again. */
	if (devbus_file_read_json(schemas->folder, file, LIMIT_FILE_BYTES, &schema, NULL) == 0)
		take(entry, section, schema);
	devbus_json_free(schema);
	return 0;
}

int schemas_open(struct schemas *schemas, int parent, const char *name)
{
	int r = schemas->folder = devbus_folder(parent, name);

	return r < 0 ? r : files_each(schemas->folder, load, schemas);
}

static int write_copy(const struct schemas *schemas, const char *section, const struct devbus_json *schema)
{
	struct devbus_json *old = NULL;
	char name[FILE_NAME_SIZE];

	file_name(section, name);
	/* It comes again with each connect: the same is not written again. */
	int r = devbus_file_read_json(schemas->folder, name, LIMIT_FILE_BYTES, &old, NULL);
	bool same = r == 0 && devbus_json_equal(old, schema);

	devbus_json_free(old);
	return same ? 0 : devbus_file_write_json(schemas->folder, name, schema);
}

static void forget(struct schemas *schemas, const char *section)
{
	struct schema_entry *entry = find(schemas, section);
	char name[FILE_NAME_SIZE];

	file_name(section, name);
	unlinkat(schemas->folder, name, 0);
	if (entry)
		clear(entry);
}

int schemas_put(struct schemas *schemas, const char *section, const struct devbus_json *schema)
{
	struct schema_entry *entry = find(schemas, section);

	if (!schema) {
		forget(schemas, section);
		return entry ? 1 : 0;
	}
	if (!entry && !(entry = find(schemas, "")))
		return -ENOSPC;
	struct devbus_json *closed = closed_copy(schema);
	bool same = closed && entry->section[0] && devbus_json_equal(entry->schema, closed);

	devbus_json_free(closed);
	if (same)
		return 0;
	int r = take(entry, section, schema);

	if (r != -ENOMEM && write_copy(schemas, section, schema) < 0)
		r = -EIO;
	return r < 0 ? r : 1;
}

bool schemas_known(const struct schemas *schemas, const char *section)
{
	return find(schemas, section);
}

const struct devbus_json *schemas_find(const struct schemas *schemas, const char *section)
{
	const struct schema_entry *entry = find(schemas, section);

	return entry ? entry->schema : NULL;
}

int schemas_check(const struct schemas *schemas, const char *section, const struct devbus_json *values,
	struct devbus_error *ret_error)
{
	const struct schema_entry *entry = find(schemas, section);

	if (!entry)
		return 0;
	if (entry->schema)
		return schema_check(entry->schema, values, ret_error);
	snprintf(ret_error->code, sizeof ret_error->code, "%s", entry->problem.code);
	snprintf(ret_error->message, sizeof ret_error->message,
		"The schema of section %.64s is of no use here: %.140s", section, entry->problem.message);
	return -EINVAL;
}

void schemas_close(struct schemas *schemas)
{
	for (size_t i = 0; i < LIMIT_SECTIONS; i++)
		clear(&schemas->entries[i]);
	if (schemas->folder >= 0)
		close(schemas->folder);
}
