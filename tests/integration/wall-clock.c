// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * For LD_PRELOAD: a wall clock that a test can step while the program runs, without touching that of the machine. It differs from the
 * real one by as many seconds as the file $WALL_CLOCK_STEP says; no file, no step. A wait until a time of
 * the wall clock is moved by the same amount, as the kernel would after a step.
 *
 * The boot clock (CLOCK_BOOTTIME) is behind the real one by as many seconds as the file $BOOT_CLOCK_START says: for boots that are only
 * simulated.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

int pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex, const struct timespec *until);
int sem_timedwait(sem_t *semaphore, const struct timespec *until);

static time_t seconds_in(const char *variable)
{
	const char *path = getenv(variable);
	char text[24] = "";
	long fd = path ? syscall(SYS_openat, -100, path, 0) : -1;

	if (fd < 0)
		return 0;
	if (syscall(SYS_read, fd, text, sizeof text - 1) <= 0)
		text[0] = '\0';
	syscall(SYS_close, fd);
	return (time_t)strtol(text, NULL, 10);
}

static time_t step_s(void)
{
	return seconds_in("WALL_CLOCK_STEP");
}

int clock_gettime(clockid_t id, struct timespec *time)
{
	long r = syscall(SYS_clock_gettime, id, time);

	if (r == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
		time->tv_sec += step_s();
	if (r == 0 && id == CLOCK_BOOTTIME)
		time->tv_sec -= seconds_in("BOOT_CLOCK_START");
	return (int)r;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone)
{
	struct timespec now;

	(void)zone;
	clock_gettime(CLOCK_REALTIME, &now);
	time->tv_sec = now.tv_sec;
	time->tv_usec = now.tv_nsec / 1000;
	return 0;
}

time_t time(time_t *result)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (result)
		*result = now.tv_sec;
	return now.tv_sec;
}

static struct timespec real(const struct timespec *until)
{
	return (struct timespec) { until->tv_sec - step_s(), until->tv_nsec };
}

int pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex, const struct timespec *until)
{
	int (*next)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *) =
		(int (*)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *))dlvsym(
			RTLD_NEXT, "pthread_cond_timedwait", "GLIBC_2.3.2");
	struct timespec moved = real(until);

	if (!next)
		next = (int (*)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *))dlsym(
			RTLD_NEXT, "pthread_cond_timedwait");
	return next(condition, mutex, &moved);
}

int sem_timedwait(sem_t *semaphore, const struct timespec *until)
{
	int (*next)(sem_t *, const struct timespec *) =
		(int (*)(sem_t *, const struct timespec *))dlsym(RTLD_NEXT, "sem_timedwait");
	struct timespec moved = real(until);

	return next(semaphore, &moved);
}
