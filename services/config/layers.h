// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* What a device was set to, on top of what its vendor chose. */
#ifndef DEVBUS_CONFIG_LAYERS_H
#define DEVBUS_CONFIG_LAYERS_H

#include <devbus/devbus.h>

/* The merge patch (RFC 7396) that makes @to of @from; both are objects that were merged, so hold no null. NULL: memory is short. */
struct devbus_json *layers_patch(const struct devbus_json *from, const struct devbus_json *to);

/* What @values become when the vendor's values under them change from @before to @after. NULL: memory is short. */
struct devbus_json *layers_rebase(
	const struct devbus_json *values, const struct devbus_json *before, const struct devbus_json *after);

#endif
