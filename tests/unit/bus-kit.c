// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
#include "bus-kit.h"
#include "durable.h"
#include "json-text.h"
#include <ctype.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

struct kit kit;

static void make_folder(const char *name, const char *variable)
{
	char path[128];

	snprintf(path, sizeof path, "%s/%s", kit.folder, name);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	setenv(variable, path, 1);
}

void kit_set_up(void)
{
	/* In memory where that can be had: each state of a command is written through to the disk. */
	snprintf(kit.folder, sizeof kit.folder, "%s/devbus-unit-XXXXXX",
		access("/dev/shm", W_OK | X_OK) == 0 ? "/dev/shm" : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(kit.folder));
	make_folder("config", "DEVBUS_CONFIG_DIR");
	make_folder("state", "DEVBUS_STATE_DIR");
	setenv("DEVBUS_LOG", "error", 0);
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("DEVBUS_BROKER");
	fake_clock_init(&kit.time);
	kit.bus = NULL;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *place)
{
	(void)status;
	(void)type;
	(void)place;
	return remove(path);
}

void kit_tear_down(void)
{
	if (kit.bus)
		kit_close();
	nftw(kit.folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

int kit_try_open(const struct devbus_options *options)
{
	return bus_open(options, &(struct bus_parts) { .clock = &kit.time.clock, .link_new = fake_link_new },
		&kit.bus);
}

void kit_open(unsigned flags)
{
	ck_assert_int_eq(
		kit_try_open(&(struct devbus_options) { .name = "unit", .version = "7", .flags = flags }), 0);
}

void kit_close(void)
{
	fake_link->automatic = true;
	if (fake_link->connected) {
		while (fake_link->busy)
			fake_link_finish();
		fake_link_acknowledge_all();
	}
	kit.time.step_ms = 250;
	devbus_close(kit.bus);
	kit.time.step_ms = 0;
	kit.bus = NULL;
}

void kit_kill(void)
{
	if (fake_link->connected)
		fake_link_lose("killed");
	kit_close();
}

void kit_setting(const char *key, const char *value)
{
	char variable[64] = "DEVBUS_";
	size_t at = strlen(variable);

	for (; *key && at < sizeof variable - 1; key++)
		variable[at++] = (char)toupper((unsigned char)*key);
	variable[at] = '\0';
	setenv(variable, value, 1);
}

/* ---- time */

void kit_dispatch(void)
{
	require(devbus_dispatch(kit.bus) == 0);
}

void kit_turn(int64_t ms)
{
	fake_clock_turn(&kit.time, ms);
	kit_dispatch();
}

void kit_echo_tokens(void)
{
	for (struct fake_record *token; (token = fake_link_take(FAKE_PUBLISH, "service/bridge/echo/unit"));)
		fake_link_deliver(&(struct link_message) { .topic = "service/bridge/echoed/unit",
			.payload = token->payload,
			.payload_size = token->payload_size,
			.qos = 1 });
}

void kit_settle(void)
{
	size_t before;

	do {
		before = fake_link->count;
		kit_dispatch();
		if (fake_link->busy)
			fake_link_finish();
		else if (fake_link->connected)
			fake_link->link.events->writable(fake_link->link.userdata);
		if (fake_link->connected) {
			fake_link_acknowledge_all();
			kit_echo_tokens();
		}
	} while (fake_link->count != before || fake_link->busy);
}

void kit_connect(void)
{
	kit_dispatch();
	ck_assert(fake_link->connecting);
	kit_settle();
	ck_assert(devbus_connected(kit.bus));
	kit_bridge_works();
	fake_link_take_all();
}

void kit_bridge_works(void)
{
	if (kit.bus->durable)
		kit.bus->durable->proven = true;
	outbox_window(kit.bus->outbox)->proven = true;
	durable_send(kit.bus);
	outbox_send(kit.bus->outbox, kit.bus->link);
}

void kit_start(void)
{
	kit_open(0);
	ck_assert_int_eq(devbus_ready(kit.bus), 0);
	kit_connect();
}

/* ---- what was published */

static const struct devbus_json *at_path(const struct devbus_json *object, const char *path)
{
	char name[64];

	while (object && *path) {
		size_t length = strcspn(path, ".");

		snprintf(name, sizeof name, "%.*s", (int)length, path);
		object = devbus_json_get(object, name);
		path += length + (path[length] == '.');
	}
	return object;
}

const char *kit_member(const struct fake_record *record, const char *path)
{
	static char texts[4][1024];
	static unsigned next;
	char *text = texts[next++ % 4], *printed = NULL;
	struct devbus_json *object;
	const struct devbus_json *member;

	if (!record)
		return "(nothing)";
	object = parse(record->payload);
	member = at_path(object, path);
	if (devbus_json_type(member) != DEVBUS_JSON_STRING)
		printed = member ? devbus_json_print(member) : NULL;
	snprintf(text, sizeof texts[0], "%s",
		!member   ? "(absent)"
		: printed ? printed
			  : devbus_json_string(member));
	free(printed);
	devbus_json_free(object);
	return text;
}

struct fake_record *kit_published(const char *topic)
{
	return fake_link_take(FAKE_PUBLISH, topic);
}
