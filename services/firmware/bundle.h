// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * A signed image in one file, for devices without an installer that has a format of its own:
 *
 *	DEVBUS-IMAGE 1 <bytes of the manifest> <its signature, 128 hex digits>\n
 *	<manifest: JSON {"version","compatible","size","sha256"}>
 *	<the image>
 *
 * Ed25519 signs the manifest and not the image, because it signs in one go only, and an image does not fit into memory; the
 * manifest has the image's hash. It stands in front, so that an image for another device is known after its first kilobyte.
 */
#ifndef FIRMWARE_BUNDLE_H
#define FIRMWARE_BUNDLE_H

#include "backend.h"

struct bundle {
	struct backend_image image; /* as signed */
	off_t offset; /* of the image in the file */
};

/*
 * Reads and verifies all but the image itself, from the start of @fd; @keys_dir has public keys, *.pem, of which one must fit. Does not read the
 * image. Returns 0; or a negative errno with @ret_error: "signature" (no bundle, no key, a wrong signature), "checksum" (the file is too
 * short or too long), or "io-error".
 */
int bundle_read(int fd, const char *keys_dir, struct bundle *ret_bundle, struct devbus_error *ret_error);

#endif
