// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * One pass over all places where a setting may stand: devbus.conf, devbus.d/NAME.conf, the environment; the
 * later one wins. It knows nothing about which settings there are.
 */
#ifndef DEVBUS_INTERNAL_SETTINGS_SOURCE_H
#define DEVBUS_INTERNAL_SETTINGS_SOURCE_H

#include <devbus/field.h>
#include <limits.h>

/* What a table of fields cannot say about a text. An empty text is not asked about. */
struct settings_check {
	const char *key; /* NULL: end of the list */
	bool (*valid)(const char *text);
	const char *remedy; /* "write ..." */
};

/* Where a setting was found last. */
struct settings_origin {
	const char *path; /* NULL: nowhere; "" the environment */
	unsigned line;
};

struct settings_source {
	const char *name; /* of the service */
	const char *config_dir;
	bool own; /* the section of the service; else the library's settings */
	const struct devbus_field *fields;
	const struct settings_check *checks; /* NULL: none */
	void *value;

	/* Filled while reading. */
	const char *path; /* of the file that is read */
	bool shared; /* that file has sections of other services too */
	struct settings_origin *origins; /* one for each field */
	char shared_path[PATH_MAX], own_path[PATH_MAX];
};

/*
 * Gives all fields their initial values and reads all places. Returns 0, or a negative errno with @ret_error; what was
 * read stays in source->value. settings_source_clear() afterwards in both cases.
 */
int settings_source_read(struct settings_source *source, struct devbus_error *ret_error);
void settings_source_clear(struct settings_source *source);

/* Whether @key stands in any of the places. */
bool settings_source_found(const struct settings_source *source, const char *key);

/* Refuses the setting @key where it was found: @ret_error gets file and line and @what. Returns -EINVAL. */
int settings_source_refuse(const struct settings_source *source, const char *key,
	struct devbus_error *ret_error, const char *format, ...) __attribute__((format(printf, 4, 5)));

#endif
