// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * What a caller may do to a section. Functions return 1 when the section is on trial for this order (now, or since a life before this
 * one), 0 when nothing had to be done, or a negative errno with @ret_error for the caller.
 */
#ifndef DEVBUS_CONFIG_CHANGE_H
#define DEVBUS_CONFIG_CHANGE_H

#include "sections.h"
#include <devbus/devbus.h>

/* Who asks for a change. */
struct order {
	const char *section;
	const char *command; /* id; NULL: a local call. An id that made a kept change makes no second one */
	const char *by; /* "cloud", or a user */
	const char *time; /* RFC 3339 */
	int64_t if_revision; /* negative: whatever is in force */
};

/* Whether @patch could be one, of whatever section: an object within the limits. 0 or a negative errno. */
int change_check_patch(const struct devbus_json *patch, struct devbus_error *ret_error);

/*
 * Merges @patch (RFC 7396) into the section. The whole result must fit its schema. Values that do not change keep the
 * revision.
 */
int change_set(struct sections *sections, const struct order *order, const struct devbus_json *patch,
	struct devbus_error *ret_error);

/*
 * The section in which command @command (NULL: a local call) has begun already, else the one that was changed last by a change
 * that held. NULL: there is none.
 */
const struct section *change_latest(struct sections *sections, const char *command);

/* Makes the values of @revision (negative: the one before the one in force; 0: the vendor's) the next revision. */
int change_rollback(struct sections *sections, const struct order *order, int64_t revision,
	struct devbus_error *ret_error);

#endif
