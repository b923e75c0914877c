// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* Downloads from the first byte to the last: what comes, what comes broken, what goes on where it broke off, and what is on disk afterwards. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "../../services/firmware/image.h"
#include "test-firmware-kit.h"
#include "unit.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

/* ---- good ones */

START_TEST(test_file)
{
	struct order order = order_file();
	order.size = _i ? IMAGE_BYTES : 0;
	run(&order);
	check_succeeded();
	ck_assert_int_ge(loop.turns, 3); /* in pieces, with the loop in between */
	ck_assert_int_eq(loop.last_percent, 100);
}
END_TEST

static const char *const good_paths[] = { "/good", "/endless", "/moved" };

START_TEST(test_http)
{
	struct order order = order_http(good_paths[_i]);
	run(&order);
	check_succeeded();
	ck_assert_int_ge(loop.told, 1);
	if (strcmp(good_paths[_i], "/endless") != 0) {
		ck_assert_int_eq(loop.last_percent, 100);
		ck_assert_int_ge(loop.told, 5);
		ck_assert_int_le(loop.biggest_step, 19); /* each ten, and a buffer's worth beyond it */
	}
}
END_TEST

START_TEST(test_http_proxy)
{
	char proxy[64];
	struct order order = order_of("http://firmware.invalid/good");
	snprintf(proxy, sizeof(proxy), "http://127.0.0.1:%u", server.port);
	options.fetch.proxy = _i ? proxy : "";
	options.fetch.http_proxy = proxy;
	/* The server does not know the absolute URL that a proxy gets: 404 proves that it was asked. */
	run(&order);
	check_failed("not-found");
}
END_TEST

/* ---- links that break, and processes that end */

static const struct {
	const char *path;
	int troubles; /* breaks, at least */
} breaks[] = {
	{ "/flaky", 10 },
	{ "/changing", 3 },
	{ "/no-ranges", 3 },
	{ "/unavailable", 2 },
};

START_TEST(test_link_breaks)
{
	struct order order = order_http(breaks[_i].path);
	options.patience_s = 60;
	ck_assert(run(&order));
	check_succeeded();
	ck_assert_int_ge(loop.troubles, breaks[_i].troubles);
}
END_TEST

START_TEST(test_wrong_range)
{
	struct order order = order_http("/wrong-range");
	options.patience_s = 1;
	ck_assert(run(&order));
	check_failed("io-error"); /* rather than an image in which a part is not the one it should be */
}
END_TEST

START_TEST(test_patience)
{
	struct order order = order_http("/cut");
	options.patience_s = 1;
	ck_assert(run(&order));
	check_failed("io-error");
	ck_assert_int_ge(loop.troubles, 2);
}
END_TEST

/* What the process before left is taken up; the source can tell that it did not send it again. */
static void stop_half_way(const struct order *order)
{
	loop.stop_at_percent = 40;
	ck_assert(!run(order));
	loop.stop_at_percent = 0;
}

START_TEST(test_go_on_after_restart)
{
	struct order order = order_http("/pausing-once");
	stop_half_way(&order);
	ck_assert(run(&order));
	check_succeeded();
}
END_TEST

START_TEST(test_left_over_is_damaged)
{
	struct order order = order_http("/pausing");
	int fd;
	stop_half_way(&order);
	fd = openat(folder_fd, DOWNLOAD_NAME, O_WRONLY);
	ck_assert_int_eq(pwrite(fd, "\xff\xff\xff\xff", 4, 100), 4);
	close(fd);
	ck_assert(run(&order));
	check_succeeded();
}
END_TEST

START_TEST(test_left_over_of_another_order)
{
	struct order order = order_http("/pausing"), other = order_http("/pausing");
	other.sha256[0] = other.sha256[0] == '1' ? '2' : '1';
	stop_half_way(&other);
	ck_assert(run(&order));
	check_succeeded();
}
END_TEST

/* Whole, but the process ended before it could say so: nothing is asked of the server, which is gone. */
START_TEST(test_left_over_is_whole)
{
	struct order order = order_http("/ranges");
	ck_assert(run(&order));
	check_succeeded();
	server_stop(server);
	ck_assert(run(&order));
	check_succeeded();
}
END_TEST

START_TEST(test_rate_limit)
{
	struct order order = order_http("/eight");
	int64_t began_ms = now_ms(NULL);
	options.max_size_bytes = options.fetch.rate_limit_bytes_s = 8 * IMAGE_BYTES;
	ck_assert(run(&order));
	check_failed("checksum");
	ck_assert_int_ge(
		now_ms(NULL) - began_ms, 500); /* 1 s, but curl lets the first bytes pass in one go */
}
END_TEST

/* ---- bad ones */

static const struct {
	const char *path; /* NULL: the file */
	size_t size; /* as ordered */
	size_t max_size;
	bool wrong_hash;
	const char *code;
} bad[] = {
	{ NULL, 0, IMAGE_BYTES, true, "checksum" },
	{ NULL, IMAGE_BYTES - 1, IMAGE_BYTES, false, "checksum" },
	{ NULL, 0, IMAGE_BYTES - 1, false, "refused" },
	{ "/good", 0, IMAGE_BYTES, true, "checksum" },
	{ "/good", IMAGE_BYTES + 1, IMAGE_BYTES * 2, false, "checksum" },
	{ "/good", 0, IMAGE_BYTES - 1, false, "refused" },
	{ "/endless", IMAGE_BYTES - 1, IMAGE_BYTES, false, "checksum" },
	{ "/endless", IMAGE_BYTES + 1, IMAGE_BYTES * 2, false, "checksum" },
	{ "/endless", 0, IMAGE_BYTES - 1, false, "refused" },
	{ "/cut", 0, IMAGE_BYTES, false, "io-error" },
	{ "/missing", 0, IMAGE_BYTES, false, "not-found" },
	{ "/away", 0, IMAGE_BYTES, false, "io-error" },
	{ "/round", 0, IMAGE_BYTES, false, "io-error" },
};

START_TEST(test_bad)
{
	struct order order = bad[_i].path ? order_http(bad[_i].path) : order_file();
	order.size = bad[_i].size;
	options.max_size_bytes = bad[_i].max_size;
	if (bad[_i].wrong_hash)
		order.sha256[5] = order.sha256[5] == '0' ? '1' : '0';
	run(&order);
	check_failed(bad[_i].code);
}
END_TEST

static const struct {
	const char *url;
	const char *code;
} bad_urls[] = {
	{ "file:///no/such/file", "not-found" },
	{ "file:///tmp", "io-error" },
	{ "file:///dev/zero", "io-error" },
	{ "file://elsewhere/tmp/x", "invalid-args" },
	{ "gopher://127.0.0.1/", "invalid-args" },
	{ "http://127.0.0.1:99999/", "invalid-args" },
	{ "http://127.0.0.1:1/", "io-error" },
};

START_TEST(test_bad_url)
{
	struct order order = order_of(bad_urls[_i].url);
	run(&order);
	check_failed(bad_urls[_i].code);
}
END_TEST

START_TEST(test_stall)
{
	struct order order = order_http("/stall");
	options.fetch.low_speed_s = 1;
	run(&order);
	check_failed("timeout");
}
END_TEST

START_TEST(test_https_is_verified)
{
	struct order order = order_http("/good");
	memmove(order.url + 5, order.url + 4, strlen(order.url + 4) + 1);
	order.url[4] = 's'; /* a server that speaks no TLS at all */
	run(&order);
	check_failed("io-error");
}
END_TEST

/* ---- a full disk */

START_TEST(test_reserve)
{
	struct order order = _i ? order_http("/good") : order_file();
	uint64_t free_bytes = 0;
	ck_assert_int_eq(image_free_bytes(folder_fd, &free_bytes), 0);
	options.reserve_bytes = free_bytes;
	run(&order);
	check_failed("no-space");
	ck_assert_int_eq(loop.last_percent, _i ? -1 : loop.last_percent); /* before the first byte */
}
END_TEST

/* A disk of 1 MiB, in a mount name space that ends with this test. */
static bool mount_small_disk(void)
{
	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) < 0)
		return false;
	close(folder_fd);
	bool done = mount("none", path_in("download"), "tmpfs", 0, "size=1m") == 0;
	folder_fd = devbus_folder(AT_FDCWD, path_in("download"));
	return done;
}

START_TEST(test_full_disk)
{
	/* /endless tells no size: the disk is full in mid-download. The others are refused before. */
	static const char *const paths[] = { "/endless", "/good" };
	struct order order = order_http(paths[_i]);
	if (!mount_small_disk())
		return; /* needs a right that not everyone has */
	options.reserve_bytes = 0;
	run(&order);
	check_failed("no-space");
	close(folder_fd);
	ck_assert_int_eq(umount(path_in("download")), 0);
	folder_fd = devbus_folder(AT_FDCWD, path_in("download"));
}
END_TEST

START_TEST(test_file_size_limit)
{
	struct order order = order_http("/endless");
	struct rlimit limit = { 1 << 20, 1 << 20 };
	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	run(&order);
	check_failed("no-space");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("firmware-download");
	TCase *downloads = tcase_create("downloads");
	tcase_add_checked_fixture(downloads, set_up, tear_down);
	tcase_add_loop_test(downloads, test_file, 0, 2);
	tcase_add_loop_test(downloads, test_http, 0, LENGTH(good_paths));
	tcase_add_loop_test(downloads, test_http_proxy, 0, 2);
	tcase_add_loop_test(downloads, test_link_breaks, 0, LENGTH(breaks));
	tcase_add_test(downloads, test_wrong_range);
	tcase_add_test(downloads, test_patience);
	tcase_add_test(downloads, test_go_on_after_restart);
	tcase_add_test(downloads, test_left_over_is_damaged);
	tcase_add_test(downloads, test_left_over_of_another_order);
	tcase_add_test(downloads, test_left_over_is_whole);
	tcase_add_test(downloads, test_rate_limit);
	tcase_add_loop_test(downloads, test_bad, 0, LENGTH(bad));
	tcase_add_loop_test(downloads, test_bad_url, 0, LENGTH(bad_urls));
	tcase_add_test(downloads, test_stall);
	tcase_add_test(downloads, test_https_is_verified);
	tcase_add_loop_test(downloads, test_reserve, 0, 2);
	tcase_add_loop_test(downloads, test_full_disk, 0, 2);
	tcase_add_test(downloads, test_file_size_limit);
	tcase_set_timeout(downloads, 60);
	suite_add_tcase(suite, downloads);
	return unit_main(suite);
}
