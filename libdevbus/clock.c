// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * Time as the kernel tells it. Whether the wall clock is right is a question for the kernel too, and not for a
 * daemon by name: ntpd, chrony, timesyncd and a PTP daemon all tell it through adjtimex(2). The file of
 * timesyncd is the second witness: a sandbox may forbid the call, and the kernel takes its word back
 * when it has not heard from a server for some hours.
 */
#include "clock.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#define CORRECTION_MS INT64_C(1000000)
#define TIMESYNC_FILE "/run/systemd/timesync/synchronized"
#define BOOT_ID_FILE "/proc/sys/kernel/random/boot_id"

static int64_t read_ms(clockid_t id)
{
	struct timespec now = { 0 };

	/* Cannot fail: these clocks exist on every kernel and the pointer is good. */
	(void)clock_gettime(id, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t clock_monotonic_ms(void)
{
	return read_ms(CLOCK_MONOTONIC);
}

int64_t clock_wall_ms(void)
{
	return read_ms(CLOCK_REALTIME);
}

static bool kernel_synced(void)
{
	struct timex state = { .modes = 0 };
	int saved_errno = errno;
	int r = adjtimex(&state);

	errno = saved_errno;
	return r >= 0 && r != TIME_ERROR && !(state.status & STA_UNSYNC);
}

static bool timesync_synced(void)
{
	int saved_errno = errno;
	bool yes = access(TIMESYNC_FILE, F_OK) == 0;

	errno = saved_errno;
	return yes;
}

bool clock_synced(const char *mode)
{
	if (mode && strcmp(mode, "always") == 0)
		return true;
	if (mode && strcmp(mode, "never") == 0)
		return false;
	return kernel_synced() || timesync_synced();
}

bool clock_trusted_ms(const struct clock *clock, struct clock_trust *trust, int64_t *ret_wall_ms)
{
	int64_t boot_ms = clock->boot_ms(clock->userdata);
	int64_t apart_ms = clock->wall_ms(clock->userdata) - boot_ms;
	bool synced = clock->synced(clock->userdata);

	if (synced && (!trust->known || llabs(apart_ms - trust->apart_ms) < CORRECTION_MS))
		trust->apart_ms = apart_ms;
	trust->known = synced;
	if (synced)
		*ret_wall_ms = boot_ms + (apart_ms < trust->apart_ms ? apart_ms : trust->apart_ms);
	return synced;
}

static ssize_t read_start(const char *file, char *text, size_t size)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	ssize_t r;

	if (fd < 0)
		return -errno;
	do {
		r = read(fd, text, size);
	} while (r < 0 && errno == EINTR);
	r = r < 0 ? -errno : r;
	close(fd);
	return r;
}

int clock_boot_id(const char *file, char ret_boot_id[CLOCK_BOOT_ID_SIZE])
{
	static const char allowed[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-";
	char text[CLOCK_BOOT_ID_SIZE + 1] = "";
	ssize_t r = read_start(file ? file : BOOT_ID_FILE, text, sizeof(text) - 1);
	size_t size;

	if (r < 0)
		return (int)r;
	size = strspn(text, allowed);
	if (size == 0 || size >= CLOCK_BOOT_ID_SIZE || (text[size] != '\n' && text[size] != '\0'))
		return -EBADMSG;
	memcpy(ret_boot_id, text, size);
	ret_boot_id[size] = '\0';
	return 0;
}

static int64_t system_monotonic_ms(void *userdata)
{
	(void)userdata;
	return clock_monotonic_ms();
}

static int64_t system_wall_ms(void *userdata)
{
	(void)userdata;
	return clock_wall_ms();
}

static int64_t system_boot_ms(void *userdata)
{
	(void)userdata;
	return read_ms(CLOCK_BOOTTIME);
}

static bool system_synced(void *userdata)
{
	return clock_synced(userdata);
}

const struct clock clock_system = {
	.monotonic_ms = system_monotonic_ms,
	.wall_ms = system_wall_ms,
	.boot_ms = system_boot_ms,
	.synced = system_synced,
};
