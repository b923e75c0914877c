// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* Picks the kind by the URL's scheme. */
#include "fetch-kinds.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

static const struct {
	const char *prefix;
	const struct fetch_kind *kind;
} kinds[] = {
	{ "file://", &fetch_file },
	{ "http://", &fetch_curl },
	{ "https://", &fetch_curl },
};

int fetch_kind_start(const struct fetch_options *options, const struct fetch_host *host,
	struct fetch **ret_fetch, struct devbus_error *ret_error)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strncasecmp(options->url, kinds[i].prefix, strlen(kinds[i].prefix)) == 0)
			return kinds[i].kind->start(options, host, ret_fetch, ret_error);
	return reason_set(ret_error, -EINVAL, DEVBUS_E_INVALID_ARGS, "url: not file://, http:// or https://");
}
