// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * A section is a retained topic, which whoever may read it reads for ever. So a secret is not in it: its owner asks `config` for
 * it, in an answer that only the owner may read, or systemd hands it over (systemd.exec(5), LoadCredential=).
 */
#include "config-secret.h"
#include "error.h"
#include "field.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* No field holds more text than this in practice; systemd allows 1 MiB. */
#define CREDENTIAL_MAX 4096

static const struct devbus_field *next_secret(const struct devbus_field *field)
{
	while (field && field->name && !(field->flags & DEVBUS_SECRET))
		field++;
	return field && field->name ? field : NULL;
}

static bool is_place(const struct devbus_json *values, const char *name)
{
	const char *text = devbus_json_string(devbus_json_get(values, name));

	return text && strcmp(text, CONFIG_PLACEHOLDER) == 0;
}

/* The field is a map, the members of which may have secrets of their own. */
static bool is_map(const struct devbus_field *field)
{
	return field->type == DEVBUS_FIELD_JSON && field->each && !(field->flags & DEVBUS_SECRET);
}

bool config_has_places(const struct devbus_field *fields, const struct devbus_json *values)
{
	for (const struct devbus_field *field = fields; field && field->name; field++) {
		const struct devbus_json *map = is_map(field) ? devbus_json_get(values, field->name) : NULL;

		if (field->flags & DEVBUS_SECRET && is_place(values, field->name))
			return true;
		for (const struct devbus_json *i = devbus_json_first(map); i; i = devbus_json_next(i))
			if (config_has_places(field->each, i))
				return true;
	}
	return false;
}

static int fill_place(struct devbus_json *values, const char *name, const struct devbus_json *secret)
{
	if (!is_place(values, name))
		return 0;
	if (secret)
		return devbus_json_set(values, name, devbus_json_copy(secret));
	devbus_json_remove(values, name);
	return 0;
}

int config_fill_places(
	const struct devbus_field *fields, struct devbus_json *values, const struct devbus_json *secrets)
{
	int r = 0;

	for (const struct devbus_field *field = fields; r == 0 && field && field->name; field++) {
		const struct devbus_json *secret = devbus_json_get(secrets, field->name);
		struct devbus_json *map = is_map(field) ? devbus_json_get(values, field->name) : NULL;

		if (field->flags & DEVBUS_SECRET)
			r = fill_place(values, field->name, secret);
		for (struct devbus_json *i = devbus_json_first(map); r == 0 && i; i = devbus_json_next(i))
			r = config_fill_places(field->each, i, devbus_json_get(secret, devbus_json_name(i)));
	}
	return r;
}

/* ---- credentials */

static int credential_path(char path[PATH_MAX], const struct devbus_field *field)
{
	const char *folder = getenv("CREDENTIALS_DIRECTORY");

	if (!folder)
		return -ENOENT;
	return snprintf(path, PATH_MAX, "%s/config.%s", folder, field->name) < PATH_MAX ? 0 : -ENAMETOOLONG;
}

int config_own_table(const struct devbus_field *fields, struct devbus_field **ret_fields)
{
	struct devbus_field *own;
	char path[PATH_MAX];
	size_t count = 0;

	while (fields && fields[count].name)
		count++;
	own = calloc(count + 1, sizeof *own);
	if (!own)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		own[i] = fields[i];
		if (own[i].flags & DEVBUS_SECRET && credential_path(path, &own[i]) == 0 &&
			access(path, F_OK) == 0)
			own[i].flags &= ~(unsigned)DEVBUS_REQUIRED;
	}
	*ret_fields = own;
	return 0;
}

/* The first line of the file. 0, -ENOENT, -EFBIG or another negative errno. */
static int read_line(const char *path, char text[CREDENTIAL_MAX + 1])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t size = fd < 0 ? -1 : read(fd, text, CREDENTIAL_MAX + 1);
	int r = size < 0 ? -errno : size > CREDENTIAL_MAX ? -EFBIG : 0;

	if (fd >= 0)
		close(fd);
	if (r < 0)
		return r;
	text[size] = '\0';
	text[strcspn(text, "\r\n")] = '\0';
	return 0;
}

static int read_one(const struct devbus_field *field, void *value, struct devbus_error *ret_error)
{
	char path[PATH_MAX], text[CREDENTIAL_MAX + 1];
	int r = credential_path(path, field);

	if (r == 0)
		r = read_line(path, text);
	if (r == -ENOENT)
		return 0;
	if (r == 0)
		r = field_read_text(field, text, value, NULL);
	explicit_bzero(text, sizeof text);
	if (r == 0 || r == -ENOMEM)
		return r;
	error_set(ret_error, DEVBUS_E_INVALID_ARGS, "the credential config.%s is not valid: %s", field->name,
		strerror(-r));
	return -EINVAL;
}

int config_read_credentials(const struct devbus_field *fields, const struct devbus_json *values, void *value,
	struct devbus_error *ret_error)
{
	int r = 0;

	for (const struct devbus_field *field = next_secret(fields); field; field = next_secret(field + 1))
		if (r == 0 && !devbus_json_get(values, field->name))
			r = read_one(field, value, ret_error);
	return r;
}
