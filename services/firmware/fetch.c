// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* Picks the kind by the URL's scheme, and passes on. */
#include "fetch-kinds.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
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

void fetch_error(struct devbus_error *error, const char *code, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	snprintf(error->code, sizeof(error->code), "%s", code);
	vsnprintf(error->message, sizeof(error->message), format, args);
	va_end(args);
}

int fetch_start(const struct fetch_options *options, const struct fetch_host *host, struct fetch **ret_fetch,
	struct devbus_error *ret_error)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strncasecmp(options->url, kinds[i].prefix, strlen(kinds[i].prefix)) == 0)
			return kinds[i].kind->start(options, host, ret_fetch, ret_error);
	fetch_error(ret_error, DEVBUS_E_INVALID_ARGS, "url: not file://, http:// or https://");
	return -EINVAL;
}

void fetch_ready(struct fetch *fetch, int fd, uint32_t events)
{
	fetch->kind->ready(fetch, fd, events);
}

void fetch_tick(struct fetch *fetch)
{
	fetch->kind->tick(fetch);
}

void fetch_free(struct fetch *fetch)
{
	if (fetch)
		fetch->kind->free(fetch);
}
