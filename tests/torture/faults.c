// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
#include "faults.h"
#include <cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

static struct {
	enum fault_kind kind;
	unsigned long first;
	bool lasting;
} plan;
static atomic_bool armed; /* the link's helper is another thread */
static atomic_ulong counted[FAULT_KINDS], failed;
static atomic_long live;

void faults_begin(enum fault_kind kind, unsigned long first, bool lasting)
{
	plan.kind = kind;
	plan.first = first;
	plan.lasting = lasting;
	for (int i = 0; i < FAULT_KINDS; i++)
		counted[i] = 0;
	failed = 0;
	armed = true;
}

void faults_end(void)
{
	armed = false;
}

void faults_pause(void)
{
	armed = false;
}

void faults_resume(void)
{
	armed = true;
}

unsigned long faults_counted(enum fault_kind kind)
{
	return counted[kind];
}

unsigned long faults_failed(void)
{
	return failed;
}

long faults_live(void)
{
	return live;
}

bool faults_explain(int r)
{
	static const int errors[FAULT_KINDS][3] = {
		[FAULT_ALLOCATION] = { -ENOMEM },
		[FAULT_WRITE] = { -ENOSPC },
		[FAULT_SYNC] = { -EIO },
		[FAULT_SYSTEM] = { -EIO, -EMFILE,
			-EROFS }, /* what SQLite cannot open, it tries to open read-only */
		[FAULT_READ] = { -EIO },
	};

	if (r == 0)
		return true;
	for (int i = 0; failed > 0 && i < 3; i++)
		if (r == errors[plan.kind][i])
			return true;
	return false;
}

static bool fails(enum fault_kind kind, int error)
{
	unsigned long number;

	if (!armed)
		return false;
	number = ++counted[kind];
	if (kind != plan.kind || plan.first == 0 || number < plan.first ||
		(number > plan.first && !plan.lasting))
		return false;
	failed++;
	errno = error;
	return true;
}

/* ---- memory: of libdevbus and cJSON */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t size);
void __real_free(void *memory);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t size);
void __wrap_free(void *memory);

static void *count_in(void *memory)
{
	if (memory)
		live++;
	return memory;
}

void *__wrap_malloc(size_t size)
{
	return fails(FAULT_ALLOCATION, ENOMEM) ? NULL : count_in(__real_malloc(size));
}

void *__wrap_calloc(size_t count, size_t size)
{
	return fails(FAULT_ALLOCATION, ENOMEM) ? NULL : count_in(__real_calloc(count, size));
}

void *__wrap_realloc(void *memory, size_t size)
{
	void *moved = fails(FAULT_ALLOCATION, ENOMEM) ? NULL : __real_realloc(memory, size);

	if (!memory)
		count_in(moved);
	return moved;
}

char *__wrap_strdup(const char *text)
{
	return fails(FAULT_ALLOCATION, ENOMEM) ? NULL : count_in(__real_strdup(text));
}

char *__wrap_strndup(const char *text, size_t size)
{
	return fails(FAULT_ALLOCATION, ENOMEM) ? NULL : count_in(__real_strndup(text, size));
}

void __wrap_free(void *memory)
{
	if (memory)
		live--;
	__real_free(memory);
}

/* ---- memory: of SQLite */

static sqlite3_mem_methods sqlite_memory;

static void *sqlite_malloc(int size)
{
	return fails(FAULT_ALLOCATION, ENOMEM) ? NULL : count_in(sqlite_memory.xMalloc(size));
}

static void *sqlite_realloc(void *memory, int size)
{
	return fails(FAULT_ALLOCATION, ENOMEM) ? NULL : sqlite_memory.xRealloc(memory, size);
}

static void sqlite_free(void *memory)
{
	live--;
	sqlite_memory.xFree(memory);
}

void faults_set_up(void)
{
	cJSON_Hooks hooks = { .malloc_fn = __wrap_malloc, .free_fn = __wrap_free };
	sqlite3_mem_methods ours;

	cJSON_InitHooks(&hooks);
	if (sqlite3_config(SQLITE_CONFIG_GETMALLOC, &sqlite_memory) != SQLITE_OK)
		abort();
	ours = sqlite_memory;
	ours.xMalloc = sqlite_malloc;
	ours.xRealloc = sqlite_realloc;
	ours.xFree = sqlite_free;
	if (sqlite3_config(SQLITE_CONFIG_MALLOC, &ours) != SQLITE_OK)
		abort();
}

/* ---- system calls: of everybody in this process, but for libc itself */

/* What wakes a loop up, an eventfd or a timerfd, cannot fail. */
enum { WAKE_SIZE = sizeof(uint64_t) };

ssize_t write(int fd, const void *bytes, size_t size)
{
	return size != WAKE_SIZE && fails(FAULT_WRITE, ENOSPC) ? -1 : syscall(SYS_write, fd, bytes, size);
}

ssize_t pwrite64(int fd, const void *bytes, size_t size, off64_t at)
{
	return fails(FAULT_WRITE, ENOSPC) ? -1 : syscall(SYS_pwrite64, fd, bytes, size, at);
}

ssize_t sendto(int fd, const void *bytes, size_t size, int flags, const struct sockaddr *to, socklen_t length)
{
	return fails(FAULT_WRITE, ENOSPC) ? -1 : syscall(SYS_sendto, fd, bytes, size, flags, to, length);
}

int fsync(int fd)
{
	return fails(FAULT_SYNC, EIO) ? -1 : (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
	return fails(FAULT_SYNC, EIO) ? -1 : (int)syscall(SYS_fdatasync, fd);
}

ssize_t read(int fd, void *bytes, size_t size)
{
	return size != WAKE_SIZE && fails(FAULT_READ, EIO) ? -1 : syscall(SYS_read, fd, bytes, size);
}

ssize_t pread64(int fd, void *bytes, size_t size, off64_t at)
{
	return fails(FAULT_READ, EIO) ? -1 : syscall(SYS_pread64, fd, bytes, size, at);
}

static int open_at(int folder, const char *path, int flags, va_list arguments)
{
	mode_t mode = flags & O_CREAT ? va_arg(arguments, mode_t) : 0;

	return fails(FAULT_SYSTEM, EMFILE) ? -1 : (int)syscall(SYS_openat, folder, path, flags, mode);
}

#define OPEN(name, folder, ...)                                                                              \
	int name(__VA_ARGS__, ...)                                                                           \
	{                                                                                                    \
		va_list arguments;                                                                           \
		int fd;                                                                                      \
                                                                                                             \
		va_start(arguments, flags);                                                                  \
		fd = open_at(folder, path, flags, arguments);                                                \
		va_end(arguments);                                                                           \
		return fd;                                                                                   \
	}
OPEN(open, AT_FDCWD, const char *path, int flags)
OPEN(open64, AT_FDCWD, const char *path, int flags)
OPEN(openat, folder, int folder, const char *path, int flags)

/* Locks, which fcntl() is for as well, do not fail on a device's own file systems; SQLite would try for 10 s. */
#define CONTROL(name)                                                                                        \
	int name(int fd, int what, ...)                                                                      \
	{                                                                                                    \
		va_list arguments;                                                                           \
		void *argument;                                                                              \
                                                                                                             \
		va_start(arguments, what);                                                                   \
		argument = va_arg(arguments, void *);                                                        \
		va_end(arguments);                                                                           \
		return what == F_DUPFD_CLOEXEC && fails(FAULT_SYSTEM, EMFILE)                                \
			       ? -1                                                                          \
			       : (int)syscall(SYS_fcntl, fd, what, argument);                                \
	}
CONTROL(fcntl)
CONTROL(fcntl64)

int rename(const char *from, const char *to)
{
	return fails(FAULT_SYSTEM, EIO) ? -1 : (int)syscall(SYS_renameat, AT_FDCWD, from, AT_FDCWD, to);
}

int renameat(int from_folder, const char *from, int to_folder, const char *to)
{
	return fails(FAULT_SYSTEM, EIO) ? -1 : (int)syscall(SYS_renameat, from_folder, from, to_folder, to);
}

int unlink(const char *path)
{
	return fails(FAULT_SYSTEM, EIO) ? -1 : (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
}

int unlinkat(int folder, const char *path, int flags)
{
	return fails(FAULT_SYSTEM, EIO) ? -1 : (int)syscall(SYS_unlinkat, folder, path, flags);
}

int mkdirat(int folder, const char *path, mode_t mode)
{
	return fails(FAULT_SYSTEM, EIO) ? -1 : (int)syscall(SYS_mkdirat, folder, path, mode);
}

int ftruncate64(int fd, off64_t size)
{
	return fails(FAULT_SYSTEM, EIO) ? -1 : (int)syscall(SYS_ftruncate, fd, size);
}

void *mmap64(void *at, size_t size, int protection, int flags, int fd, off64_t offset)
{
	return fails(FAULT_SYSTEM, EIO) ? MAP_FAILED
					: (void *)syscall(SYS_mmap, at, size, protection, flags, fd, offset);
}

int flock(int fd, int operation)
{
	return fails(FAULT_SYSTEM, EIO) ? -1 : (int)syscall(SYS_flock, fd, operation);
}

ssize_t getrandom(void *bytes, size_t size, unsigned flags)
{
	return fails(FAULT_SYSTEM, EIO) ? -1 : syscall(SYS_getrandom, bytes, size, flags);
}

int epoll_create1(int flags)
{
	return fails(FAULT_SYSTEM, EMFILE) ? -1 : (int)syscall(SYS_epoll_create1, flags);
}

int epoll_ctl(int fd, int operation, int watched, struct epoll_event *event)
{
	/* Only what is added needs memory of the kernel. */
	return operation == EPOLL_CTL_ADD && fails(FAULT_SYSTEM, EIO)
		       ? -1
		       : (int)syscall(SYS_epoll_ctl, fd, operation, watched, event);
}

int eventfd(unsigned count, int flags)
{
	return fails(FAULT_SYSTEM, EMFILE) ? -1 : (int)syscall(SYS_eventfd2, count, flags);
}

int timerfd_create(int clock, int flags)
{
	return fails(FAULT_SYSTEM, EMFILE) ? -1 : (int)syscall(SYS_timerfd_create, clock, flags);
}

int socket(int domain, int type, int protocol)
{
	return fails(FAULT_SYSTEM, EMFILE) ? -1 : (int)syscall(SYS_socket, domain, type, protocol);
}
