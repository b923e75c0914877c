// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * What an update may be, decided before any byte is fetched. Pure: an order, the rules of this device and the version that
 * runs go in, yes or no comes out.
 */
#ifndef FIRMWARE_ORDER_H
#define FIRMWARE_ORDER_H

#include "digest.h"
#include "version.h"

#include <devbus/devbus.h>

#define URL_MAX 1024 /* bytes, without the NUL */

/* The arguments of `update`. */
struct order {
	char url[URL_MAX + 1];
	char sha256[SHA256_TEXT_SIZE]; /* in either case */
	char version[VERSION_MAX + 1];
	uint64_t size; /* bytes; 0: not told */
	bool force; /* also an older or the same version */
};
extern const struct devbus_field order_fields[];

struct order_rules {
	const char *protocols; /* allowed URL schemes, between commas */
	uint64_t max_size_bytes; /* of an image */
	const char *version; /* that runs; "": not known, anything is newer */
};

/*
 * Whether the order is well formed and allowed. Returns 0; -EINVAL with "invalid-args" (form), or -EPERM with "refused" (too large, or not
 * newer and not forced) in @ret_error.
 */
int order_check(const struct order *order, const struct order_rules *rules, struct devbus_error *ret_error);

/* The version of @order against the running one. Returns 0, or -EPERM with "refused". */
int order_check_newer(const struct order *order, const char *running, struct devbus_error *ret_error);

/* Whether @digest, in lower case, is what the order asks for. */
bool order_matches(const struct order *order, const char *digest);

#endif
