// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* The file is a setting because tests, containers and kernels without /proc have theirs elsewhere. */
#include "boot.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int boot_id_read(const char *path, char ret_boot_id[BOOT_ID_SIZE])
{
	char text[256];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ssize_t n = read(fd, text, sizeof(text) - 1);
	int error = errno;
	close(fd);
	if (n < 0)
		return -error;
	text[n] = '\0';
	size_t size = strcspn(text, " \t\r\n");
	if (size == 0 || size >= BOOT_ID_SIZE)
		return -EBADMSG;
	memcpy(ret_boot_id, text, size);
	ret_boot_id[size] = '\0';
	return 0;
}

uint64_t boot_clock_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}
