// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * The image on its way to disk: counted, hashed and written in one pass. What an earlier process left is hashed first, and
 * continued.
 */
#ifndef FIRMWARE_IMAGE_H
#define FIRMWARE_IMAGE_H

#include "digest.h"

#include <stdint.h>

struct image;

/* Opens @name in the folder @dir_fd, made if absent; nothing of it counts yet. Returns 0 or a negative errno. */
int image_open(int dir_fd, const char *name, struct image **ret_image);

/* Bytes that are there and do not count yet. */
uint64_t image_left_bytes(const struct image *image);

/* Counts and hashes up to @size of them. Returns 1 (there are more), 0, or a negative errno. */
int image_take_up(struct image *image, size_t size);

/* Empties it. Returns 0 or a negative errno. */
int image_restart(struct image *image);

/*
 * Sets disk aside for @bytes in all, so that a full disk shows before the download and not at its end. File systems that
 * cannot are passed over in silence. Returns 0, -ENOSPC or another negative errno.
 */
int image_reserve(struct image *image, uint64_t bytes);

/* Appends to what counts. May wait for the disk, for at most some 16 MiB of it. Returns 0 or a negative errno. */
int image_write(struct image *image, const void *data, size_t size);

uint64_t image_bytes(const struct image *image);

/* Syncs the file and gives the SHA-256 of all that counts, in lower case. Once, or after a restart. Returns 0 or a negative errno. */
int image_finish(struct image *image, char ret_sha256[SHA256_TEXT_SIZE]);

/* Bytes that may still be written on the disk of the folder @dir_fd. Returns 0 or a negative errno. */
int image_free_bytes(int dir_fd, uint64_t *ret_bytes);

/* Closes; the file stays. NULL is fine. */
void image_free(struct image *image);

#endif
