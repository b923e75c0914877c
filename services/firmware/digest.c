// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* The only place that asks the crypto library for a hash, so that its many failures look the same to everyone. */
#include "digest.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PIECE_BYTES ((size_t)64 << 10)

struct digest {
	EVP_MD_CTX *context;
	unsigned char piece[PIECE_BYTES];
};

int digest_new(struct digest **ret_digest)
{
	struct digest *digest = malloc(sizeof(*digest));
	if (!digest)
		return -ENOMEM;
	digest->context = EVP_MD_CTX_new();
	int r = digest->context ? digest_restart(digest) : -ENOMEM;
	if (r < 0) {
		digest_free(digest);
		return r;
	}
	*ret_digest = digest;
	return 0;
}

int digest_restart(struct digest *digest)
{
	return EVP_DigestInit_ex(digest->context, EVP_sha256(), NULL) == 1 ? 0 : -EIO;
}

int digest_add(struct digest *digest, const void *data, size_t size)
{
	return EVP_DigestUpdate(digest->context, data, size) == 1 ? 0 : -EIO;
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
	unsigned char bytes[EVP_MAX_MD_SIZE];
	unsigned size = 0;
	if (EVP_DigestFinal_ex(digest->context, bytes, &size) != 1)
		return -EIO;
	for (unsigned i = 0; i < size; i++)
		snprintf(ret_sha256 + 2 * (size_t)i, 3, "%02x", bytes[i]);
	return 0;
}

void digest_free(struct digest *digest)
{
	if (!digest)
		return;
	EVP_MD_CTX_free(digest->context);
	free(digest);
}
