// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* The only place that asks the crypto library, so that its many failures look the same to everyone. */
#include "update-part.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

static EVP_MD_CTX *context_of(struct hash *hash)
{
	return (EVP_MD_CTX *)hash;
}

static int hash_restart(struct hash *hash)
{
	return EVP_DigestInit_ex(context_of(hash), EVP_sha256(), NULL) == 1 ? 0 : -EIO;
}

static struct hash *hash_new(void)
{
	struct hash *hash = (struct hash *)EVP_MD_CTX_new();
	if (hash && hash_restart(hash) == 0)
		return hash;
	EVP_MD_CTX_free(context_of(hash));
	return NULL;
}

static int hash_add(struct hash *hash, const void *data, size_t size)
{
	return EVP_DigestUpdate(context_of(hash), data, size) == 1 ? 0 : -EIO;
}

static int hash_finish(struct hash *hash, unsigned char ret_bytes[SHA256_BYTES])
{
	return EVP_DigestFinal_ex(context_of(hash), ret_bytes, NULL) == 1 ? 0 : -EIO;
}

static void hash_free(struct hash *hash)
{
	EVP_MD_CTX_free(context_of(hash));
}

static bool fits(EVP_PKEY *key, const unsigned char *signature, const void *data, size_t size)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool good = context && EVP_DigestVerifyInit(context, NULL, NULL, NULL, key) == 1 &&
		    EVP_DigestVerify(context, signature, SIGNATURE_BYTES, data, size) == 1;
	EVP_MD_CTX_free(context);
	return good;
}

static int signature_fits(
	FILE *file, const unsigned char signature[SIGNATURE_BYTES], const void *data, size_t size)
{
	EVP_PKEY *key = PEM_read_PUBKEY(file, NULL, NULL, NULL);
	int r = key && EVP_PKEY_get_id(key) == EVP_PKEY_ED25519 ? fits(key, signature, data, size) : -EBADMSG;
	EVP_PKEY_free(key);
	return r;
}

const struct update_part devbus_part = {
	.part = { DEVBUS_VERSION },
	.fetch_start = fetch_kind_start,
	.hash_new = hash_new,
	.hash_restart = hash_restart,
	.hash_add = hash_add,
	.hash_finish = hash_finish,
	.hash_free = hash_free,
	.signature_fits = signature_fits,
};
