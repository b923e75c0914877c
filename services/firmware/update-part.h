// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * What only an update needs, libcurl and libcrypto: they and what they link are four fifths of the memory of a service that waits for
 * its next update for months.
 */
#ifndef FIRMWARE_UPDATE_PART_H
#define FIRMWARE_UPDATE_PART_H

#include "../part/part.h"
#include "fetch-kinds.h"

#include <stdio.h>

#define UPDATE_PART_FILE "devbus-firmware-update.so"
#define SHA256_BYTES 32
#define SIGNATURE_BYTES 64 /* of Ed25519: RFC 8032, 5.1.6 */

struct hash;

struct update_part {
	struct part part;
	int (*fetch_start)(const struct fetch_options *options, const struct fetch_host *host,
		struct fetch **ret_fetch, struct devbus_error *ret_error);
	/* SHA-256. NULL: no memory, or the library refuses it; the others return 0 or -EIO. */
	struct hash *(*hash_new)(void);
	int (*hash_restart)(struct hash *hash);
	int (*hash_add)(struct hash *hash, const void *data, size_t size);
	int (*hash_finish)(struct hash *hash, unsigned char ret_bytes[SHA256_BYTES]);
	void (*hash_free)(struct hash *hash);
	/* Whether @signature is that of @data by @key, a public key of Ed25519 in PEM form: 1, 0, or -EBADMSG (it is no such key). */
	int (*signature_fits)(
		FILE *key, const unsigned char signature[SIGNATURE_BYTES], const void *data, size_t size);
};

/* In the module; a unit test links it. */
extern const struct update_part devbus_part;

/* Loads it the first time. Returns 0 or -ELIBACC (logged). tests/unit/linked-update.c replaces it. */
int update_part(const struct update_part **ret_part);

#endif
