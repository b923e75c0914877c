// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * The disk is taken as it is worst: without a sync nothing need be there, and not in order. Names are taken as good as ext4 with its
 * journal is: they appear in order. The index (-shm) is mapped, so that its writes are not seen; it is taken as it was, or as empty.
 */
#include "power-cut.h"
#include "fake-link.h" /* require() */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/ptrace.h> /* after sys/ptrace.h, or the two quarrel */

enum { FILES_MAX = 64, SECTOR = 512 };

/* A write, or with no bytes a cut to @at. */
struct change {
	struct change *next;
	size_t at, size;
	bool is_cut;
	unsigned char bytes[];
};

struct file {
	ino_t inode;
	unsigned char *safe; /* what is on disk for sure */
	size_t safe_size;
	struct change *changes, **end;
};

static struct {
	struct file files[FILES_MAX];
	size_t count;
} disk;

/* ---- what the child does */

static struct file *file_of(pid_t child, const char *folder, uint64_t fd)
{
	char link[64], path[4096];
	struct stat status;
	ssize_t length;

	snprintf(link, sizeof link, "/proc/%d/fd/%d", (int)child, (int)fd);
	length = readlink(link, path, sizeof path - 1);
	if (length <= 0 || strncmp(path, folder, strlen(folder)) != 0 || stat(link, &status) < 0 ||
		!S_ISREG(status.st_mode))
		return NULL;
	for (size_t i = 0; i < disk.count; i++)
		if (disk.files[i].inode == status.st_ino)
			return &disk.files[i];
	require(disk.count < FILES_MAX);
	disk.files[disk.count] = (struct file) { .inode = status.st_ino };
	disk.files[disk.count].end = &disk.files[disk.count].changes;
	return &disk.files[disk.count++];
}

static void note(struct file *file, pid_t child, uint64_t bytes, size_t size, size_t at, bool is_cut)
{
	struct change *change = malloc(sizeof *change + size);
	struct iovec to = { change->bytes, size }, from = { (void *)(uintptr_t)bytes, size };

	*change = (struct change) { .at = at, .size = size, .is_cut = is_cut };
	require(size == 0 || process_vm_readv(child, &to, 1, &from, 1, 0) == (ssize_t)size);
	*file->end = change;
	file->end = &change->next;
}

static void resize(unsigned char **bytes, size_t *size, size_t wanted)
{
	*bytes = realloc(*bytes, wanted + 1);
	if (wanted > *size)
		memset(*bytes + *size, 0, wanted - *size);
	*size = wanted;
}

static void apply_part(
	unsigned char **bytes, size_t *size, const struct change *change, size_t from, size_t to)
{
	if (*size < change->at + to)
		resize(bytes, size, change->at + to);
	memcpy(*bytes + change->at + from, change->bytes + from, to - from);
}

static void apply_whole(unsigned char **bytes, size_t *size, const struct change *change)
{
	if (change->is_cut)
		resize(bytes, size, change->at);
	else
		apply_part(bytes, size, change, 0, change->size);
}

static void make_safe(struct file *file)
{
	for (struct change *change; (change = file->changes);) {
		file->changes = change->next;
		apply_whole(&file->safe, &file->safe_size, change);
		free(change);
	}
	file->end = &file->changes;
}

static void watch(pid_t child, const char *folder, const struct __ptrace_syscall_info *call)
{
	const __typeof__(call->entry) *entry = &call->entry;
	struct file *file;

	switch (entry->nr) {
	case SYS_pwrite64:
	case SYS_ftruncate:
	case SYS_fsync:
	case SYS_fdatasync:
		break;
	default:
		return;
	}
	file = file_of(child, folder, entry->args[0]);
	if (!file)
		return;
	if (entry->nr == SYS_pwrite64)
		note(file, child, entry->args[1], entry->args[2], entry->args[3], false);
	else if (entry->nr == SYS_ftruncate)
		note(file, child, 0, 0, entry->args[1], true);
	else
		make_safe(file);
}

/* ---- tracing */

static void begin_child(void (*work)(void *), void *userdata)
{
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
		_exit(77);
	raise(SIGSTOP);
	work(userdata);
	_exit(0);
}

static void forget_disk(void)
{
	for (size_t i = 0; i < disk.count; i++) {
		make_safe(&disk.files[i]);
		free(disk.files[i].safe);
	}
	disk.count = 0;
}

/* Files that are there already are safe. */
static void learn_folder(const char *folder)
{
	DIR *entries = opendir(folder);
	const struct dirent *entry;
	char path[4096];

	while (entries && (entry = readdir(entries))) {
		int fd;
		struct file *file;
		struct stat status;

		snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		require(fd >= 0 && fstat(fd, &status) == 0);
		file = S_ISREG(status.st_mode) ? file_of(getpid(), folder, (uint64_t)fd) : NULL;
		if (file) {
			resize(&file->safe, &file->safe_size, (size_t)status.st_size);
			require(pread(fd, file->safe, file->safe_size, 0) == (ssize_t)file->safe_size);
		}
		close(fd);
	}
	if (entries)
		closedir(entries);
}

/* To the next entry of a system call; false: it has ended. */
static bool next_call(pid_t child, struct __ptrace_syscall_info *ret_call)
{
	int status, signal = 0;

	for (;;) {
		require(ptrace(PTRACE_SYSCALL, child, NULL, (void *)(intptr_t)signal) == 0);
		require(waitpid(child, &status, 0) == child);
		if (WIFEXITED(status) || WIFSIGNALED(status)) {
			ck_assert_msg(
				WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %x", (unsigned)status);
			return false;
		}
		signal = WSTOPSIG(status) == (SIGTRAP | 0x80) ? 0 : WSTOPSIG(status);
		if (signal == 0) {
			require(ptrace(PTRACE_GET_SYSCALL_INFO, child, (void *)sizeof *ret_call, ret_call) >
				0);
			if (ret_call->op == PTRACE_SYSCALL_INFO_ENTRY)
				return true;
		}
	}
}

size_t power_cut_run(void (*work)(void *userdata), void *userdata, const char *folder, size_t at)
{
	struct __ptrace_syscall_info call;
	size_t calls = 0;
	int status;
	pid_t child;

	forget_disk();
	learn_folder(folder);
	child = fork();
	if (child == 0)
		begin_child(work, userdata);
	require(waitpid(child, &status, 0) == child && WIFSTOPPED(status));
	require(ptrace(PTRACE_SETOPTIONS, child, NULL,
			(void *)(intptr_t)(PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD)) == 0);
	while (next_call(child, &call)) {
		if (++calls == at) {
			kill(child, SIGKILL);
			require(waitpid(child, &status, 0) == child && WIFSIGNALED(status));
			return calls;
		}
		watch(child, folder, &call);
	}
	return calls;
}

static void do_nothing(void *userdata)
{
	(void)userdata;
}

bool power_cut_possible(void)
{
	int status;
	pid_t child;

	if (sizeof(long) < 8)
		return false; /* places in a file come in two halves there */
	child = fork();
	if (child == 0)
		begin_child(do_nothing, NULL);
	require(waitpid(child, &status, 0) == child);
	if (!WIFSTOPPED(status))
		return false;
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	return true;
}

/* ---- after the cut */

static unsigned chance; /* a small generator of our own: the same on each machine */

static unsigned draw(unsigned of)
{
	chance = chance * 1664525U + 1013904223U;
	return (chance >> 16) % of;
}

/* None, all, or some sectors of it; sectors are those of the file. */
static void apply_some(unsigned char **bytes, size_t *size, const struct change *change)
{
	unsigned how = draw(3);

	if (how == 1)
		apply_whole(bytes, size, change);
	if (how != 2 || change->is_cut)
		return;
	for (size_t from = 0, to; from < change->size; from = to) {
		to = from + SECTOR - (change->at + from) % SECTOR;
		if (to > change->size)
			to = change->size;
		if (draw(2))
			apply_part(bytes, size, change, from, to);
	}
}

static void write_file(const char *path, const unsigned char *bytes, size_t size)
{
	int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);

	require(fd >= 0 && write(fd, bytes, size) == (ssize_t)size);
	close(fd);
}

static void cut_file(const char *path, struct file *file, enum cut cut)
{
	for (const struct change *change = cut == CUT_SOME ? file->changes : NULL; change;
		change = change->next)
		apply_some(&file->safe, &file->safe_size, change);
	write_file(path, file->safe, file->safe_size);
}

void power_cut_apply(const char *folder, enum cut cut, unsigned seed)
{
	DIR *entries = cut == CUT_KILL ? NULL : opendir(folder);
	const struct dirent *entry;
	struct stat status;
	char path[4096];

	chance = seed;
	while (entries && (entry = readdir(entries))) {
		const char *end = strrchr(entry->d_name, '-');
		bool is_index = end && strcmp(end, "-shm") == 0;

		snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
		require(stat(path, &status) == 0);
		if (is_index && cut == CUT_NOTHING)
			write_file(path, NULL, 0);
		for (size_t i = 0; i < disk.count && !is_index; i++)
			if (disk.files[i].inode == status.st_ino)
				cut_file(path, &disk.files[i], cut);
	}
	if (entries)
		closedir(entries);
}
