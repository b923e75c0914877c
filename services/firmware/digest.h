// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* SHA-256 over bytes that come in pieces, from memory or from a file. */
#ifndef FIRMWARE_DIGEST_H
#define FIRMWARE_DIGEST_H

#include <stddef.h>
#include <sys/types.h>

#define SHA256_TEXT_SIZE 65 /* 64 hex digits and the NUL */

struct digest;

/* Returns 0, -ENOMEM, -EIO (the crypto library refuses SHA-256) or -ELIBACC (it cannot be loaded; logged). */
int digest_new(struct digest **ret_digest);

/* Forgets what was added. Returns 0 or -EIO. */
int digest_restart(struct digest *digest);

/* Returns 0 or -EIO. */
int digest_add(struct digest *digest, const void *data, size_t size);

/* Adds the next @size bytes of @fd or what there is. Returns how many (0: the end), or a negative errno. */
ssize_t digest_add_file(struct digest *digest, int fd, size_t size);

/* The SHA-256 of all that was added, in lower case. Once. Returns 0 or -EIO. */
int digest_finish(struct digest *digest, char ret_sha256[SHA256_TEXT_SIZE]);

/* NULL is fine. */
void digest_free(struct digest *digest);

#endif
