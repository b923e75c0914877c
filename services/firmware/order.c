// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* A table of checks, in the order in which a person would want to hear about them. */
#include "order.h"
#include "reason.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>

const struct devbus_field order_fields[] = {
	DEVBUS_FIELD(struct order, url, .flags = DEVBUS_REQUIRED, .min = 1, .max = URL_MAX,
		.description = "Where the image is: https://, http:// or file://"),
	DEVBUS_FIELD(struct order, sha256, .flags = DEVBUS_REQUIRED, .min = 64, .max = 64,
		.description = "SHA-256 of the image, 64 hexadecimal digits"),
	DEVBUS_FIELD(struct order, version, .flags = DEVBUS_REQUIRED, .min = 1, .max = VERSION_MAX,
		.description = "Version of the image; must be newer than the one that runs unless forced"),
	DEVBUS_FIELD(struct order, size, .description = "Size of the image in bytes; 0 or absent: not known"),
	DEVBUS_FIELD(struct order, force, .description = "Install the same or an older version too"),
	{ 0 },
};

static bool scheme_allowed(const char *url, const char *protocols)
{
	const char *end = strstr(url, "://");
	size_t size = end ? (size_t)(end - url) : 0;
	while (size > 0 && *protocols) {
		size_t word = strcspn(protocols, ", ");
		if (word == size && strncasecmp(protocols, url, size) == 0)
			return true;
		protocols += word;
		protocols += strspn(protocols, ", ");
	}
	return false;
}

static int check_url(const struct order *order, const struct order_rules *rules, struct devbus_error *error)
{
	for (const char *c = order->url; *c; c++)
		if ((unsigned char)*c <= ' ' || *c == 0x7f)
			return reason_set(
				error, -EINVAL, DEVBUS_E_INVALID_ARGS, "url: blank or control character");
	if (!scheme_allowed(order->url, rules->protocols))
		return reason_set(
			error, -EINVAL, DEVBUS_E_INVALID_ARGS, "url: scheme is none of %s", rules->protocols);
	return 0;
}

static int check_sha256(
	const struct order *order, const struct order_rules *rules, struct devbus_error *error)
{
	(void)rules;
	if (strlen(order->sha256) == 64 && strspn(order->sha256, "0123456789abcdefABCDEF") == 64)
		return 0;
	return reason_set(error, -EINVAL, DEVBUS_E_INVALID_ARGS, "sha256: not 64 hexadecimal digits");
}

static int check_size(const struct order *order, const struct order_rules *rules, struct devbus_error *error)
{
	if (order->size <= rules->max_size_bytes)
		return 0;
	return reason_set(error, -EPERM, DEVBUS_E_REFUSED,
		"size: %" PRIu64 " bytes, at most %" PRIu64 " are allowed", order->size,
		rules->max_size_bytes);
}

int order_check_newer(const struct order *order, const char *running, struct devbus_error *ret_error)
{
	if (order->force || !*running || version_compare(order->version, running) > 0)
		return 0;
	return reason_set(ret_error, -EPERM, DEVBUS_E_REFUSED, "version: %s is not newer than %s, which runs",
		order->version, running);
}

static int check_version(
	const struct order *order, const struct order_rules *rules, struct devbus_error *error)
{
	if (!version_valid(order->version))
		return reason_set(error, -EINVAL, DEVBUS_E_INVALID_ARGS,
			"version: not letters, digits, '.', '+' and '-'");
	return order_check_newer(order, rules->version, error);
}

int order_check(const struct order *order, const struct order_rules *rules, struct devbus_error *ret_error)
{
	static int (*const checks[])(
		const struct order *, const struct order_rules *, struct devbus_error *) = {
		check_url,
		check_sha256,
		check_size,
		check_version,
	};
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		int r = checks[i](order, rules, ret_error);
		if (r < 0)
			return r;
	}
	return 0;
}

bool order_matches(const struct order *order, const char *digest)
{
	return strcasecmp(order->sha256, digest) == 0;
}
