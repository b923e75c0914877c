// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* A disk that takes nothing more, as far as this process can see: no file may grow. Needs neither root nor a file system of its own. */
#ifndef DEVBUS_TEST_FULL_DISK_H
#define DEVBUS_TEST_FULL_DISK_H

#include <check.h>
#include <signal.h>
#include <sys/resource.h>

static struct rlimit disk_limit; /* as it was before fill_disk() */

static inline void fill_disk(void)
{
	struct rlimit none;

	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &disk_limit), 0);
	none = disk_limit;
	none.rlim_cur = 0;
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &none), 0);
}

static inline void free_disk(void)
{
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &disk_limit), 0);
}

#endif
