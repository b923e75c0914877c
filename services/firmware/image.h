// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * The image on its way to disk: counted, hashed and written in one pass, so that it is never read a second time.
 */
#ifndef FIRMWARE_IMAGE_H
#define FIRMWARE_IMAGE_H

#include "digest.h"

#include <stdint.h>

struct image;

/* Begins @name in the folder @dir_fd (borrowed), in place of what was there. Returns 0 or a negative errno. */
int image_create(int dir_fd, const char *name, struct image **ret_image);

/*
 * Sets @bytes of disk aside, so that a full disk shows before the download and not at its end. File systems that
 * cannot are passed over in silence. Returns 0, -ENOSPC or another negative errno.
 */
int image_reserve(struct image *image, uint64_t bytes);

/* Appends. May wait for the disk, for at most some 16 MiB of it. Returns 0 or a negative errno. */
int image_write(struct image *image, const void *data, size_t size);

uint64_t image_bytes(const struct image *image);

/* Syncs the file and gives the SHA-256 of all that was written, in lower case. Once. Returns 0 or a negative errno. */
int image_finish(struct image *image, char ret_sha256[SHA256_TEXT_SIZE]);

/* The SHA-256 of a file that is there already; reads all of it. Returns 0 or a negative errno. */
int image_hash(int dir_fd, const char *name, char ret_sha256[SHA256_TEXT_SIZE]);

/* Closes; the file stays. NULL is fine. */
void image_free(struct image *image);

#endif
