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
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define WINDOW_BYTES ((uint64_t)8 << 20)

struct image {
	int fd;
	uint64_t bytes;
	uint64_t started; /* up to here the disk was told to write */
	EVP_MD_CTX *hash;
};

static int hash_begin(struct image *image)
{
	image->hash = EVP_MD_CTX_new();
	if (!image->hash)
		return -ENOMEM;
	return EVP_DigestInit_ex(image->hash, EVP_sha256(), NULL) == 1 ? 0 : -EIO;
}

int image_create(int dir_fd, const char *name, struct image **ret_image)
{
	if (unlinkat(dir_fd, name, 0) < 0 && errno != ENOENT)
		return -errno;
	struct image *image = calloc(1, sizeof(*image));
	if (!image)
		return -ENOMEM;
	image->fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int r = image->fd < 0 ? -errno : hash_begin(image);
	if (r < 0) {
		image_free(image);
		return r;
	}
	*ret_image = image;
	return 0;
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
	if (EVP_DigestUpdate(image->hash, data, size) != 1)
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

static int hash_end(EVP_MD_CTX *hash, char ret_sha256[SHA256_TEXT_SIZE])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned size = 0;
	if (EVP_DigestFinal_ex(hash, digest, &size) != 1)
		return -EIO;
	for (unsigned i = 0; i < size; i++)
		snprintf(ret_sha256 + 2 * (size_t)i, 3, "%02x", digest[i]);
	return 0;
}

int image_finish(struct image *image, char ret_sha256[SHA256_TEXT_SIZE])
{
	/* What was set aside beyond the end is given back. */
	if (ftruncate(image->fd, (off_t)image->bytes) < 0 || fsync(image->fd) < 0)
		return -errno;
	return hash_end(image->hash, ret_sha256);
}

static int hash_all(struct image *image)
{
	char piece[16384];
	for (;;) {
		ssize_t n = read(image->fd, piece, sizeof(piece));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : 0;
		if (EVP_DigestUpdate(image->hash, piece, (size_t)n) != 1)
			return -EIO;
	}
}

int image_hash(int dir_fd, const char *name, char ret_sha256[SHA256_TEXT_SIZE])
{
	struct image image = { .fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK) };
	if (image.fd < 0)
		return -errno;
	int r = hash_begin(&image);
	if (r == 0)
		r = hash_all(&image);
	if (r == 0)
		r = hash_end(image.hash, ret_sha256);
	EVP_MD_CTX_free(image.hash);
	close(image.fd);
	return r;
}

void image_free(struct image *image)
{
	if (!image)
		return;
	EVP_MD_CTX_free(image->hash);
	if (image->fd >= 0)
		close(image->fd);
	free(image);
}
