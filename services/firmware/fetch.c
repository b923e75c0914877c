// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* All that a URL needs is in the part that is loaded for an update. */
#include "update-part.h"

int fetch_start(const struct fetch_options *options, const struct fetch_host *host, struct fetch **ret_fetch,
	struct devbus_error *ret_error)
{
	const struct update_part *part;
	int r = update_part(&part);
	return r < 0 ? reason_errno(ret_error, r, UPDATE_PART_FILE)
		     : part->fetch_start(options, host, ret_fetch, ret_error);
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
