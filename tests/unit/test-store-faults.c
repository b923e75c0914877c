// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * The store when the world fails: killed in the middle of a write, disk full, file system read-only, memory short. After each
 * of them, everything that was acknowledged is there and the next write works.
 */
#include "store-folder.h"
#include "store.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define KILLS 30
#define NOBODY 65534

static int add_numbered(struct store *store, int number)
{
	char id[16], event[64];

	snprintf(id, sizeof(id), "%d", number);
	snprintf(event, sizeof(event), "accepted %d", number);
	return store_command_add(store, &(struct store_command) { .id = id,
						.method = "m",
						.args = "{\"some\":\"arguments\"}",
						.event = event,
						.seq = store_next_seq(store),
						.wall_ms = number });
}

static int finish_numbered(struct store *store, int number)
{
	char id[16], event[64];

	snprintf(id, sizeof(id), "%d", number);
	snprintf(event, sizeof(event), "succeeded %d", number);
	return store_command_update(store, &(struct store_command) { .id = id,
						   .event = event,
						   .seq = store_next_seq(store),
						   .final = true,
						   .wall_ms = number });
}

struct wanted {
	int number;
	bool final;
	uint64_t next_seq;
};

static void check_numbered(const struct store_command *record, void *userdata)
{
	const struct wanted *wanted = userdata;
	char event[64];

	/* The last acknowledgement may have been on its way: final may be true before it is known. */
	ck_assert(record->final || !wanted->final);
	snprintf(event, sizeof(event), "%s %d", record->final ? "succeeded" : "accepted", wanted->number);
	ck_assert_str_eq(record->event, event);
	ck_assert_uint_lt(record->seq, wanted->next_seq);
}

static void check_there(struct store *store, int number, bool final)
{
	struct wanted wanted = { .number = number, .final = final, .next_seq = store_next_seq(store) };
	char id[16];

	snprintf(id, sizeof(id), "%d", number);
	ck_assert_msg(store_command_find(store, id, check_numbered, &wanted) == 0, "%s is gone", id);
}

/* ---- killed */

/* What the child tells about each write that is done. */
struct acknowledgement {
	int number;
	bool final;
	uint64_t incarnation;
};

/* Writes until it is killed. */
static void write_for_ever(int number, int fd)
{
	struct acknowledgement acknowledgement = { .number = number };
	struct store *store;
	struct store_report report = { 0 };

	if (store_open(store_path(""), &store, &report) < 0 || report.damaged ||
		store_next_incarnation(store, &acknowledgement.incarnation) < 0)
		_exit(1);
	for (;; acknowledgement.number++) {
		if (add_numbered(store, acknowledgement.number) < 0)
			_exit(2);
		acknowledgement.final = false;
		if (write(fd, &acknowledgement, sizeof(acknowledgement)) < 0 ||
			finish_numbered(store, acknowledgement.number) < 0)
			_exit(3);
		acknowledgement.final = true;
		if (write(fd, &acknowledgement, sizeof(acknowledgement)) < 0)
			_exit(4);
	}
}

/* Lets a child write until @count writes are done, kills it, and gives its last acknowledgement. */
static struct acknowledgement write_and_kill(int number, int count)
{
	struct acknowledgement acknowledgement = { .number = -1 };
	int ends[2], status;
	pid_t child;

	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
	child = fork();
	ck_assert_int_ge(child, 0);
	if (child == 0)
		write_for_ever(number, ends[1]);
	close(ends[1]);
	for (int i = 0; read(ends[0], &acknowledgement, sizeof(acknowledgement)) > 0; i++)
		if (i == count)
			kill(child, SIGKILL);
	close(ends[0]);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "status %d", status);
	return acknowledgement;
}

START_TEST(test_killed)
{
	uint64_t incarnation = 0;
	int number = 0, known = 0;

	for (int i = 0; i < KILLS; i++) {
		/* Odd counts too, so that it dies behind each of the two writes. */
		const struct acknowledgement last = write_and_kill(number, i * 3);
		struct store *store = open_store();

		ck_assert_uint_gt(last.incarnation, incarnation);
		incarnation = last.incarnation;
		for (; known < last.number; known++)
			if (known >= number)
				check_there(store, known, true);
		check_there(store, last.number, last.final);
		/* What was under way may be there or not; the next child begins behind it. */
		number = known = last.number + 2;
		store_close(store);
	}
}
END_TEST

/* ---- disk full */

/* Adds until the disk is full; gives the number that failed. */
static int fill(struct store *store, int number)
{
	for (int r; number < 100000; number++)
		if ((r = add_numbered(store, number)) < 0) {
			ck_assert_int_eq(r, -ENOSPC);
			return number;
		}
	ck_abort_msg("never full");
}

static void check_full_and_healed(struct store *store, int full, void (*make_room)(void))
{
	uint64_t seq, ignored;
	size_t count;
	int r;

	for (int i = 0; i < full; i++)
		check_there(store, i, false);
	ck_assert_int_eq(add_numbered(store, full), -ENOSPC);
	/* A smaller write may still fit. */
	while ((r = store_take_seq(store, &ignored)) == 0)
		;
	ck_assert_int_eq(r, -ENOSPC);
	seq = store_next_seq(store);
	ck_assert_int_eq(add_numbered(store, full), -ENOSPC);
	ck_assert_uint_eq(store_next_seq(store), seq);
	make_room();
	for (int i = full; i < full + 1000; i++)
		ck_assert_int_eq(add_numbered(store, i), 0);
	ck_assert_int_eq(finish_numbered(store, 0), 0);
	ck_assert_int_eq(store_next_incarnation(store, &ignored), 0);
	ck_assert_int_eq(store_command_prune(store, INT64_MAX, 0, &count), 0);
	ck_assert_uint_eq(count, (size_t)full + 999);
	store_close(store);
	store = open_store();
	for (int i = 1; i < full + 1000; i++)
		check_there(store, i, false);
	store_close(store);
}

static void raise_limit(void)
{
	struct rlimit limit;

	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = limit.rlim_max;
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

START_TEST(test_file_limit)
{
	struct store *store = open_store();
	struct rlimit limit;

	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = 100 * 1024;
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	check_full_and_healed(store, fill(store, 0), raise_limit);
}
END_TEST

/* Puts a small file system of our own over the folder, gone with this process. False where that is not allowed. */
static bool mount_small(const char *options)
{
	return unshare(CLONE_NEWNS) == 0 && mount("none", "/", "none", MS_REC | MS_PRIVATE, "") == 0 &&
	       mount("tmpfs", store_folder, "tmpfs", 0, options) == 0;
}

static void enlarge(void)
{
	ck_assert_int_eq(mount("none", store_folder, "none", MS_REMOUNT, "size=16m"), 0);
}

static void unmount(void)
{
	ck_assert_int_eq(umount2(store_folder, MNT_DETACH), 0);
}

START_TEST(test_disk_full)
{
	struct store *store;

	if (!mount_small("size=512k"))
		return;
	store = open_store();
	check_full_and_healed(store, fill(store, 0), enlarge);
	unmount();
}
END_TEST

/* Full from the beginning: no half-made file may be taken for a damaged one later. */
START_TEST(test_disk_full_when_opened)
{
	char size[32];
	int r = -ENOSPC;

	for (int pages = 1; r == -ENOSPC && pages < 100; pages++) {
		struct store *store = NULL;
		struct store_report report = { 0 };
		snprintf(size, sizeof(size), "size=%d,nr_inodes=8", pages * 4096);
		if (pages == 1 && !mount_small(size))
			return;
		if (pages > 1)
			ck_assert_int_eq(mount("none", store_folder, "none", MS_REMOUNT, size), 0);
		r = store_open(store_path(""), &store, &report);
		ck_assert_msg(r == 0 || r == -ENOSPC, "%d pages: %d", pages, r);
		ck_assert_int_eq(report.damaged, 0);
		store_close(store);
	}
	ck_assert_int_eq(r, 0);
	unmount();
}
END_TEST

/* ---- read-only */

START_TEST(test_read_only_file_system)
{
	struct store *store;

	if (!mount_small("size=512k"))
		return;
	ck_assert_int_eq(mount("none", store_folder, "none", MS_REMOUNT | MS_RDONLY, ""), 0);
	ck_assert_int_eq(store_open(store_path(""), &store, NULL), -EROFS);
	ck_assert_int_eq(mount("none", store_folder, "none", MS_REMOUNT, ""), 0);
	store_close(open_store());
	ck_assert_int_eq(mount("none", store_folder, "none", MS_REMOUNT | MS_RDONLY, ""), 0);
	ck_assert_int_eq(store_open(store_path(""), &store, NULL), -EROFS);
	unmount();
}
END_TEST

/* What store_open() returns for a user who is not root. */
static int open_as_nobody(void)
{
	struct store *store = NULL;
	int status, r;
	const pid_t child = fork();

	if (child == 0) {
		if (geteuid() == 0 && (setgid(NOBODY) < 0 || setuid(NOBODY) < 0))
			_exit(255);
		r = store_open(store_path(""), &store, NULL);
		store_close(store);
		_exit(-r);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFEXITED(status));
	return -WEXITSTATUS(status);
}

static void give_to_nobody(const char *path)
{
	if (geteuid() == 0)
		ck_assert_int_eq(chown(path, NOBODY, NOBODY), 0);
}

START_TEST(test_folder_without_rights)
{
	give_to_nobody(store_folder);
	ck_assert_int_eq(chmod(store_folder, 0500), 0);
	ck_assert_int_eq(open_as_nobody(), -EACCES);
	ck_assert_int_eq(chmod(store_folder, 0700), 0);
	ck_assert_int_eq(open_as_nobody(), 0);
	/* The file may be written, but nothing may be put beside it. */
	ck_assert_int_eq(chmod(store_folder, 0500), 0);
	ck_assert_int_eq(open_as_nobody(), -EACCES);
	ck_assert_int_eq(chmod(store_folder, 0700), 0);
	ck_assert_int_eq(chmod(store_path(""), 0400), 0);
	ck_assert_int_eq(open_as_nobody(), -EACCES);
	ck_assert_int_eq(access(store_path(".damaged-1"), F_OK), -1);
}
END_TEST

START_TEST(test_no_folder)
{
	struct store *store;

	ck_assert_int_eq(store_open("/nowhere/store.db", &store, NULL), -ENOENT);
	ck_assert_int_eq(store_open(store_folder, &store, NULL), -EISDIR);
}
END_TEST

/* ---- memory */

START_TEST(test_short_memory_when_opened)
{
	int r = -ENOMEM;

	for (sqlite3_int64 limit = 1024; r == -ENOMEM && limit < (1 << 20); limit += 1024) {
		struct store *store = NULL;
		struct store_report report = { 0 };
		sqlite3_hard_heap_limit64(limit);
		r = store_open(store_path(""), &store, &report);
		ck_assert_msg(r == 0 || r == -ENOMEM, "%lld bytes: %d", limit, r);
		ck_assert_int_eq(report.damaged, 0);
		store_close(store);
		sqlite3_hard_heap_limit64(0);
	}
	ck_assert_int_eq(r, 0);
	store_close(open_store());
}
END_TEST

START_TEST(test_short_memory_when_written)
{
	struct store *store = open_store();
	int number = 0, failures = 0;

	for (sqlite3_int64 spare = 0; spare < 16 * 1024; spare += 64) {
		int r;
		sqlite3_hard_heap_limit64(sqlite3_memory_used() + spare);
		r = add_numbered(store, number);
		sqlite3_hard_heap_limit64(0);
		ck_assert_msg(r == 0 || r == -ENOMEM, "%d", r);
		if (r == 0)
			check_there(store, number++, false);
		failures += r < 0;
		ck_assert_int_eq(add_numbered(store, number++), 0);
	}
	ck_assert_int_gt(failures, 0);
	store_close(store);
	store = open_store();
	for (int i = 0; i < number; i++)
		check_there(store, i, false);
	store_close(store);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("store-faults");
	TCase *tests = tcase_create("store-faults");

	suite_add_tcase(suite, tests);
	tcase_set_timeout(tests, 120);
	tcase_add_checked_fixture(tests, make_store_folder, remove_store_folder);
	tcase_add_test(tests, test_killed);
	tcase_add_test(tests, test_file_limit);
	tcase_add_test(tests, test_disk_full);
	tcase_add_test(tests, test_disk_full_when_opened);
	tcase_add_test(tests, test_read_only_file_system);
	tcase_add_test(tests, test_folder_without_rights);
	tcase_add_test(tests, test_no_folder);
	tcase_add_test(tests, test_short_memory_when_opened);
	tcase_add_test(tests, test_short_memory_when_written);
	return unit_main(suite);
}
