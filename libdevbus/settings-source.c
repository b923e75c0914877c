// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * A setting that was mistyped must not become a default, and one that stands twice must not depend on which
 * line is read last: so each setting remembers where it was found, and everything wrong is refused there.
 */
#include "settings-source.h"
#include "error.h"
#include "field-type.h"
#include "field.h"
#include "settings-file.h"
#include "topic.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* "DEVBUS_" + a topic level + "_" + a key; longer ones are no names of variables that anybody sets. */
#define VARIABLE_SIZE 160

static struct settings_origin *origin_of(
	const struct settings_source *source, const struct devbus_field *field)
{
	return &source->origins[field - source->fields];
}

static int unknown(const struct settings_source *source, const char *key, struct devbus_error *ret_error)
{
	if (source->own)
		error_set(ret_error, DEVBUS_E_INVALID_ARGS,
			"%s is not a setting of the service %s: mend or remove it", key, source->name);
	else
		error_set(ret_error, DEVBUS_E_INVALID_ARGS,
			"%s is not a setting of the library: mend it, or put it under [%s] if it is the service's",
			key, source->name);
	return -EINVAL;
}

/* What the table does not say: the list of checks, and quotation marks, which would silently become part of the value. */
static int check(const struct settings_source *source, const struct devbus_field *field, const char *text,
	struct devbus_error *ret_error)
{
	if (field->type != DEVBUS_FIELD_JSON && *text == '"') {
		error_set(ret_error, DEVBUS_E_INVALID_ARGS, "%s: write the value without quotation marks",
			field->name);
		return -EINVAL;
	}
	for (const struct settings_check *c = source->checks; c && c->key; c++)
		if (strcmp(c->key, field->name) == 0 && *text && !c->valid(text)) {
			error_set(ret_error, DEVBUS_E_INVALID_ARGS, "%s: %s is not valid: %s", field->name,
				field_quote(field, text).text, c->remedy);
			return -EINVAL;
		}
	return 0;
}

static int set(const struct settings_source *source, const struct devbus_field *field, const char *text,
	struct devbus_error *ret_error)
{
	int r = check(source, field, text, ret_error);

	return r < 0 ? r : field_read_text(field, text, source->value, ret_error);
}

/* As with the file of the password: what others may read is none. */
static int check_secret(const struct settings_source *source, const struct devbus_field *field,
	struct devbus_error *ret_error)
{
	struct stat status;

	if (!(field->flags & DEVBUS_SECRET) || stat(source->path, &status) < 0 || !(status.st_mode & S_IRWXO))
		return 0;
	error_set(ret_error, DEVBUS_E_INVALID_ARGS,
		"%s is a secret, and others may use this file: take their rights away with chmod o=",
		field->name);
	return -EINVAL;
}

static int found_entry(
	unsigned line, const char *key, char *text, void *userdata, struct devbus_error *ret_error)
{
	struct settings_source *source = userdata;
	const struct devbus_field *field = field_find(source->fields, key);
	struct settings_origin *origin;

	if (!field)
		return unknown(source, key, ret_error);
	origin = origin_of(source, field);
	if (origin->path == source->path) {
		error_set(ret_error, DEVBUS_E_INVALID_ARGS,
			"%s stands on line %u already: remove one of the two", key, origin->line);
		return -EINVAL;
	}
	*origin = (struct settings_origin) { .path = source->path, .line = line };
	if (check_secret(source, field, ret_error) < 0)
		return -EINVAL;
	return set(source, field, text, ret_error);
}

static int found_section(const char *name, void *userdata, struct devbus_error *ret_error)
{
	const struct settings_source *source = userdata;

	if (strcmp(name, source->name) == 0)
		return !source->own;
	if (!topic_level_valid(name)) {
		error_set(ret_error, DEVBUS_E_INVALID_ARGS,
			"a section is named after its service: 1 to %d of a-z 0-9 _ -", TOPIC_LEVEL_MAX);
		return -EINVAL;
	}
	if (source->shared)
		return 1;
	error_set(ret_error, DEVBUS_E_INVALID_ARGS, "[%s] belongs into devbus.conf or %s.conf, not here",
		name, name);
	return -EINVAL;
}

static int read_file(
	struct settings_source *source, const char *path, bool shared, struct devbus_error *ret_error)
{
	const struct settings_file_reader reader = {
		.section = found_section, .entry = found_entry, .userdata = source
	};

	source->path = path;
	source->shared = shared;
	return settings_file_read(path, source->own, &reader, ret_error);
}

static char upper(char c)
{
	if (c >= 'a' && c <= 'z')
		return (char)(c - 'a' + 'A');
	return c == '-' ? '_' : c;
}

/* DEVBUS_<KEY>, or DEVBUS_<NAME>_<KEY> for the service's own. */
static bool variable_name(
	const struct settings_source *source, const struct devbus_field *field, char name[VARIABLE_SIZE])
{
	int size = snprintf(name, VARIABLE_SIZE, "DEVBUS_%s%s%s", source->own ? source->name : "",
		source->own ? "_" : "", field->name);

	for (char *c = name; *c; c++)
		*c = upper(*c);
	return size < VARIABLE_SIZE;
}

static int read_variable(
	struct settings_source *source, const struct devbus_field *field, struct devbus_error *ret_error)
{
	struct devbus_error error = { .code = DEVBUS_E_INTERNAL, .message = "out of memory" };
	char name[VARIABLE_SIZE];
	const char *text = variable_name(source, field, name) ? getenv(name) : NULL;
	int r;

	/* An empty variable is how many callers unset one. */
	if (!text || !*text)
		return 0;
	*origin_of(source, field) = (struct settings_origin) { .path = "" };
	r = set(source, field, text, &error);
	if (r < 0)
		error_set(ret_error, error.code, "environment variable %s: %s", name, error.message);
	return r;
}

static int read_environment(struct settings_source *source, struct devbus_error *ret_error)
{
	int r = 0;

	for (const struct devbus_field *f = source->fields; f->name && r == 0; f++)
		r = read_variable(source, f, ret_error);
	return r;
}

static int check_required(const struct settings_source *source, struct devbus_error *ret_error)
{
	for (const struct devbus_field *f = source->fields; f->name; f++)
		if ((f->flags & DEVBUS_REQUIRED) && !origin_of(source, f)->path) {
			error_set(ret_error, DEVBUS_E_INVALID_ARGS, "%s: %s is missing: write it under [%s]",
				settings_place(source->own_path), f->name, source->name);
			return -EINVAL;
		}
	return 0;
}

static int make_paths(struct settings_source *source, struct devbus_error *ret_error)
{
	int shared = snprintf(source->shared_path, PATH_MAX, "%s/devbus.conf", source->config_dir);
	int own =
		snprintf(source->own_path, PATH_MAX, "%s/devbus.d/%s.conf", source->config_dir, source->name);

	if (shared < PATH_MAX && own < PATH_MAX)
		return 0;
	error_set(ret_error, DEVBUS_E_INVALID_ARGS, "the path of the configuration folder is too long");
	return -ENAMETOOLONG;
}

static int make_origins(struct settings_source *source, struct devbus_error *ret_error)
{
	size_t count = 0;

	while (source->fields[count].name)
		count++;
	source->origins = calloc(count + 1, sizeof(*source->origins));
	if (source->origins)
		return 0;
	error_set(ret_error, DEVBUS_E_INTERNAL, "out of memory");
	return -ENOMEM;
}

int settings_source_read(struct settings_source *source, struct devbus_error *ret_error)
{
	static const struct devbus_field none[] = { { 0 } };
	int r;

	if (!source->fields)
		source->fields = none;
	devbus_fields_initial(source->fields, source->value);
	if ((r = make_paths(source, ret_error)) < 0 || (r = make_origins(source, ret_error)) < 0 ||
		(r = read_file(source, source->shared_path, true, ret_error)) < 0 ||
		(r = read_file(source, source->own_path, false, ret_error)) < 0 ||
		(r = read_environment(source, ret_error)) < 0)
		return r;
	return check_required(source, ret_error);
}

void settings_source_clear(struct settings_source *source)
{
	free(source->origins);
	source->origins = NULL;
}

bool settings_source_found(const struct settings_source *source, const char *key)
{
	return origin_of(source, field_find(source->fields, key))->path != NULL;
}

int settings_source_refuse(const struct settings_source *source, const char *key,
	struct devbus_error *ret_error, const char *format, ...)
{
	const struct settings_origin *origin = origin_of(source, field_find(source->fields, key));
	char what[sizeof(ret_error->message)];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(what, sizeof(what), format, arguments);
	va_end(arguments);
	if (origin->path && *origin->path)
		error_set(ret_error, DEVBUS_E_INVALID_ARGS, "%s:%u: %s", settings_place(origin->path),
			origin->line, what);
	else
		error_set(ret_error, DEVBUS_E_INVALID_ARGS, "%s: %s",
			origin->path ? "environment" : settings_place(source->shared_path), what);
	return -EINVAL;
}
