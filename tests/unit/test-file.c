// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * Small files that survive: whoever looks, at whatever instant, finds the whole old text or the whole new one. The linker puts the function
 * below in place of fsync(), to see what is made durable.
 */
#include "json-text.h"
#include "unit.h"
#include <devbus/file.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

int __real_fsync(int fd);
int __wrap_fsync(int fd);

static ino_t synced[64];
static int synced_count, failing; /* this one fails, the first is 1; 0: none */

int __wrap_fsync(int fd)
{
	struct stat status;

	if (synced_count + 1 == failing) {
		synced_count++;
		errno = EIO;
		return -1;
	}
	if (fstat(fd, &status) == 0 && synced_count < LENGTH(synced))
		synced[synced_count++] = status.st_ino;
	return __real_fsync(fd);
}

static bool was_synced(const char *path)
{
	struct stat status;

	ck_assert_msg(stat(path, &status) == 0, "%s", path);
	for (int i = 0; i < synced_count; i++)
		if (synced[i] == status.st_ino)
			return true;
	return false;
}

static char top[] = "/tmp/devbus-test-file-XXXXXX";
static int folder;

static void set_up(void)
{
	ck_assert_ptr_nonnull(mkdtemp(top));
	ck_assert_int_eq(chdir(top), 0);
	folder = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void tear_down(void)
{
	char command[64];

	close(folder);
	snprintf(command, sizeof command, "rm -rf %s", top);
	ck_assert_int_eq(system(command), 0);
}

static int write_text(const char *text)
{
	return devbus_file_write(folder, "f", text, strlen(text));
}

static const char *read_text(const char *name)
{
	static char text[200];
	FILE *file = fopen(name, "r");

	if (!file)
		return "(absent)";
	text[fread(text, 1, sizeof text - 1, file)] = '\0';
	fclose(file);
	return text;
}

/* ---- folders */

START_TEST(test_folder)
{
	struct stat status;
	int fd = devbus_folder(AT_FDCWD, "a/b/c/"), inner;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(stat("a/b/c", &status), 0);
	ck_assert_int_eq(status.st_mode & 07777, 0700);
	ck_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	inner = devbus_folder(fd, "d");
	ck_assert_int_ge(inner, 0);
	ck_assert_int_eq(access("a/b/c/d", F_OK), 0);
	close(inner);
	close(fd);
	fd = devbus_folder(AT_FDCWD, "a/b/c");
	ck_assert_int_ge(fd, 0);
	close(fd);
	ck_assert_int_eq(devbus_folder(AT_FDCWD, ""), -EINVAL);
	ck_assert_int_eq(devbus_folder(AT_FDCWD, NULL), -EINVAL);
	ck_assert_int_eq(write_text("x"), 0);
	ck_assert_int_eq(devbus_folder(AT_FDCWD, "f"), -ENOTDIR);
	ck_assert_int_eq(devbus_folder(AT_FDCWD, "f/g"), -ENOTDIR);
	ck_assert_int_eq(devbus_folder(-1, "g"), -EBADF);
}
END_TEST

/* A folder's name stands in the one above it: each of those is synced, or a power cut takes the lot. */
START_TEST(test_new_folders_are_on_disk)
{
	int fd = devbus_folder(AT_FDCWD, "a/b/c");

	ck_assert_int_ge(fd, 0);
	close(fd);
	ck_assert(was_synced("a/b"));
	ck_assert(was_synced("a"));
	ck_assert(was_synced("."));
}
END_TEST

/* ---- files */

START_TEST(test_write)
{
	struct stat status;

	ck_assert_int_eq(write_text("one"), 0);
	ck_assert_str_eq(read_text("f"), "one");
	ck_assert_int_eq(stat("f", &status), 0);
	ck_assert_int_eq(status.st_mode & 07777, 0600);
	ck_assert(was_synced("f") && was_synced("."));
	ck_assert_int_eq(write_text(""), 0);
	ck_assert_str_eq(read_text("f"), "");
	ck_assert_int_eq(access(".f.new", F_OK), -1);
}
END_TEST

static const struct {
	const char *name;
	int r;
} names[] = {
	{ "", -ENOENT },
	{ "no/f", -ENOENT },
	{ "folder", -EISDIR },
};

START_TEST(test_names)
{
	char name[300] = "";

	ck_assert_int_eq(mkdir("folder", 0700), 0);
	ck_assert_int_eq(devbus_file_write(folder, names[_i].name, "x", 1), names[_i].r);
	ck_assert_int_eq(access(".folder.new", F_OK), -1);
	memset(name, 'n', 251);
	ck_assert_int_eq(devbus_file_write(folder, name, "x", 1), -ENAMETOOLONG);
	name[250] = '\0';
	ck_assert_int_eq(devbus_file_write(folder, name, "x", 1), 0);
	ck_assert_int_eq(devbus_file_write(-1, "f", "x", 1), -EBADF);
}
END_TEST

/* What a power cut left is written over; what somebody put there to lead us astray is not followed. */
START_TEST(test_left_behind)
{
	ck_assert_int_eq(devbus_file_write(folder, ".f.new", "a longer rest than what comes", 29), 0);
	ck_assert_int_eq(write_text("one"), 0);
	ck_assert_str_eq(read_text("f"), "one");
	ck_assert_int_eq(symlink("elsewhere", ".f.new"), 0);
	ck_assert_int_eq(write_text("two"), -ELOOP);
	ck_assert_int_eq(access("elsewhere", F_OK), -1);
	ck_assert_str_eq(read_text("f"), "one");
}
END_TEST

START_TEST(test_disk_that_fails)
{
	ck_assert_int_eq(write_text("old"), 0);
	synced_count = 0;
	failing = 1 + _i; /* the file, the folder */
	ck_assert_int_eq(write_text("new"), -EIO);
	ck_assert_str_eq(read_text("f"), _i == 0 ? "old" : "new");
	ck_assert_int_eq(access(".f.new", F_OK), -1);
	ck_assert_int_eq(write_text("newer"), 0);
	ck_assert_str_eq(read_text("f"), "newer");
}
END_TEST

START_TEST(test_full_disk)
{
	struct rlimit limit, none;
	int r;

	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(write_text("old"), 0);
	getrlimit(RLIMIT_FSIZE, &limit);
	none = limit;
	none.rlim_cur = 2;
	setrlimit(RLIMIT_FSIZE, &none);
	r = write_text("new");
	setrlimit(RLIMIT_FSIZE, &limit);
	ck_assert_int_eq(r, -EFBIG);
	ck_assert_str_eq(read_text("f"), "old");
	ck_assert_int_eq(access(".f.new", F_OK), -1);
	ck_assert_int_eq(write_text("new"), 0);
	ck_assert_str_eq(read_text("f"), "new");
}
END_TEST

START_TEST(test_remove)
{
	ck_assert_int_eq(devbus_file_remove(folder, "f"), 0);
	ck_assert_int_eq(write_text("x"), 0);
	synced_count = 0;
	ck_assert_int_eq(devbus_file_remove(folder, "f"), 0);
	ck_assert_str_eq(read_text("f"), "(absent)");
	ck_assert(was_synced("."));
	ck_assert_int_eq(mkdir("folder", 0700), 0);
	ck_assert_int_eq(devbus_file_remove(folder, "folder"), -EISDIR);
}
END_TEST

/* ---- killed while writing */

struct numbered {
	uint64_t number;
	char filler[3000];
};
static const struct devbus_field numbered_fields[] = {
	DEVBUS_FIELD(struct numbered, number, .flags = DEVBUS_REQUIRED),
	DEVBUS_FIELD(struct numbered, filler),
	{ 0 },
};

static void save_for_ever(uint64_t number, int fd)
{
	static struct numbered value;

	for (value.number = number;; value.number++) {
		memset(value.filler, 'x', value.number % sizeof value.filler);
		value.filler[value.number % sizeof value.filler] = '\0';
		if (devbus_file_save(folder, "f", numbered_fields, &value) < 0 ||
			write(fd, &value.number, sizeof value.number) < 0)
			_exit(1);
	}
}

START_TEST(test_killed)
{
	static struct numbered found;
	uint64_t number = 1000, last;
	int ends[2], status;
	pid_t child;

	for (int i = 0; i < 40; i++) {
		ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
		child = fork();
		if (child == 0)
			save_for_ever(number, ends[1]);
		close(ends[1]);
		for (int count = 0; read(ends[0], &last, sizeof last) > 0; count++)
			if (count == i % 7)
				kill(child, SIGKILL);
		close(ends[0]);
		ck_assert_int_eq(waitpid(child, &status, 0), child);
		ck_assert(WIFSIGNALED(status));
		ck_assert_int_eq(devbus_file_load(folder, "f", numbered_fields, &found), 0);
		ck_assert_uint_ge(found.number, last);
		ck_assert_uint_le(found.number, last + 1);
		ck_assert_uint_eq(strlen(found.filler), found.number % sizeof found.filler);
		number = found.number + 1;
	}
}
END_TEST

/* ---- reading */

static const struct {
	const char *text; /* NULL: no file */
	size_t limit;
	int r;
} texts[] = {
	{ "{\"a\":1}", 7, 0 },
	{ "{\"a\":1}", 6, -EFBIG },
	{ "{\"a\":1}", 100000, 0 },
	{ "[]", 2, 0 },
	{ "{\"a\":", 100, -EBADMSG },
	{ "", 100, -EBADMSG },
	{ "", 0, -EBADMSG },
	{ NULL, 100, -ENOENT },
};

START_TEST(test_read)
{
	struct devbus_json *value = NULL;
	struct devbus_error error = { "", "" };

	if (texts[_i].text)
		ck_assert_int_eq(write_text(texts[_i].text), 0);
	ck_assert_int_eq(devbus_file_read_json(folder, "f", texts[_i].limit, &value, &error), texts[_i].r);
	ck_assert_int_eq(devbus_file_read_json(folder, "none", 10, &value, NULL), -ENOENT);
	ck_assert_int_eq(value != NULL, texts[_i].r == 0);
	ck_assert_int_eq(error.message[0] != '\0', texts[_i].r == -EBADMSG);
	if (value)
		assert_prints(value, texts[_i].text);
	devbus_json_free(value);
}
END_TEST

START_TEST(test_read_what_is_no_file)
{
	struct devbus_json *value = NULL;

	ck_assert_int_eq(mkdir("folder", 0700), 0);
	ck_assert_int_eq(devbus_file_read_json(folder, "folder", 10, &value, NULL), -EISDIR);
	ck_assert_int_eq(mkfifo("pipe", 0600), 0);
	ck_assert_int_lt(devbus_file_read_json(folder, "pipe", 10, &value, NULL), 0); /* and does not wait */
	ck_assert_ptr_null(value);
}
END_TEST

/* ---- structs */

static const char *const unfit[] = { "{}", "{\"number\":-1}", "{\"number\":\"x\"}", "[]", "x" };

START_TEST(test_load_what_does_not_fit)
{
	static struct numbered value = { .number = 5, .filler = "kept" };

	ck_assert_int_eq(devbus_file_load(folder, "f", numbered_fields, &value), -ENOENT);
	ck_assert_int_eq(write_text(unfit[_i]), 0);
	ck_assert_int_eq(devbus_file_load(folder, "f", numbered_fields, &value), -EBADMSG);
}
END_TEST

struct large {
	char text[70000];
};
static const struct devbus_field large_fields[] = { DEVBUS_FIELD(struct large, text), { 0 } };

/* What could not be loaded again is not saved: the old file stays. */
START_TEST(test_save_is_bounded)
{
	static struct large value, found;

	memset(value.text, 'x', 65000);
	ck_assert_int_eq(devbus_file_save(folder, "f", large_fields, &value), 0);
	ck_assert_int_eq(devbus_file_load(folder, "f", large_fields, &found), 0);
	ck_assert_str_eq(found.text, value.text);
	memset(value.text, 'y', 66000);
	ck_assert_int_eq(devbus_file_save(folder, "f", large_fields, &value), -EFBIG);
	ck_assert_int_eq(devbus_file_load(folder, "f", large_fields, &found), 0);
	ck_assert_uint_eq(strlen(found.text), 65000);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("file");
	TCase *all = tcase_create("file");

	tcase_add_checked_fixture(all, set_up, tear_down);
	tcase_set_timeout(all, 60);
	tcase_add_test(all, test_folder);
	tcase_add_test(all, test_new_folders_are_on_disk);
	tcase_add_test(all, test_write);
	tcase_add_loop_test(all, test_names, 0, LENGTH(names));
	tcase_add_test(all, test_left_behind);
	tcase_add_loop_test(all, test_disk_that_fails, 0, 2);
	tcase_add_test(all, test_full_disk);
	tcase_add_test(all, test_remove);
	tcase_add_test(all, test_killed);
	tcase_add_loop_test(all, test_read, 0, LENGTH(texts));
	tcase_add_test(all, test_read_what_is_no_file);
	tcase_add_loop_test(all, test_load_what_does_not_fit, 0, LENGTH(unfit));
	tcase_add_test(all, test_save_is_bounded);
	suite_add_tcase(suite, all);
	return unit_main(suite);
}
