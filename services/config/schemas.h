// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * The schemas that owners of sections have published, by section. Copies are kept on disk, because after a start a change may be
 * ordered before the broker has delivered the retained schemas.
 */
#ifndef DEVBUS_CONFIG_SCHEMAS_H
#define DEVBUS_CONFIG_SCHEMAS_H

#include "limits.h"
#include <devbus/devbus.h>

struct schemas {
	int folder; /* fd of the copies: NAME.json */
	struct schema_entry {
		char section[SECTION_NAME_SIZE]; /* "": free */
		struct devbus_json *schema; /* NULL: it is unusable */
		struct devbus_error problem; /* why */
	} entries[LIMIT_SECTIONS];
};

/* Opens the folder @name in @parent, made if absent, and reads the copies. 0 or a negative errno. */
int schemas_open(struct schemas *schemas, int parent, const char *name);
void schemas_close(struct schemas *schemas);

/*
 * @schema is copied, in memory and on disk; NULL removes. Returns 0, 1 (it is another one than before), -EINVAL (unusable: remembered as such), -ENOSPC (too many),
 * -ENOMEM, or another negative errno if only the copy on disk failed.
 */
int schemas_put(struct schemas *schemas, const char *section, const struct devbus_json *schema);

/* Whether there is a schema, usable or not: whether @section has an owner. */
bool schemas_known(const struct schemas *schemas, const char *section);

/* The usable schema of @section, borrowed until the next change; NULL: none. Without one nobody knows which values are secret. */
const struct devbus_json *schemas_find(const struct schemas *schemas, const char *section);

/* Checks @values for @section. 0 (or no schema), -EINVAL with @ret_error, or -ENOMEM. */
int schemas_check(const struct schemas *schemas, const char *section, const struct devbus_json *values,
	struct devbus_error *ret_error);

#endif
