// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* The firmware service's decisions and what it keeps on disk: versions, orders, progress, slots, state. */
#include "../../services/firmware/order.h"
#include "../../services/firmware/progress.h"
#include "../../services/firmware/state.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- versions */

static const struct {
	const char *a, *b;
	int order;
} versions[] = {
	{ "1.0.0", "1.0.0", 0 },
	{ "1.0", "1.0.0", 0 },
	{ "1", "1.0.0.0", 0 },
	{ "1.0.0+7", "1.0.0+8", 0 },
	{ "v1.2", "1.2", 0 },
	{ "01.002", "1.2", 0 },
	{ "1.2.3", "1.2.4", -1 },
	{ "1.2.9", "1.2.10", -1 },
	{ "1.9.0", "1.10.0", -1 },
	{ "v9", "v10", -1 },
	{ "1.0", "1.0.1", -1 },
	{ "1.0-rc.1", "1.0", -1 },
	{ "1.0-rc.9", "1.0-rc.10", -1 },
	{ "1.0-alpha", "1.0-alpha.1", -1 },
	{ "1.0-alpha.1", "1.0-alpha.beta", -1 },
	{ "1.0-alpha.beta", "1.0-beta", -1 },
	{ "1.0-1", "1.0-a", -1 },
	{ "1.0-rc.1", "1.0.1-rc.1", -1 },
	{ "2024.12.31", "2025.1.1", -1 },
	{ "99999999999999999999999998", "99999999999999999999999999", -1 },
	{ "9", "10000000000000000000000000", -1 },
	{ "1.0-a-b", "1.0-a-c", -1 },
	{ "1.", "1.a", -1 },
	{ "verde", "w", -1 },
};

START_TEST(test_version_order)
{
	ck_assert_int_eq(version_compare(versions[_i].a, versions[_i].b), versions[_i].order);
	ck_assert_int_eq(version_compare(versions[_i].b, versions[_i].a), -versions[_i].order);
}
END_TEST

START_TEST(test_version_form)
{
	static const char *const good[] = { "1", "1.0-rc.1+build.5", "v2", "A" };
	static const char *const bad[] = { "", ".1", "-1", "1 0", "1/0", "1_0", "\xc3\xa4", "1\n" };
	char longest[VERSION_MAX + 2];
	for (int i = 0; i < LENGTH(good); i++)
		ck_assert_msg(version_valid(good[i]), "%s", good[i]);
	for (int i = 0; i < LENGTH(bad); i++)
		ck_assert_msg(!version_valid(bad[i]), "%s", bad[i]);
	memset(longest, '1', sizeof(longest));
	longest[VERSION_MAX + 1] = '\0';
	ck_assert(!version_valid(longest));
	longest[VERSION_MAX] = '\0';
	ck_assert(version_valid(longest));
}
END_TEST

/* ---- orders */

#define HASH "0123456789abcdefABCDEF0123456789abcdef0123456789abcdef0123456789"

static const struct {
	struct order order;
	const char *protocols;
	const char *version; /* in force */
	int result;
	const char *code, *about;
} orders[] = {
	{ { "https://h/i", HASH, "2.0", 0, false }, "https,http,file", "1.0", 0, NULL, NULL },
	{ { "HTTP://h/i", HASH, "2.0", 1000, false }, "https,http,file", "", 0, NULL, NULL },
	{ { "file:///i", HASH, "1.0", 0, true }, "https, file", "1.0", 0, NULL, NULL },
	{ { "file:///i", HASH, "2.0", 0, false }, "https", "", -EINVAL, "invalid-args", "url" },
	{ { "ftp://h/i", HASH, "2.0", 0, false }, "https,http,file", "", -EINVAL, "invalid-args", "url" },
	{ { "http:/h", HASH, "2.0", 0, false }, "https,http", "", -EINVAL, "invalid-args", "url" },
	{ { "htt://h", HASH, "2.0", 0, false }, "https,http", "", -EINVAL, "invalid-args", "url" },
	{ { "://h", HASH, "2.0", 0, false }, "https,http", "", -EINVAL, "invalid-args", "url" },
	{ { "http://h/a b", HASH, "2.0", 0, false }, "http", "", -EINVAL, "invalid-args", "url" },
	{ { "http://h/\r\nX: y", HASH, "2.0", 0, false }, "http", "", -EINVAL, "invalid-args", "url" },
	{ { "http://h", "abc", "2.0", 0, false }, "http", "", -EINVAL, "invalid-args", "sha256" },
	{ { "http://h", "g123456789abcdefABCDEF0123456789abcdef0123456789abcdef0123456789", "2.0", 0, false },
		"http", "", -EINVAL, "invalid-args", "sha256" },
	{ { "http://h", HASH, "2 0", 0, false }, "http", "", -EINVAL, "invalid-args", "version" },
	{ { "http://h", HASH, "2.0", 1001, true }, "http", "", -EPERM, "refused", "size" },
	{ { "http://h", HASH, "1.0", 0, false }, "http", "1.0", -EPERM, "refused", "version" },
	{ { "http://h", HASH, "0.9", 0, false }, "http", "1.0", -EPERM, "refused", "version" },
};

START_TEST(test_order)
{
	struct order_rules rules = { orders[_i].protocols, 1000, orders[_i].version };
	struct devbus_error error = { "", "" };
	ck_assert_int_eq(order_check(&orders[_i].order, &rules, &error), orders[_i].result);
	ck_assert_str_eq(error.code, orders[_i].code ? orders[_i].code : "");
	if (orders[_i].about)
		ck_assert_int_eq(strncmp(error.message, orders[_i].about, strlen(orders[_i].about)), 0);
}
END_TEST

/* ---- progress */

START_TEST(test_percent)
{
	ck_assert_int_eq(progress_percent(5, 0), -1);
	ck_assert_int_eq(progress_percent(0, 100), 0);
	ck_assert_int_eq(progress_percent(999, 1000), 99);
	ck_assert_int_eq(progress_percent(1000, 1000), 100);
	ck_assert_int_eq(progress_percent(2000, 1000), 100);
	ck_assert_int_eq(progress_percent(UINT64_MAX / 2, UINT64_MAX), 50);
}
END_TEST

START_TEST(test_progress_pace)
{
	struct progress progress = { 0 };
	ck_assert(progress_due(&progress, 0, 50));
	ck_assert(!progress_due(&progress, 5, 60));
	ck_assert(!progress_due(&progress, 9, 1049));
	ck_assert(progress_due(&progress, 9, 1050));
	ck_assert(progress_due(&progress, 10, 1051)); /* a full ten */
	ck_assert(!progress_due(&progress, 19, 1052));
	ck_assert(progress_due(&progress, 45, 1053)); /* a jump over several is told once */
	ck_assert(!progress_due(&progress, 49, 1054));
	ck_assert(progress_due(&progress, 100, 1055));
	progress = (struct progress) { 0 };
	ck_assert(progress_due(&progress, -1, 0));
	ck_assert(!progress_due(&progress, -1, 999));
	ck_assert(progress_due(&progress, -1, 1000));
}
END_TEST

/* ---- slots and state, in a folder of their own */

static char folder[PATH_MAX];
static struct slots slots;

static void set_up(void)
{
	const char *base = getenv("TMPDIR");
	snprintf(folder, sizeof(folder), "%s/devbus-firmware-XXXXXX", base ? base : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(slots_open(folder, &slots), 0);
}

static void tear_down(void)
{
	static const char *const names[] = { "active", "slot-a.img", "slot-b.img", "slot-a.json",
		"slot-b.json", "state.json", SLOTS_PART_NAME, ".active.new", ".state.json.new" };
	for (int i = 0; i < LENGTH(names); i++)
		unlinkat(slots.dir_fd, names[i], 0);
	slots_close(&slots);
	ck_assert_msg(rmdir(folder) == 0, "something was left in %s", folder);
}

static void put(const char *name, const char *text)
{
	int fd = openat(slots.dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static bool holds(const char *name, const char *text)
{
	char found[4096];
	int fd = openat(slots.dir_fd, name, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, found, sizeof(found));
	if (fd >= 0)
		close(fd);
	return n == (ssize_t)strlen(text) && memcmp(found, text, (size_t)n) == 0;
}

/* SHA-256 of "new" and of "old", from sha256sum(1). */
#define SHA256_NEW "11507a0e2f5e69d5dfa40a62a1bd7b6ee57e6bcd85c67c9b8431b36fff21c437"
#define SHA256_OLD "cba06b5736faf67e54b07b561eae94395e774c517a7d910a54369e1263ccfbd4"

static const struct slot_record new_record = { "2.0", SHA256_NEW, 3 };

START_TEST(test_slots)
{
	struct slot_record record;
	char slot = 'x';
	uint64_t free_bytes = 0;
	ck_assert_int_eq(slots_active(&slots, &slot), 0);
	ck_assert_int_eq(slot, SLOT_NONE);
	ck_assert_int_eq(slots_inactive(slot), 'a');
	ck_assert_int_eq(slots_read_record(&slots, 'a', &record), -ENOENT);
	put(SLOTS_PART_NAME, "new");
	ck_assert_int_eq(slots_install(&slots, 'a', &new_record), 0);
	ck_assert_int_eq(slots_active(&slots, &slot), 0);
	ck_assert_int_eq(slot, SLOT_NONE); /* installed is not in force */
	ck_assert_int_eq(slots_activate(&slots, 'a'), 0);
	ck_assert_int_eq(slots_active(&slots, &slot), 0);
	ck_assert_int_eq(slot, 'a');
	ck_assert(holds("active", "new")); /* the link leads to the image */
	ck_assert_int_eq(slots_inactive(slot), 'b');
	ck_assert_int_eq(slots_inactive('b'), 'a');
	ck_assert_int_eq(slots_read_record(&slots, 'a', &record), 0);
	ck_assert_str_eq(record.version, "2.0");
	ck_assert_str_eq(record.sha256, SHA256_NEW);
	ck_assert_uint_eq(record.bytes, 3);
	ck_assert_int_eq(slots_free_bytes(&slots, &free_bytes), 0);
	ck_assert_uint_gt(free_bytes, 0);
}
END_TEST

START_TEST(test_slots_again)
{
	char slot;
	/* What a power cut may leave behind at each step must not stand in the way of doing it again. */
	put(".active.new", "");
	put("slot-a.img", "new");
	ck_assert_int_eq(slots_install(&slots, 'a', &new_record), 0);
	ck_assert_int_eq(slots_activate(&slots, 'a'), 0);
	ck_assert_int_eq(slots_activate(&slots, 'a'), 0);
	ck_assert_int_eq(slots_active(&slots, &slot), 0);
	ck_assert_int_eq(slot, 'a');
	ck_assert_int_eq(slots_drop_part(&slots), 0);
}
END_TEST

START_TEST(test_slots_wrong)
{
	char slot = 'x';
	struct slot_record record;
	ck_assert_int_eq(slots_install(&slots, 'b', &new_record), -ENOENT);
	put("slot-b.img", "old"); /* of the same size, but not the image */
	ck_assert_int_eq(slots_install(&slots, 'b', &new_record), -ENOENT);
	ck_assert_int_eq(slots_read_record(&slots, 'b', &record), -ENOENT);
	ck_assert_int_eq(symlinkat("/etc/passwd", slots.dir_fd, "active"), 0);
	ck_assert_int_eq(slots_active(&slots, &slot), -EBADMSG);
	ck_assert_int_eq(unlinkat(slots.dir_fd, "active", 0), 0);
	put("active", "slot-a.img");
	ck_assert_int_eq(slots_active(&slots, &slot), -EBADMSG);
	ck_assert_int_eq(slot, 'x');
	put("slot-a.json", "{\"version\":\"1");
	ck_assert_int_eq(slots_read_record(&slots, 'a', &record), -EBADMSG);
}
END_TEST

static const struct state installing = {
	.schema = STATE_SCHEMA,
	.id = "c1",
	.version = "2.0",
	.slot = "b",
	.sha256 = SHA256_NEW,
	.bytes = 3,
};

START_TEST(test_state)
{
	struct state state, loaded;
	ck_assert_int_eq(state_load(slots.dir_fd, &state), 0);
	ck_assert_int_eq(state_phase(&state), PHASE_IDLE);
	state = installing;
	struct devbus_error error = { "checksum", "other bytes" };
	state_set_error(&state, &error);
	ck_assert_int_eq(state_enter(slots.dir_fd, &state, PHASE_FAILED), 0);
	ck_assert_int_eq(state_load(slots.dir_fd, &loaded), 0);
	ck_assert_int_eq(state_phase(&loaded), PHASE_FAILED);
	ck_assert_str_eq(loaded.id, "c1");
	ck_assert_str_eq(loaded.slot, "b");
	ck_assert_uint_eq(loaded.bytes, 3);
	ck_assert_str_eq(loaded.error_code, "checksum");
	ck_assert_str_eq(loaded.error_message, "other bytes");
	ck_assert_uint_eq(strlen(loaded.changed), DEVBUS_TIME_SIZE - 1);
}
END_TEST

static const char *const damaged[] = {
	"",
	"{",
	"[]",
	"{\"schema\":1}",
	"{\"schema\":2,\"phase\":\"idle\"}",
	"{\"schema\":1,\"phase\":\"flying\"}",
};

START_TEST(test_state_damaged)
{
	struct state state = { .id = "kept" };
	put("state.json", damaged[_i]);
	ck_assert_int_eq(state_load(slots.dir_fd, &state), -EBADMSG);
	ck_assert_str_eq(state.id, "kept");
}
END_TEST

START_TEST(test_state_not_writable)
{
	struct state state = installing;
	ck_assert_int_eq(state_enter(slots.dir_fd, &state, PHASE_DOWNLOADING), 0);
	ck_assert_int_eq(mkdirat(slots.dir_fd, ".state.json.new", 0700), 0);
	ck_assert_int_lt(state_enter(slots.dir_fd, &state, PHASE_INSTALLING), 0);
	ck_assert_int_eq(unlinkat(slots.dir_fd, ".state.json.new", AT_REMOVEDIR), 0);
	ck_assert_int_eq(state_load(slots.dir_fd, &state), 0);
	ck_assert_int_eq(state_phase(&state), PHASE_DOWNLOADING); /* the old file is whole */
}
END_TEST

/* ---- what a start makes of each thing that a crash can leave */

static const struct {
	enum phase phase;
	const char *part, *image; /* NULL: no such file */
	enum phase after;
	char active;
} crashes[] = {
	{ PHASE_IDLE, NULL, "old", PHASE_IDLE, 'a' },
	{ PHASE_DOWNLOADING, "ne", "old", PHASE_DOWNLOADING, 'a' },
	{ PHASE_INSTALLING, "new", "old", PHASE_SUCCEEDED, 'b' },
	{ PHASE_INSTALLING, "new", NULL, PHASE_SUCCEEDED, 'b' },
	{ PHASE_INSTALLING, NULL, "new", PHASE_SUCCEEDED, 'b' },
	{ PHASE_INSTALLING, NULL, "old", PHASE_FAILED, 'a' },
	{ PHASE_INSTALLING, NULL, NULL, PHASE_FAILED, 'a' },
	{ PHASE_SUCCEEDED, NULL, "new", PHASE_SUCCEEDED, 'a' },
	{ PHASE_FAILED, "n", "old", PHASE_FAILED, 'a' },
};

START_TEST(test_recover)
{
	struct state state = installing;
	struct slot_record record;
	char active;
	put("slot-a.img", "run");
	ck_assert_int_eq(slots_activate(&slots, 'a'), 0);
	if (crashes[_i].part)
		put(SLOTS_PART_NAME, crashes[_i].part);
	if (crashes[_i].image)
		put("slot-b.img", crashes[_i].image);
	ck_assert_int_eq(state_enter(slots.dir_fd, &state, crashes[_i].phase), 0);
	for (int again = 0; again < 2; again++) {
		ck_assert_int_eq(state_load(slots.dir_fd, &state), 0);
		ck_assert_int_eq(state_recover(slots.dir_fd, &slots, &state), 0);
		ck_assert_int_eq(state_phase(&state), crashes[_i].after);
		ck_assert_int_eq(slots_active(&slots, &active), 0);
		ck_assert_int_eq(active, crashes[_i].active);
		ck_assert(!holds(SLOTS_PART_NAME, crashes[_i].part ? crashes[_i].part : "-"));
	}
	if (active == 'b') {
		ck_assert(holds("active", "new"));
		ck_assert_int_eq(slots_read_record(&slots, 'b', &record), 0);
		ck_assert_str_eq(record.version, "2.0");
	} else {
		ck_assert(holds("active", "run"));
	}
}
END_TEST

START_TEST(test_folder)
{
	char deep[PATH_MAX];
	snprintf(deep, sizeof(deep), "%.1000s/x/y", folder);
	int fd = devbus_folder(AT_FDCWD, deep);
	ck_assert_int_ge(fd, 0);
	close(fd);
	ck_assert_int_eq(rmdir(deep), 0);
	snprintf(deep, sizeof(deep), "%.1000s/x", folder);
	ck_assert_int_eq(rmdir(deep), 0);
	ck_assert_int_eq(devbus_folder(AT_FDCWD, ""), -EINVAL);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("firmware");
	TCase *decisions = tcase_create("decisions");
	tcase_add_loop_test(decisions, test_version_order, 0, LENGTH(versions));
	tcase_add_test(decisions, test_version_form);
	tcase_add_loop_test(decisions, test_order, 0, LENGTH(orders));
	tcase_add_test(decisions, test_percent);
	tcase_add_test(decisions, test_progress_pace);
	suite_add_tcase(suite, decisions);
	TCase *disk = tcase_create("disk");
	tcase_add_checked_fixture(disk, set_up, tear_down);
	tcase_add_test(disk, test_slots);
	tcase_add_test(disk, test_slots_again);
	tcase_add_test(disk, test_slots_wrong);
	tcase_add_test(disk, test_state);
	tcase_add_loop_test(disk, test_state_damaged, 0, LENGTH(damaged));
	tcase_add_test(disk, test_state_not_writable);
	tcase_add_loop_test(disk, test_recover, 0, LENGTH(crashes));
	tcase_add_test(disk, test_folder);
	suite_add_tcase(suite, disk);
	return unit_main(suite);
}
