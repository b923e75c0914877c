// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* The hash itself is in the part that is loaded for an update; here is what it is fed and how it is written. */
#include "digest.h"
#include "update-part.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define PIECE_BYTES ((size_t)64 << 10)

struct digest {
	const struct update_part *part;
	struct hash *hash;
	unsigned char piece[PIECE_BYTES];
};

int digest_new(struct digest **ret_digest)
{
	const struct update_part *part;
	int r = update_part(&part);
	if (r < 0)
		return r;
	struct digest *digest = malloc(sizeof(*digest));
	if (!digest)
		return -ENOMEM;
	digest->part = part;
	digest->hash = part->hash_new();
	if (!digest->hash) {
		free(digest);
		return -EIO;
	}
	*ret_digest = digest;
	return 0;
}

int digest_restart(struct digest *digest)
{
	return digest->part->hash_restart(digest->hash);
}

int digest_add(struct digest *digest, const void *data, size_t size)
{
	return digest->part->hash_add(digest->hash, data, size);
}

ssize_t digest_add_file(struct digest *digest, int fd, size_t size)
{
	size_t sum = 0;
	while (sum < size) {
		size_t rest = size - sum;
		ssize_t n = read(fd, digest->piece, rest < PIECE_BYTES ? rest : PIECE_BYTES);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		if (digest_add(digest, digest->piece, (size_t)n) < 0)
			return -EIO;
		sum += (size_t)n;
	}
	return (ssize_t)sum;
}

int digest_finish(struct digest *digest, char ret_sha256[SHA256_TEXT_SIZE])
{
	unsigned char bytes[SHA256_BYTES];
	int r = digest->part->hash_finish(digest->hash, bytes);
	for (size_t i = 0; r == 0 && i < SHA256_BYTES; i++)
		snprintf(ret_sha256 + 2 * i, 3, "%02x", bytes[i]);
	return r;
}

void digest_free(struct digest *digest)
{
	if (!digest)
		return;
	digest->part->hash_free(digest->hash);
	free(digest);
}
