// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* What the reboot service remembers of boots and what it refuses for that; what it believes of the kernel; the event after a boot. */
#include "../../services/reboot/arrival.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct guards guards = {
	.min_uptime_s = 60, .reboots_per_hour = 3, .short_boots_max = 2, .short_boot_s = 600
};

static struct history history;
static struct record record; /* of the newest order */

static void clear(void)
{
	devbus_fields_clear(history_fields, &history);
	memset(&history, 0, sizeof(history));
	memset(&record, 0, sizeof(record));
}

/* A boot, by an order at @uptime_ms of the one before. */
static void ordered_boot(const char *boot_id, uint64_t uptime_ms)
{
	record = (struct record) { .phase = "rebooting", .ordered_ms = uptime_ms };
	snprintf(record.boot_id, sizeof(record.boot_id), "%s", history.boot_id);
	ck_assert_int_eq(history_boot(&history, &record, boot_id, &guards), 0);
}

static void other_boot(const char *boot_id)
{
	ck_assert_int_eq(history_boot(&history, &record, boot_id, &guards), 0);
}

static const char *verdict(uint64_t now_ms, uint64_t delay_ms, bool force)
{
	static struct devbus_error error;
	memset(&error, 0, sizeof(error));
	int r = history_admit(&history, &guards, now_ms, now_ms + delay_ms, force, &error);
	ck_assert_int_eq(r, *error.code ? -EPERM : 0);
	ck_assert_int_eq(*error.code != '\0', *error.message != '\0');
	return error.code;
}

/* ---- guards */

START_TEST(test_minimum_uptime)
{
	other_boot("1");
	ck_assert_str_eq(verdict(59999, 0, false), "too-early");
	ck_assert_str_eq(verdict(60000, 0, false), "");
	ck_assert_str_eq(verdict(1000, 58000, false), "too-early");
	ck_assert_str_eq(verdict(1000, 59000, false), ""); /* it counts when it happens */
	ck_assert_str_eq(verdict(1000, 0, true), "");
}
END_TEST

START_TEST(test_reboots_per_hour)
{
	other_boot("1");
	ordered_boot("2", 1000000); /* at 1000 s of the sum of uptimes */
	ordered_boot("3", 1000000); /* at 2000 s */
	ck_assert_uint_eq(history_orders(&history, 700000), 2);
	ck_assert_str_eq(verdict(700000, 0, false), "");
	ordered_boot("4", 1000000); /* at 3000 s */
	ck_assert_uint_eq(history_orders(&history, 0), 3);
	ck_assert_str_eq(verdict(1599999, 0, false), "rate-limited");
	ck_assert_str_eq(verdict(1599999, 0, true), "rate-limited");
	ck_assert_uint_eq(history_orders(&history, 1600000), 2); /* at 4600 s: an hour after the first */
	ck_assert_str_eq(verdict(1600000, 0, false), "");
}
END_TEST

START_TEST(test_limit_counts_what_was_written_down)
{
	other_boot("1");
	ordered_boot("2", 1000000);
	ordered_boot("3", 1000000);
	ordered_boot("4", 1000000);
	other_boot("5"); /* a power cut: nobody knows how long 4 lasted, so it does not count */
	ck_assert_str_eq(verdict(700000, 0, false), "rate-limited");
	history.last_ms = HISTORY_WINDOW_MS;
	other_boot("6"); /* 5 was told to last an hour */
	ck_assert_str_eq(verdict(700000, 0, false), "");
	ck_assert_uint_eq(history_orders(&history, 0), 0);
}
END_TEST

START_TEST(test_orders_of_long_ago_are_forgotten)
{
	char boot_id[16];
	other_boot("0");
	for (int i = 1; i < 200; i++) {
		snprintf(boot_id, sizeof(boot_id), "%d", i);
		ordered_boot(boot_id, 1000);
		ck_assert_uint_le(devbus_json_count(history.orders), 61);
	}
	ordered_boot("last", HISTORY_WINDOW_MS);
	ck_assert_uint_eq(devbus_json_count(history.orders), 1);
}
END_TEST

START_TEST(test_boot_is_noted_once)
{
	other_boot("1");
	ordered_boot("2", 1000);
	ck_assert_int_eq(history_boot(&history, &record, "2", &guards), 0);
	ck_assert_uint_eq(history_orders(&history, 0), 1);
	ck_assert_uint_eq(history.base_ms, 1000);
	ck_assert_uint_eq(history.short_boots, 1);
}
END_TEST

START_TEST(test_loop)
{
	other_boot("1");
	ck_assert_uint_eq(history.short_boots, 0); /* of what was before the first nobody knows */
	ordered_boot("2", 1000);
	ck_assert_str_eq(verdict(100000, 0, false), "");
	other_boot("3"); /* whoever causes it */
	ck_assert_uint_eq(history.short_boots, 2);
	ck_assert_str_eq(verdict(599999, 0, false), "reboot-loop");
	ck_assert_str_eq(verdict(599999, 3600000, true), "reboot-loop");
	ck_assert_str_eq(verdict(600000, 0, false), "");
	history.last_ms = 600000; /* the mark */
	other_boot("4");
	ck_assert_uint_eq(history.short_boots, 0);
	ck_assert_str_eq(verdict(100000, 0, false), "");
}
END_TEST

START_TEST(test_no_limits)
{
	static const struct guards none = { .short_boot_s = 600 };
	struct devbus_error error;
	other_boot("1");
	ordered_boot("2", 1);
	ordered_boot("3", 1);
	ordered_boot("4", 1);
	ck_assert_int_eq(history_admit(&history, &none, 0, 0, false, &error), 0);
	ck_assert(!history_loops(&history, &none, 0));
}
END_TEST

START_TEST(test_marks)
{
	ck_assert_uint_eq(history_next_mark_ms(&guards, 0), 600000);
	ck_assert_uint_eq(history_next_mark_ms(&guards, 599999), 1);
	ck_assert_uint_eq(history_next_mark_ms(&guards, 600000), 3000000);
	ck_assert_uint_eq(history_next_mark_ms(&guards, 3600000), 0);
}
END_TEST

/* ---- what the kernel says */

static char root[64];

static void make_root(void)
{
	snprintf(root, sizeof(root), "/tmp/devbus-reboot-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(root));
	clear();
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *place)
{
	(void)status, (void)type, (void)place;
	return remove(path);
}

static void remove_root(void)
{
	nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	clear();
}

/* A file @path below the root, with its folders, @age_s seconds before 2026. */
static void put(const char *path, const char *text, int age_s)
{
	const struct timespec then[2] = { { .tv_sec = 1767225600 - age_s },
		{ .tv_sec = 1767225600 - age_s } };
	char full[256];
	snprintf(full, sizeof(full), "%s/%s", root, path);
	for (char *slash = full + strlen(root) + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		ck_assert(mkdir(full, 0700) == 0 || errno == EEXIST);
		*slash = '/';
	}
	int fd = open(full, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	ck_assert_int_eq(futimens(fd, then), 0);
	close(fd);
}

static const struct {
	const char *path, *text;
	enum cause cause;
	const char *evidence;
} words[] = {
	{ "sys/class/watchdog/watchdog0/bootstatus", "0\n", CAUSE_UNKNOWN, "" },
	{ "sys/class/watchdog/watchdog0/bootstatus", "32\n", CAUSE_WATCHDOG,
		"/sys/class/watchdog/watchdog0/bootstatus: 32" },
	{ "sys/class/watchdog/watchdog1/bootstatus", "0x30\n", CAUSE_WATCHDOG,
		"/sys/class/watchdog/watchdog1/bootstatus: 0x30" },
	{ "sys/class/watchdog/watchdog0/bootstatus", "16\n", CAUSE_POWER,
		"/sys/class/watchdog/watchdog0/bootstatus: 16" },
	{ "sys/class/watchdog/watchdog0/bootstatus", "1\n", CAUSE_UNKNOWN,
		"" }, /* overheated: not why it was reset */
	{ "sys/class/watchdog/watchdog0/bootstatus", "", CAUSE_UNKNOWN, "" },
	{ "sys/devices/platform/rstc/power_on_reason", "regular power-up\n", CAUSE_POWER,
		"/sys/devices/platform/rstc/power_on_reason: regular power-up" },
	{ "sys/devices/platform/soc/f8.rstc/power_on_reason", "watchdog timeout\n", CAUSE_WATCHDOG,
		"/sys/devices/platform/soc/f8.rstc/power_on_reason: watchdog timeout" },
	{ "sys/devices/platform/soc/apb/f8.rstc/power_on_reason", "reset button action\n", CAUSE_UNKNOWN,
		"/sys/devices/platform/soc/apb/f8.rstc/power_on_reason: reset button action" },
	{ "sys/fs/pstore/dmesg-ramoops-0", "Panic#1 Part1\n", CAUSE_PANIC, "dmesg-ramoops-0" },
	{ "var/lib/systemd/pstore/dmesg-efi-17", "", CAUSE_PANIC, "dmesg-efi-17" },
	{ "var/lib/systemd/pstore/17/dmesg-efi-17", "", CAUSE_PANIC, "dmesg-efi-17" },
	{ "var/lib/systemd/pstore/17/dmesg-efi-17/x", "", CAUSE_UNKNOWN, "" }, /* a folder */
	{ "sys/fs/pstore/console-ramoops-0", "", CAUSE_UNKNOWN, "" },
};

START_TEST(test_evidence)
{
	struct evidence evidence;
	put(words[_i].path, words[_i].text, 0);
	evidence_read(root, "", &evidence);
	ck_assert_int_eq(evidence.cause, words[_i].cause);
	ck_assert_str_eq(evidence.text, words[_i].evidence);
}
END_TEST

START_TEST(test_no_evidence)
{
	struct evidence evidence;
	evidence_read("/no/such/folder", "", &evidence);
	ck_assert_int_eq(evidence.cause, CAUSE_UNKNOWN);
	ck_assert_str_eq(evidence.text, "");
	ck_assert_str_eq(evidence.crash, "");
}
END_TEST

START_TEST(test_strongest_word)
{
	struct evidence evidence;
	put("sys/class/watchdog/watchdog0/bootstatus", "16\n", 0);
	put("sys/class/watchdog/watchdog1/bootstatus", "32\n", 0);
	put("sys/devices/platform/rstc/power_on_reason", "software reset\n", 0);
	evidence_read(root, "", &evidence);
	ck_assert_int_eq(evidence.cause, CAUSE_WATCHDOG);
	ck_assert_str_eq(evidence.text, "/sys/class/watchdog/watchdog1/bootstatus: 32");
}
END_TEST

START_TEST(test_crash_is_told_once)
{
	struct evidence first, again, newer, fewer;
	char path[128];
	put("sys/fs/pstore/dmesg-ramoops-0", "", 500);
	evidence_read(root, "", &first);
	ck_assert_int_eq(first.cause, CAUSE_PANIC);
	evidence_read(root, first.crash, &again);
	ck_assert_int_eq(again.cause, CAUSE_UNKNOWN);
	ck_assert_str_eq(again.crash, first.crash);
	put("sys/fs/pstore/dmesg-ramoops-1", "", 100);
	evidence_read(root, first.crash, &newer);
	ck_assert_int_eq(newer.cause, CAUSE_PANIC);
	snprintf(path, sizeof(path), "%s/sys/fs/pstore/dmesg-ramoops-1", root);
	ck_assert_int_eq(unlink(path), 0);
	evidence_read(root, newer.crash, &fewer); /* the old one comes to light again */
	ck_assert_int_eq(fewer.cause, CAUSE_UNKNOWN);
}
END_TEST

/* ---- the event */

static const struct record order = {
	.phase = "rebooting",
	.id = "c1",
	.boot_id = "1",
	.reason = "why",
	.wall_ms = 1000000,
};

static const struct {
	const struct record *record;
	const char *old_boot_id;
	enum cause cause;
	uint64_t wall_ms;
	const char *told, *id;
	uint64_t down_ms;
} events[] = {
	{ &order, "1", CAUSE_UNKNOWN, 1030000, "ordered", "c1", 30000 },
	{ &order, "1", CAUSE_WATCHDOG, 1030000, "ordered", "c1", 30000 }, /* it hung on its way down */
	{ &order, "1", CAUSE_UNKNOWN, 0, "ordered", "c1", 0 }, /* the clock is not set yet */
	{ &order, "1", CAUSE_UNKNOWN, 999999, "ordered", "c1", 0 }, /* it went back */
	{ NULL, "1", CAUSE_WATCHDOG, 1030000, "watchdog", "", 0 },
	{ NULL, "1", CAUSE_UNKNOWN, 1030000, "unknown", "", 0 },
	{ &order, "2", CAUSE_POWER, 1030000, "power", "", 0 },
};

START_TEST(test_event)
{
	struct evidence evidence = { .cause = events[_i].cause, .text = "words" };
	struct boot_event event;
	arrival_event(&event, events[_i].record, events[_i].old_boot_id, "3", &evidence, events[_i].wall_ms);
	ck_assert_str_eq(event.cause, events[_i].told);
	ck_assert_str_eq(event.id, events[_i].id);
	ck_assert_str_eq(event.reason, *event.id ? "why" : "");
	ck_assert_str_eq(event.evidence, "words");
	ck_assert_str_eq(event.old_boot_id, events[_i].old_boot_id);
	ck_assert_str_eq(event.new_boot_id, "3");
	ck_assert_uint_eq(event.down_ms, events[_i].down_ms);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("reboot-guards");
	TCase *all = tcase_create("guards");
	tcase_add_checked_fixture(all, clear, clear);
	tcase_add_test(all, test_minimum_uptime);
	tcase_add_test(all, test_reboots_per_hour);
	tcase_add_test(all, test_limit_counts_what_was_written_down);
	tcase_add_test(all, test_orders_of_long_ago_are_forgotten);
	tcase_add_test(all, test_boot_is_noted_once);
	tcase_add_test(all, test_loop);
	tcase_add_test(all, test_no_limits);
	tcase_add_test(all, test_marks);
	tcase_add_loop_test(all, test_event, 0, LENGTH(events));
	suite_add_tcase(suite, all);
	TCase *kernel = tcase_create("kernel");
	tcase_add_checked_fixture(kernel, make_root, remove_root);
	tcase_add_loop_test(kernel, test_evidence, 0, LENGTH(words));
	tcase_add_test(kernel, test_no_evidence);
	tcase_add_test(kernel, test_strongest_word);
	tcase_add_test(kernel, test_crash_is_told_once);
	suite_add_tcase(suite, kernel);
	return unit_main(suite);
}
