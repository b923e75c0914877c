// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* A configuration folder of its own and an empty environment. For the tests of the settings. */
#ifndef DEVBUS_TEST_SETTINGS_FOLDER_H
#define DEVBUS_TEST_SETTINGS_FOLDER_H

#include "settings.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/devbus-test-settings-XXXXXX";

/* The path of @name in the folder; good until the next call. */
static inline const char *in_folder(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static inline void write_bytes(const char *name, const char *text, size_t size)
{
	FILE *file = fopen(in_folder(name), "w");

	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fwrite(text, 1, size, file), size);
	ck_assert_int_eq(fclose(file), 0);
}

static inline void write_file(const char *name, const char *text)
{
	if (text)
		write_bytes(name, text, strlen(text));
}

static inline void make_folder(void)
{
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(mkdir(in_folder("devbus.d"), 0700), 0);
	clearenv();
}

static inline void remove_folder(void)
{
	static const char *const files[] = { "devbus.conf", "devbus.d/fan.conf", "devbus.d/fan-2.conf",
		"mqtt-password", "password" };

	for (int i = 0; i < LENGTH(files); i++)
		unlink(in_folder(files[i]));
	rmdir(in_folder("devbus.conf"));
	rmdir(in_folder("devbus.d"));
	ck_assert_int_eq(rmdir(folder), 0);
}

/* Reads the library's settings of `fan`, which must be good. */
static inline struct settings read_good(void)
{
	struct settings settings;
	struct devbus_error error = { 0 };
	const int r = settings_read(folder, "fan", &settings, &error);

	ck_assert_msg(r == 0, "%s", error.message);
	return settings;
}

#endif
