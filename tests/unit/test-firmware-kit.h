// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * What the tests of downloads share: a loop of poll(2) instead of the bus, a folder, an image to fetch and a
 * server that has it, and what must hold afterwards.
 */
#ifndef DEVBUS_TEST_FIRMWARE_KIT_H
#define DEVBUS_TEST_FIRMWARE_KIT_H

#include "../../services/firmware/download.h"
#include "test-firmware-server.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/evp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <time.h>

#define IMAGE_BYTES ((size_t)3 << 20)

/* ---- a loop, and what is told to it */

static struct {
	struct download *download;
	struct pollfd watched[8];
	int watched_count;
	int64_t due_ms; /* negative: no timer */
	int told, last_percent, biggest_step, troubles;
	bool over;
	struct devbus_error error; /* code "": succeeded */
	int stop_at_percent; /* 0: never */
	int turns;
} loop;

static int64_t now_ms(void *userdata)
{
	struct timespec now;
	(void)userdata;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int watch(void *userdata, int fd, uint32_t events)
{
	(void)userdata;
	int i = 0;
	while (i < loop.watched_count && loop.watched[i].fd != fd)
		i++;
	ck_assert_int_lt(i, LENGTH(loop.watched));
	if (i == loop.watched_count && events)
		loop.watched_count++;
	else if (i < loop.watched_count && !events)
		loop.watched[i] = loop.watched[--loop.watched_count];
	if (events)
		loop.watched[i] = (struct pollfd) { fd, (short)events, 0 };
	return 0;
}

static int arm(void *userdata, int64_t delay_ms)
{
	(void)userdata;
	loop.due_ms = delay_ms < 0 ? -1 : now_ms(NULL) + delay_ms;
	return 0;
}

static void tell(void *userdata, int percent, uint64_t bytes, uint64_t size, const char *trouble)
{
	(void)userdata, (void)bytes, (void)size;
	loop.troubles += trouble != NULL;
	if (loop.told++ > 0 && percent - loop.last_percent > loop.biggest_step)
		loop.biggest_step = percent - loop.last_percent;
	loop.last_percent = percent;
}

static void finished(void *userdata, const struct devbus_error *error)
{
	(void)userdata;
	ck_assert(!loop.over);
	loop.over = true;
	if (error)
		loop.error = *error;
	download_free(loop.download);
	loop.download = NULL;
}

static const struct download_host host = { watch, arm, now_ms, tell, finished, NULL };

/* One wait, one call, as a reactor does it. */
static void turn(void)
{
	int64_t now = now_ms(NULL);
	int wait_ms = loop.due_ms < 0 ? 10000 : loop.due_ms > now ? (int)(loop.due_ms - now) : 0;
	int n = poll(loop.watched, (nfds_t)loop.watched_count, wait_ms);
	ck_assert_msg(n > 0 || loop.due_ms >= 0, "nothing happens any more");
	loop.turns++;
	for (int i = 0; i < loop.watched_count; i++) {
		if (loop.watched[i].revents) {
			download_ready(loop.download, loop.watched[i].fd, (uint32_t)loop.watched[i].revents);
			return;
		}
	}
	if (loop.due_ms >= 0 && loop.due_ms <= now_ms(NULL)) {
		loop.due_ms = -1;
		download_tick(loop.download);
	}
}

/* ---- a folder, an image to fetch, and a server that has it */

static char folder[512];
static int folder_fd;
static char *image;
static struct server server;

static void write_file(const char *path, const char *data, size_t size)
{
	FILE *file = fopen(path, "w");
	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fwrite(data, 1, size, file), size);
	ck_assert_int_eq(fclose(file), 0);
}

static const char *path_in(const char *name)
{
	static char path[PATH_MAX];
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static void set_up(void)
{
	const char *base = getenv("TMPDIR");
	snprintf(folder, sizeof(folder), "%.400s/devbus-download-XXXXXX", base ? base : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	folder_fd = devbus_folder(AT_FDCWD, path_in("download"));
	ck_assert_int_ge(folder_fd, 0);
	image = malloc(IMAGE_BYTES);
	for (size_t i = 0; i < IMAGE_BYTES; i++)
		image[i] = (char)(i * 2654435761u >> 13);
	write_file(path_in("an image"), image, IMAGE_BYTES);
	server = server_start(image, IMAGE_BYTES);
	memset(&loop, 0, sizeof(loop));
	loop.due_ms = -1;
}

static void tear_down(void)
{
	char command[sizeof(folder) + 16];
	server_stop(server);
	close(folder_fd);
	free(image);
	snprintf(command, sizeof(command), "rm -rf '%s'", folder);
	ck_assert_int_eq(system(command), 0);
}

static void hash(const char *data, size_t size, char ret_text[SHA256_TEXT_SIZE])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned count = 0;
	ck_assert_int_eq(EVP_Digest(data, size, digest, &count, EVP_sha256(), NULL), 1);
	for (unsigned i = 0; i < count; i++)
		snprintf(ret_text + 2 * (size_t)i, 3, "%02X", digest[i]); /* orders may be in either case */
}

static struct order order_of(const char *url)
{
	struct order order = { .version = "2.0" };
	snprintf(order.url, sizeof(order.url), "%s", url);
	hash(image, IMAGE_BYTES, order.sha256);
	return order;
}

static struct order order_file(void)
{
	char url[URL_MAX];
	snprintf(url, sizeof(url), "file://%s/an%%20image", folder);
	return order_of(url);
}

static struct order order_http(const char *path)
{
	char url[URL_MAX];
	snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", server.port, path);
	return order_of(url);
}

static struct download_options options = {
	.fetch = {
		.user_agent = "test",
		.ca_file = "",
		.client_certificate = "",
		.client_key = "",
		.proxy = "none",
		.connect_timeout_s = 5,
		.low_speed_bytes_s = 1,
		.low_speed_s = 60,
		.redirects_max = 3,
	},
	.max_size_bytes = IMAGE_BYTES,
	.reserve_bytes = 4096,
	.retry_ms = 0,
	.patience_s = 0,
};

/* Returns whether it came to its end; else it was stopped where that was asked for. */
static bool run(const struct order *order)
{
	memset(&loop.error, 0, sizeof(loop.error));
	loop.over = false;
	int r = download_start(folder_fd, order, &options, &host, &loop.download, &loop.error);
	ck_assert((r < 0) == (*loop.error.code != '\0'));
	while (r == 0 && !loop.over) {
		turn();
		if (loop.stop_at_percent && !loop.over && loop.last_percent >= loop.stop_at_percent)
			break;
	}
	download_free(loop.download);
	loop.download = NULL;
	ck_assert_int_eq(loop.watched_count, 0);
	ck_assert_int_le(loop.due_ms, -1);
	return r < 0 || loop.over;
}

/* ---- what must hold afterwards */

static void check_succeeded(void)
{
	char *found = malloc(IMAGE_BYTES + 1);
	FILE *file = fopen(path_in("download/" DOWNLOAD_NAME), "r");
	ck_assert_str_eq(loop.error.code, "");
	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fread(found, 1, IMAGE_BYTES + 1, file), IMAGE_BYTES);
	ck_assert_int_eq(memcmp(found, image, IMAGE_BYTES), 0);
	fclose(file);
	free(found);
}

static void check_failed(const char *code)
{
	ck_assert_str_eq(loop.error.code, code);
	ck_assert_str_ne(loop.error.message, "");
	ck_assert_int_eq(download_drop(folder_fd), 0);
	ck_assert_int_lt(faccessat(folder_fd, DOWNLOAD_NAME, F_OK, 0), 0);
}

#endif
