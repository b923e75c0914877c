// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * Writing is done in the reactor's thread, so it must not pile up: without care the kernel would take a whole image
 * into memory at once and let the final fsync() stand still for as long as the flash needs for all of it. So the
 * disk is kept busy all along, window by window, and the last sync has at most two windows left.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define WINDOW_BYTES ((uint64_t)8 << 20)

struct image {
	int fd;
	uint64_t bytes; /* that count */
	uint64_t left; /* beyond them, from an earlier process */
	uint64_t started; /* up to here the disk was told to write */
	struct digest *digest;
};

int image_open(int dir_fd, const char *name, struct image **ret_image)
{
	struct image *image = calloc(1, sizeof(*image));
	struct stat status;
	if (!image)
		return -ENOMEM;
	image->fd = openat(dir_fd, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	int r = image->fd < 0 || fstat(image->fd, &status) < 0 ? -errno : digest_new(&image->digest);
	if (r < 0) {
		image_free(image);
		return r;
	}
	image->left = (uint64_t)status.st_size;
	*ret_image = image;
	return 0;
}

uint64_t image_left_bytes(const struct image *image)
{
	return image->left;
}

int image_take_up(struct image *image, size_t size)
{
	ssize_t n = digest_add_file(image->digest, image->fd, size);
	if (n < 0)
		return (int)n;
	image->bytes += (uint64_t)n;
	image->left = n > 0 && image->left > (uint64_t)n ? image->left - (uint64_t)n : 0;
	image->started = image->bytes;
	return image->left > 0;
}

int image_restart(struct image *image)
{
	if (ftruncate(image->fd, 0) < 0 || lseek(image->fd, 0, SEEK_SET) < 0)
		return -errno;
	image->bytes = image->left = image->started = 0;
	return digest_restart(image->digest);
}

int image_reserve(struct image *image, uint64_t bytes)
{
	if (bytes == 0 || fallocate(image->fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)bytes) == 0)
		return 0;
	return errno == EOPNOTSUPP || errno == ENOSYS ? 0 : -errno;
}

/* Disks that cannot say so in windows still say so in the final fsync(). */
static int sync_window(int fd, uint64_t offset, unsigned flags)
{
	if (sync_file_range(fd, (off_t)offset, (off_t)WINDOW_BYTES, flags) == 0)
		return 0;
	return errno == EIO || errno == ENOSPC || errno == EDQUOT ? -errno : 0;
}

static int keep_disk_busy(struct image *image)
{
	while (image->bytes - image->started >= WINDOW_BYTES) {
		int r = sync_window(image->fd, image->started, SYNC_FILE_RANGE_WRITE);
		if (r == 0 && image->started >= WINDOW_BYTES)
			r = sync_window(image->fd, image->started - WINDOW_BYTES,
				SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
					SYNC_FILE_RANGE_WAIT_AFTER);
		if (r < 0)
			return r;
		image->started += WINDOW_BYTES;
	}
	return 0;
}

int image_write(struct image *image, const void *data, size_t size)
{
	if (digest_add(image->digest, data, size) < 0)
		return -EIO;
	for (const char *next = data; size > 0;) {
		ssize_t n = write(image->fd, next, size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		next += n;
		size -= (size_t)n;
		image->bytes += (uint64_t)n;
	}
	return keep_disk_busy(image);
}

uint64_t image_bytes(const struct image *image)
{
	return image->bytes;
}

int image_finish(struct image *image, char ret_sha256[SHA256_TEXT_SIZE])
{
	/* What was set aside beyond the end is given back. */
	if (ftruncate(image->fd, (off_t)image->bytes) < 0 || fsync(image->fd) < 0)
		return -errno;
	return digest_finish(image->digest, ret_sha256);
}

int image_free_bytes(int dir_fd, uint64_t *ret_bytes)
{
	struct statvfs status;
	if (fstatvfs(dir_fd, &status) < 0)
		return -errno;
	*ret_bytes = (uint64_t)status.f_bavail * status.f_frsize;
	return 0;
}

void image_free(struct image *image)
{
	if (!image)
		return;
	digest_free(image->digest);
	if (image->fd >= 0)
		close(image->fd);
	free(image);
}
