// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* Updates from the first byte to the switch: what comes, what comes broken, and what is on disk afterwards. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
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

START_TEST(test_again)
{
	struct order order = order_file();
	char slot;
	run(&order);
	check_succeeded();
	loop.over = false;
	run(&order);
	ck_assert_int_eq(slots_active(&slots, &slot), 0);
	ck_assert_int_eq(slot, 'a'); /* the other one now */
	ck_assert(slot_holds("slot-a.img", image, IMAGE_BYTES));
	ck_assert(slot_holds("slot-b.img", image, IMAGE_BYTES));
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

START_TEST(test_cancel)
{
	struct order order = _i ? order_http("/stall") : order_file();
	loop.cancel_at_percent = 30;
	run(&order);
	check_failed("cancelled");
}
END_TEST

START_TEST(test_stop_in_mid_download)
{
	struct order order = order_file();
	struct update_place place = { slots.dir_fd, &slots, &state };
	ck_assert_int_eq(update_start(&order, "c1", &options, &place, &host, &loop.update, &loop.error), 0);
	turn();
	update_free(loop.update);
	ck_assert_int_eq(state_load(slots.dir_fd, &state), 0);
	ck_assert_int_eq(state_phase(&state), PHASE_DOWNLOADING);
	ck_assert_int_eq(state_recover(slots.dir_fd, &slots, &state), 0);
	loop.update = NULL;
	loop.due_ms = -1;
	run(&order);
	check_succeeded();
}
END_TEST

START_TEST(test_switch_fails)
{
	struct order order = order_file();
	char slot;
	ck_assert_int_eq(unlinkat(slots.dir_fd, "slot-b.img", 0), 0);
	ck_assert_int_eq(mkdirat(slots.dir_fd, "slot-b.img", 0700), 0);
	run(&order);
	ck_assert_str_eq(loop.error.code, "io-error");
	ck_assert_int_eq(slots_active(&slots, &slot), 0);
	ck_assert_int_eq(slot, 'a');
	ck_assert(slot_holds("active", "running", 7));
	ck_assert_int_eq(state_load(slots.dir_fd, &state), 0);
	ck_assert_int_eq(state_phase(&state), PHASE_FAILED);
}
END_TEST

/* ---- a full disk */

START_TEST(test_reserve)
{
	struct order order = _i ? order_http("/good") : order_file();
	uint64_t free_bytes = 0;
	ck_assert_int_eq(slots_free_bytes(&slots, &free_bytes), 0);
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
	slots_close(&slots);
	return mount("none", path_in("slots"), "tmpfs", 0, "size=1m") == 0;
}

START_TEST(test_full_disk)
{
	/* /endless tells no size: the disk is full in mid-download. The others are refused before. */
	static const char *const paths[] = { "/endless", "/good" };
	struct order order = order_http(paths[_i]);
	if (!mount_small_disk())
		return; /* needs a right that not everyone has */
	open_folder();
	options.reserve_bytes = 0;
	run(&order);
	check_failed("no-space");
	slots_close(&slots);
	ck_assert_int_eq(umount(path_in("slots")), 0);
	open_folder();
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
	Suite *suite = suite_create("firmware-update");
	TCase *updates = tcase_create("updates");
	tcase_add_checked_fixture(updates, set_up, tear_down);
	tcase_add_loop_test(updates, test_file, 0, 2);
	tcase_add_loop_test(updates, test_http, 0, LENGTH(good_paths));
	tcase_add_loop_test(updates, test_http_proxy, 0, 2);
	tcase_add_test(updates, test_again);
	tcase_add_loop_test(updates, test_bad, 0, LENGTH(bad));
	tcase_add_loop_test(updates, test_bad_url, 0, LENGTH(bad_urls));
	tcase_add_test(updates, test_stall);
	tcase_add_test(updates, test_https_is_verified);
	tcase_add_loop_test(updates, test_cancel, 0, 2);
	tcase_add_test(updates, test_stop_in_mid_download);
	tcase_add_test(updates, test_switch_fails);
	tcase_add_loop_test(updates, test_reserve, 0, 2);
	tcase_add_loop_test(updates, test_full_disk, 0, 2);
	tcase_add_test(updates, test_file_size_limit);
	tcase_set_timeout(updates, 60);
	suite_add_tcase(suite, updates);
	return unit_main(suite);
}
