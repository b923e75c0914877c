// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* What needs no bus: JSON, field tables, settings, small files, the log. */
#include "bus-kit.h"
#include "torture.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- JSON */

static const char text[] = "{\"a\":[1,2.5,{\"b\":null}],\"c\":\"d\\u00e9\",\"e\":true,\"f\":{\"g\":-7}}";
static const char merged[] = "{\"a\":[1,2.5,{\"b\":null}],\"c\":[\"x\"],\"e\":true,\"f\":{\"h\":2},\"i\":1}";
static struct devbus_json *first, *second, *patch;

static struct devbus_json *build_patch(void)
{
	struct devbus_json *object = devbus_json_new_object(), *list = devbus_json_new_array(), *inner = NULL;
	int r = told(devbus_json_append(list, devbus_json_new_string("x")) == 0 ? 0 : -ENOMEM);

	if (r < 0) {
		devbus_json_free(list);
		list = NULL;
	}
	r = told(devbus_json_set(object, "c", list) == 0 ? 0 : -ENOMEM);
	inner = devbus_json_new_object();
	if (inner && (devbus_json_set(inner, "g", devbus_json_new_null()) < 0 ||
			     devbus_json_set(inner, "h", devbus_json_new_number(2)) < 0)) {
		devbus_json_free(inner);
		inner = NULL;
	}
	if (devbus_json_set(object, "f", inner) < 0 ||
		devbus_json_set(object, "i", devbus_json_new_bool(true)) < 0 ||
		devbus_json_set(object, "i", devbus_json_new_number(1)) < 0 || r < 0) {
		devbus_json_free(object);
		return NULL;
	}
	return object;
}

static void json_act(void)
{
	struct devbus_json *before;
	char *printed = NULL;

	first = second = patch = NULL;
	if (told(devbus_json_parse(text, sizeof text - 1, &first, NULL)) < 0)
		return;
	second = devbus_json_copy(first);
	patch = build_patch();
	before = second;
	if (second && patch && told(devbus_json_merge(&second, patch)) < 0)
		hold(second == before && devbus_json_equal(first, second)); /* unchanged */
	if (second)
		printed = devbus_json_print(second);
	if (printed && patch && !devbus_json_equal(first, second))
		hold(strcmp(printed, merged) == 0);
	free(printed);
}

static void json_check(void)
{
	devbus_json_free(first);
	devbus_json_free(second);
	devbus_json_free(patch);
}

/* ---- fields */

struct fan {
	uint32_t percent;
	char mode[8];
	double ratio;
	struct devbus_json *curve;
};
static const char *const modes[] = { "auto", "hand", NULL };
static const struct devbus_field fan_fields[] = {
	DEVBUS_FIELD(
		struct fan, percent, .max = 100, .flags = DEVBUS_REQUIRED, .description = "of full speed"),
	DEVBUS_FIELD(struct fan, mode, .initial_text = "auto", .choices = modes),
	DEVBUS_FIELD(struct fan, ratio, .initial = 0.5),
	DEVBUS_FIELD(struct fan, curve),
	{ 0 },
};
static const char fan_text[] = "{\"percent\":40,\"mode\":\"hand\",\"curve\":[1,{\"a\":\"b\"}]}";

static void fields_act(void)
{
	struct fan fan;
	struct devbus_json *schema = NULL, *object = NULL, *again = NULL;

	told(devbus_fields_describe(fan_fields, &schema));
	devbus_json_free(schema);
	if (told(devbus_json_parse(fan_text, sizeof fan_text - 1, &object, NULL)) < 0)
		return;
	if (told(devbus_fields_read(fan_fields, object, &fan, NULL)) == 0) {
		hold(fan.percent == 40 && strcmp(fan.mode, "hand") == 0 && fan.ratio == 0.5 && fan.curve);
		if (told(devbus_fields_write(fan_fields, &fan, &again)) == 0)
			hold(devbus_json_count(again) == 4);
		devbus_json_free(again);
		devbus_fields_clear(fan_fields, &fan);
	}
	devbus_json_free(object);
}

static void nothing_left(void)
{
}

/* ---- settings */

static void write_setting_file(const char *name, const char *contents)
{
	char path[160];
	FILE *file;

	snprintf(path, sizeof path, "%s/config/%s", kit.folder, name);
	file = fopen(path, "w");
	hold(file && fputs(contents, file) >= 0 && fclose(file) == 0);
	chmod(path, 0600);
}

static void settings_prepare(void)
{
	char path[160];

	kit_set_up();
	unsetenv("DEVBUS_PASSWORD_FILE");
	snprintf(path, sizeof path, "%s/config/devbus.d", kit.folder);
	hold(mkdir(path, 0700) == 0);
	write_setting_file("devbus.conf", "keepalive_s = 7\nbroker = 127.0.0.1:1\n[unit]\npercent = 40\n");
	write_setting_file("devbus.d/unit.conf", "keepalive_s = 8\n[unit]\ncurve = [1, {\"a\": 2}]\n");
	write_setting_file("password", "secret\n");
}

static void settings_act(void)
{
	struct settings settings;
	struct devbus_error error = { 0 };
	struct fan fan;
	char password[64];

	if (told(settings_read(NULL, "unit", &settings, &error)) == 0) {
		hold(settings.keepalive_s == 8 && strcmp(settings.broker, "127.0.0.1:1") == 0);
		snprintf(settings.password_file, sizeof settings.password_file, "%s/config/password",
			kit.folder);
		if (told(settings_password(&settings, password, sizeof password, &error)) == 0)
			hold(strcmp(password, "secret") == 0);
	}
	if (told(settings_read_section(NULL, "unit", fan_fields, &fan, &error)) == 0) {
		hold(fan.percent == 40 && devbus_json_count(fan.curve) == 2);
		devbus_fields_clear(fan_fields, &fan);
	}
}

/* ---- small files: a reader sees the whole old one or the whole new one */

struct note {
	uint32_t number;
};
static const struct devbus_field note_fields[] = { DEVBUS_FIELD(struct note, number), { 0 } };
static int note_folder, saved, removed;

static void file_prepare(void)
{
	kit_set_up();
	note_folder = devbus_folder(AT_FDCWD, kit.folder);
	hold(note_folder >= 0);
	hold(devbus_file_save(note_folder, "note", note_fields, &(struct note) { 1 }) == 0);
	hold(devbus_file_save(note_folder, "other", note_fields, &(struct note) { 1 }) == 0);
}

static void file_act(void)
{
	struct note note = { 0 };
	int deep = devbus_folder(note_folder, "a/b/c");

	told(deep < 0 ? deep : 0);
	if (deep >= 0)
		close(deep);
	saved = told(devbus_file_save(note_folder, "note", note_fields, &(struct note) { 2 }));
	if (told(devbus_file_load(note_folder, "note", note_fields, &note)) == 0)
		hold(note.number == 2 || (note.number == 1 && saved < 0));
	removed = told(devbus_file_remove(note_folder, "other"));
}

static void file_check(void)
{
	struct note note = { 0 };
	int deep = devbus_folder(note_folder, "a/b/c"), r;

	hold(deep >= 0);
	close(deep);
	hold(devbus_file_load(note_folder, "note", note_fields, &note) == 0);
	hold(note.number == 2 || (note.number == 1 && saved < 0));
	r = devbus_file_load(note_folder, "other", note_fields, &note);
	hold(r == -ENOENT || (r == 0 && removed < 0));
	hold(devbus_file_save(note_folder, "note", note_fields, &(struct note) { 3 }) == 0);
	close(note_folder);
	kit_tear_down();
}

/* ---- log */

static void log_prepare(void)
{
	setenv("DEVBUS_LOG", "debug", 1);
}

static void log_act(void)
{
	log_setup();
	log_set_name("unit");
	for (int level = DEVBUS_LOG_ERROR; level <= DEVBUS_LOG_DEBUG; level++) {
		errno = ERANGE;
		devbus_log(level, "a line with %s", "\x01 in it");
		hold(errno == ERANGE);
	}
}

static void log_check(void)
{
	setenv("DEVBUS_LOG", "error", 1);
	log_setup();
}

const struct scenario value_scenarios[] = {
	{ "json", NULL, json_act, json_check },
	{ "fields", NULL, fields_act, nothing_left },
	{ "settings", settings_prepare, settings_act, kit_tear_down },
	{ "files", file_prepare, file_act, file_check },
	{ "log", log_prepare, log_act, log_check },
	{ 0 },
};
