// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* The firmware service's decisions and what it keeps on disk: versions, orders, progress, the record of an update. */
#include "../../services/firmware/order.h"
#include "../../services/firmware/progress.h"
#include "../../services/firmware/record.h"
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
	const char *version; /* that runs */
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

/* ---- the record, in a folder of its own */

static char folder[PATH_MAX];
static int folder_fd;

static void set_up(void)
{
	const char *base = getenv("TMPDIR");
	snprintf(folder, sizeof(folder), "%s/devbus-firmware-XXXXXX", base ? base : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	folder_fd = devbus_folder(AT_FDCWD, folder);
	ck_assert_int_ge(folder_fd, 0);
}

static void tear_down(void)
{
	static const char *const names[] = { "state.json", ".state.json.new" };
	for (int i = 0; i < LENGTH(names); i++)
		unlinkat(folder_fd, names[i], 0);
	close(folder_fd);
	ck_assert_msg(rmdir(folder) == 0, "something was left in %s", folder);
}

static void put(const char *name, const char *text)
{
	int fd = openat(folder_fd, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static const struct order an_order = { "https://h/i", HASH, "2.0", 5, true };

START_TEST(test_record)
{
	struct record record, loaded;
	struct order order;
	ck_assert_int_eq(record_load(folder_fd, &record), 0);
	ck_assert_int_eq(record_state(&record), STATE_IDLE);
	record_begin(&record, &an_order, "c1");
	record_set_error(&record, "checksum", "%s bytes", "other");
	ck_assert_int_eq(record_save(folder_fd, &record, STATE_ACCEPTED, "boot-1"), 0);
	ck_assert_int_eq(record_save(folder_fd, &record, STATE_ROLLING_BACK, "boot-2"), 0);
	ck_assert_int_eq(record_load(folder_fd, &loaded), 0);
	ck_assert_int_eq(record_state(&loaded), STATE_ROLLING_BACK);
	ck_assert_str_eq(loaded.id, "c1");
	ck_assert_str_eq(loaded.boot_id, "boot-2");
	ck_assert_uint_eq(loaded.writes, 2);
	ck_assert_str_eq(loaded.error_code, "checksum");
	ck_assert_str_eq(loaded.error_message, "other bytes");
	ck_assert_uint_eq(strlen(loaded.changed), DEVBUS_TIME_SIZE - 1);
	record_order(&loaded, &order);
	ck_assert_int_eq(memcmp(&order, &an_order, sizeof(order)), 0);
}
END_TEST

static const char *const damaged[] = {
	"",
	"{",
	"[]",
	"{\"schema\":2}",
	"{\"schema\":1,\"phase\":\"idle\",\"state\":\"idle\"}",
	"{\"schema\":2,\"state\":\"flying\"}",
};

/* What a hook says in its own words, or in none, must not keep a state from the disk. */
static const struct odd {
	const char *said, *kept;
} odd_words[] = {
	{ "Ger\xc3\xa4t", "Ger\xc3\xa4t" },
	{ "Ger\xe4t", "Ger?t" },
	{ "\xff\xfe\x80", "???" },
	{ "cut \xe2\x82", "cut ??" },
};

START_TEST(test_record_of_odd_words)
{
	struct record record, loaded;
	ck_assert_int_eq(record_load(folder_fd, &record), 0);
	record_begin(&record, &an_order, "c1");
	record_set_error(&record, "io-error", "%s", odd_words[_i].said);
	ck_assert_int_eq(record_save(folder_fd, &record, STATE_ROLLING_BACK, "boot-1"), 0);
	ck_assert_int_eq(record_load(folder_fd, &loaded), 0);
	ck_assert_str_eq(loaded.error_message, odd_words[_i].kept);
}
END_TEST

/* What had room in the struct must have room when it comes back, whatever was put for its bytes. */
START_TEST(test_record_of_many_words)
{
	struct record record, loaded;
	ck_assert_int_eq(record_load(folder_fd, &record), 0);
	record_begin(&record, &an_order, "c1");
	memset(record.error_message, 0xe4, sizeof(record.error_message) - 1);
	ck_assert_int_eq(record_save(folder_fd, &record, STATE_ROLLING_BACK, "boot-1"), 0);
	ck_assert_int_eq(record_load(folder_fd, &loaded), 0);
	ck_assert_uint_eq(strlen(loaded.error_message), sizeof(record.error_message) - 1);
}
END_TEST

START_TEST(test_record_damaged)
{
	struct record record = { .id = "kept" };
	put("state.json", damaged[_i]);
	ck_assert_int_eq(record_load(folder_fd, &record), -EBADMSG);
	ck_assert_str_eq(record.id, "kept");
}
END_TEST

START_TEST(test_record_not_writable)
{
	struct record record;
	record_begin(&record, &an_order, NULL);
	ck_assert_int_eq(record_save(folder_fd, &record, STATE_DOWNLOADING, "boot-1"), 0);
	ck_assert_int_eq(mkdirat(folder_fd, ".state.json.new", 0700), 0);
	ck_assert_int_lt(record_save(folder_fd, &record, STATE_INSTALLING, "boot-1"), 0);
	ck_assert_int_eq(unlinkat(folder_fd, ".state.json.new", AT_REMOVEDIR), 0);
	ck_assert_int_eq(record_load(folder_fd, &record), 0);
	ck_assert_int_eq(record_state(&record), STATE_DOWNLOADING); /* the old file is whole */
}
END_TEST

/* ---- what a start makes of it: written in boot-1, source a, target b */

static const struct {
	enum state state;
	const char *boot_id, *booted;
	enum state next;
	const char *code; /* "": no failure */
} resumes[] = {
	{ STATE_IDLE, "boot-2", "a", STATE_IDLE, "" },
	{ STATE_ACCEPTED, "boot-1", "a", STATE_ACCEPTED, "" },
	{ STATE_ACCEPTED, "boot-2", "a", STATE_ACCEPTED, "" },
	{ STATE_DOWNLOADING, "boot-1", "a", STATE_DOWNLOADING, "" },
	{ STATE_DOWNLOADING, "boot-2", "a", STATE_DOWNLOADING, "" },
	{ STATE_VERIFYING, "boot-2", "a", STATE_VERIFYING, "" },
	{ STATE_INSTALLING, "boot-1", "a", STATE_VERIFYING, "" },
	{ STATE_INSTALLING, "boot-2", "a", STATE_VERIFYING, "" },
	{ STATE_INSTALLING, "boot-2", "b", STATE_TESTING, "" },
	{ STATE_INSTALLED, "boot-1", "a", STATE_INSTALLED, "" },
	{ STATE_INSTALLED, "boot-2", "a", STATE_INSTALLED, "" },
	{ STATE_INSTALLED, "boot-2", "b", STATE_TESTING, "" },
	{ STATE_REBOOTING, "boot-1", "a", STATE_REBOOTING, "" }, /* there was no reboot */
	{ STATE_REBOOTING, "boot-2", "b", STATE_TESTING, "" },
	{ STATE_REBOOTING, "boot-2", "a", STATE_ROLLING_BACK, "rolled-back" }, /* the boot loader fell back */
	{ STATE_REBOOTING, "boot-2", "c", STATE_FAILED, "rolled-back" },
	{ STATE_TESTING, "boot-1", "b", STATE_TESTING, "" },
	{ STATE_TESTING, "boot-2", "b", STATE_TESTING, "" },
	{ STATE_TESTING, "boot-2", "a", STATE_ROLLING_BACK, "rolled-back" },
	{ STATE_COMMITTING, "boot-1", "b", STATE_COMMITTING, "" },
	{ STATE_COMMITTING, "boot-2", "b", STATE_COMMITTING, "" },
	{ STATE_COMMITTING, "boot-2", "a", STATE_ROLLING_BACK, "rolled-back" },
	{ STATE_ROLLING_BACK, "boot-1", "b", STATE_ROLLING_BACK, "" },
	{ STATE_ROLLING_BACK, "boot-2", "b", STATE_ROLLING_BACK, "" },
	{ STATE_ROLLING_BACK, "boot-2", "a", STATE_ROLLING_BACK, "rolled-back" },
	{ STATE_SUCCEEDED, "boot-2", "a", STATE_SUCCEEDED, "" },
	{ STATE_FAILED, "boot-2", "b", STATE_FAILED, "" },
	{ STATE_CANCELLED, "boot-2", "a", STATE_CANCELLED, "" },
};

START_TEST(test_resume)
{
	struct record record;
	record_begin(&record, &an_order, "c1");
	snprintf(record.source, sizeof(record.source), "a");
	snprintf(record.target, sizeof(record.target), "b");
	ck_assert_int_eq(record_save(folder_fd, &record, resumes[_i].state, "boot-1"), 0);
	ck_assert_int_eq(record_resume(&record, resumes[_i].boot_id, resumes[_i].booted), resumes[_i].next);
	ck_assert_str_eq(record.error_code, resumes[_i].code);
}
END_TEST

/* The reason that there was is the one that is told. */
START_TEST(test_resume_keeps_reason)
{
	struct record record;
	record_begin(&record, &an_order, "c1");
	snprintf(record.source, sizeof(record.source), "a");
	snprintf(record.target, sizeof(record.target), "b");
	record_set_error(&record, "timeout", "no reboot");
	ck_assert_int_eq(record_save(folder_fd, &record, STATE_ROLLING_BACK, "boot-1"), 0);
	ck_assert_int_eq(record_resume(&record, "boot-2", "a"), STATE_ROLLING_BACK);
	ck_assert_str_eq(record.error_code, "timeout");
}
END_TEST

/* The reboot service asks for a state by these words. */
START_TEST(test_reboot_safe)
{
	static const enum state unsafe[] = { STATE_DOWNLOADING, STATE_VERIFYING, STATE_INSTALLING };
	for (int state = STATE_IDLE; state <= STATE_CANCELLED; state++) {
		bool safe = true;
		for (int i = 0; i < LENGTH(unsafe); i++)
			safe = safe && (int)unsafe[i] != state;
		ck_assert_int_eq(state_is_reboot_safe((enum state)state), safe);
	}
	ck_assert_str_eq(state_name(STATE_DOWNLOADING), "downloading");
	ck_assert_str_eq(state_name(STATE_VERIFYING), "verifying");
	ck_assert_str_eq(state_name(STATE_INSTALLING), "installing");
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
	tcase_add_test(disk, test_record);
	tcase_add_loop_test(disk, test_record_of_odd_words, 0, LENGTH(odd_words));
	tcase_add_test(disk, test_record_of_many_words);
	tcase_add_loop_test(disk, test_record_damaged, 0, LENGTH(damaged));
	tcase_add_test(disk, test_record_not_writable);
	tcase_add_loop_test(disk, test_resume, 0, LENGTH(resumes));
	tcase_add_test(disk, test_resume_keeps_reason);
	tcase_add_test(disk, test_reboot_safe);
	tcase_add_test(disk, test_folder);
	suite_add_tcase(suite, disk);
	return unit_main(suite);
}
