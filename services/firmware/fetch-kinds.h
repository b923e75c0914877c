// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* What each kind of source has for fetch.c. */
#ifndef FIRMWARE_FETCH_KINDS_H
#define FIRMWARE_FETCH_KINDS_H

#include "fetch.h"
#include "reason.h"

struct fetch_kind {
	int (*start)(const struct fetch_options *options, const struct fetch_host *host,
		struct fetch **ret_fetch, struct devbus_error *ret_error);
	void (*ready)(struct fetch *fetch, int fd, uint32_t events);
	void (*tick)(struct fetch *fetch);
	void (*free)(struct fetch *fetch);
};

/* First member of each kind's own struct. */
struct fetch {
	const struct fetch_kind *kind;
	const struct fetch_host *host;
};

extern const struct fetch_kind fetch_file, fetch_curl;

/* fetch_start() (fetch.h), once its part is loaded. */
int fetch_kind_start(const struct fetch_options *options, const struct fetch_host *host,
	struct fetch **ret_fetch, struct devbus_error *ret_error);

#endif
