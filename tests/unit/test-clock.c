// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* The clocks, compared with what the kernel says by other ways. */
#include "clock.h"
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

START_TEST(test_clocks_move_with_the_system)
{
	const int64_t monotonic_ms = clock_monotonic_ms();
	const int64_t wall_ms = clock_wall_ms();
	const time_t now = time(NULL);

	ck_assert_int_gt(monotonic_ms, 0);
	ck_assert_int_ge(clock_monotonic_ms(), monotonic_ms);
	ck_assert_int_le(wall_ms / 1000 - now, 1);
	ck_assert_int_le(now - wall_ms / 1000, 1);
}
END_TEST

START_TEST(test_system_clock_is_those)
{
	const int64_t before_ms = clock_monotonic_ms();
	const int64_t between_ms = clock_system.monotonic_ms(clock_system.userdata);

	ck_assert_int_ge(between_ms, before_ms);
	ck_assert_int_le(between_ms, clock_monotonic_ms());
	ck_assert_int_gt(clock_system.wall_ms(clock_system.userdata), 0);
	ck_assert_int_ge(clock_system.boot_ms(clock_system.userdata), before_ms);
	ck_assert_int_eq(clock_system.synced(clock_system.userdata), clock_synced("auto"));
}
END_TEST

START_TEST(test_copy_has_a_mode_of_its_own)
{
	struct clock clock = clock_system;

	clock.userdata = "always";
	ck_assert(clock.synced(clock.userdata));
	clock.userdata = "never";
	ck_assert(!clock.synced(clock.userdata));
}
END_TEST

START_TEST(test_sync_modes)
{
	errno = EXDEV;
	ck_assert(clock_synced("always"));
	ck_assert(!clock_synced("never"));
	ck_assert_int_eq(clock_synced("auto"), clock_synced(NULL));
	ck_assert_int_eq(errno, EXDEV);
}
END_TEST

START_TEST(test_boot_id_of_this_boot)
{
	char first[CLOCK_BOOT_ID_SIZE], second[CLOCK_BOOT_ID_SIZE];

	ck_assert_int_eq(clock_boot_id(NULL, first), 0);
	ck_assert_uint_eq(strlen(first), 36);
	ck_assert_int_eq(clock_boot_id("/proc/sys/kernel/random/boot_id", second), 0);
	ck_assert_str_eq(first, second);
}
END_TEST

static const struct {
	const char *text, *id; /* NULL: refused */
} boot_ids[] = {
	{ "01234567-89ab-cdef-0123-456789abcdef\n", "01234567-89ab-cdef-0123-456789abcdef" },
	{ "01234567-89ab-cdef-0123-456789abcdef", "01234567-89ab-cdef-0123-456789abcdef" },
	{ "boot-2\nmore\n", "boot-2" },
	{ "B", "B" },
	{ "", NULL },
	{ "\n", NULL },
	{ "01234567-89ab-cdef-0123-456789abcdef0\n", NULL },
	{ "01234567-89ab-cdef-0123-456789abcdef0", NULL },
	{ "boot 2\n", NULL },
	{ "boot\"\n", NULL },
	{ "\xc3\xa4\n", NULL },
};

START_TEST(test_boot_id_from_file)
{
	char path[] = "/tmp/devbus-test-clock-XXXXXX";
	char id[CLOCK_BOOT_ID_SIZE] = "untouched";
	const int fd = mkstemp(path);
	const char *text = boot_ids[_i].text;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (int)strlen(text));
	close(fd);
	ck_assert_int_eq(clock_boot_id(path, id), boot_ids[_i].id ? 0 : -EBADMSG);
	ck_assert_str_eq(id, boot_ids[_i].id ? boot_ids[_i].id : "untouched");
	unlink(path);
}
END_TEST

START_TEST(test_boot_id_without_file)
{
	char id[CLOCK_BOOT_ID_SIZE] = "untouched";

	ck_assert_int_eq(clock_boot_id("/nowhere/boot_id", id), -ENOENT);
	ck_assert_int_eq(clock_boot_id("/", id), -EISDIR);
	ck_assert_str_eq(id, "untouched");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("clock");
	TCase *tests = tcase_create("clock");

	suite_add_tcase(suite, tests);
	tcase_add_test(tests, test_clocks_move_with_the_system);
	tcase_add_test(tests, test_system_clock_is_those);
	tcase_add_test(tests, test_copy_has_a_mode_of_its_own);
	tcase_add_test(tests, test_sync_modes);
	tcase_add_test(tests, test_boot_id_of_this_boot);
	tcase_add_loop_test(tests, test_boot_id_from_file, 0, LENGTH(boot_ids));
	tcase_add_test(tests, test_boot_id_without_file);
	return unit_main(suite);
}
