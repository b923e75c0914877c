// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * The input is devbus.conf and, behind a line "--", devbus.d/fan.conf, as real files. What is accepted must keep the bounds of the
 * table; what is refused must say where, in a message that can travel.
 */
#include "settings.h"
#include "utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct fan {
	uint32_t percent;
	char mode[8];
	struct devbus_json *curve;
};

static const struct devbus_field fan_fields[] = {
	DEVBUS_FIELD(struct fan, percent, .max = 100, .initial = 30),
	DEVBUS_FIELD(struct fan, mode, .initial_text = "auto"),
	DEVBUS_FIELD(struct fan, curve),
	{ 0 },
};

static char folder[] = "/tmp/devbus-fuzz-settings-XXXXXX";
static int folder_fd = -1, shared_fd, own_fd;

static void require(bool good)
{
	if (!good)
		abort();
}

static void remove_folder(void)
{
	unlinkat(folder_fd, "devbus.conf", 0);
	unlinkat(folder_fd, "devbus.d/fan.conf", 0);
	unlinkat(folder_fd, "devbus.d", AT_REMOVEDIR);
	rmdir(folder);
}

static void make_folder(void)
{
	require(mkdtemp(folder) != NULL);
	folder_fd = open(folder, O_RDONLY | O_DIRECTORY);
	require(folder_fd >= 0 && mkdirat(folder_fd, "devbus.d", 0700) == 0);
	shared_fd = openat(folder_fd, "devbus.conf", O_RDWR | O_CREAT, 0600);
	own_fd = openat(folder_fd, "devbus.d/fan.conf", O_RDWR | O_CREAT, 0600);
	require(shared_fd >= 0 && own_fd >= 0 && atexit(remove_folder) == 0);
}

static void fill(int fd, const uint8_t *data, size_t size)
{
	require(ftruncate(fd, 0) == 0 && pwrite(fd, data, size, 0) == (ssize_t)size);
}

static void require_refusal(int r, const struct devbus_error *error)
{
	require(r == -EINVAL || r == -EFBIG);
	require(strncmp(error->message, folder, strlen(folder)) == 0);
	require(utf8_valid(error->message, strlen(error->message)));
}

static void try_library(void)
{
	struct settings settings;
	struct devbus_error error = { "", "" };
	struct devbus_json *object = NULL;
	char host[256];
	uint16_t port;
	const int r = settings_read(folder, "fan", &settings, &error);
	if (r < 0) {
		require_refusal(r, &error);
		return;
	}
	require(settings_split_address(settings.broker, host, sizeof(host), &port) == 0);
	require(settings.reconnect_min_ms <= settings.reconnect_max_ms && settings.user[0]);
	require(devbus_fields_write(settings_fields, &settings, &object) == 0);
	require(devbus_fields_read(settings_fields, object, &settings, NULL) == 0);
	devbus_json_free(object);
}

static void try_section(void)
{
	struct fan fan;
	struct devbus_error error = { "", "" };
	const int r = settings_read_section(folder, "fan", fan_fields, &fan, &error);
	if (r < 0) {
		require_refusal(r, &error);
		return;
	}
	require(fan.percent <= 100 && strlen(fan.mode) < sizeof(fan.mode));
	devbus_fields_clear(fan_fields, &fan);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char border[] = "\n--\n";
	const uint8_t *middle = memmem(data, size, border, strlen(border));
	const size_t shared = middle ? (size_t)(middle - data) : size;
	if (folder_fd < 0)
		make_folder();
	fill(shared_fd, data, shared);
	fill(own_fd, middle ? middle + strlen(border) : data, middle ? size - shared - strlen(border) : 0);
	try_library();
	try_section();
	return 0;
}
