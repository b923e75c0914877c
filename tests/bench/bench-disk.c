// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* What one event on disk cannot be faster than: an append of 4 KiB, the page of a store, and fdatasync(2), in the folder given by at=. */
#include "bench.h"
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static int file = -1;

static int open_disk(void)
{
	if (chdir(bench_options.at) < 0)
		return -errno;
	file = open("bench-disk.tmp", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	return file < 0 || unlink("bench-disk.tmp") < 0 ? -errno : 0;
}

static int publish(unsigned qos)
{
	static const char page[4096] = "x";

	(void)qos;
	return write(file, page, sizeof page) == sizeof page && fdatasync(file) == 0 ? 0 : -errno;
}

static int flush(void)
{
	return 0;
}

const struct contender contender = { .name = "disk", .open = open_disk, .publish = publish, .flush = flush };
