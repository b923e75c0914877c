// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * What the methods answer and what is published. Secrets are masked; where the schema is not known, nobody knows what is a secret, and no
 * values are shown. Functions that cannot fail for another reason return NULL when memory is short.
 */
#ifndef DEVBUS_CONFIG_ANSWERS_H
#define DEVBUS_CONFIG_ANSWERS_H

#include "sections.h"

/* {"section","revision","values"}: the retained state, which is what is desired. */
struct devbus_json *answer_state(const struct sections *sections, const struct section *section);

/*
 * The same, and "reported" (what the owner says, protocol 7.4) and, while a change is not confirmed, "trial"
 * {"waits_for":"owner" or "cloud","before":REVISION}.
 */
struct devbus_json *answer_section(const struct sections *sections, const struct section *section);

/* {"sections":{NAME: the above without "section"}}. 0, -EMSGSIZE (more than LIMIT_ANSWER_BYTES) or -ENOMEM. */
int answer_all(struct sections *sections, struct devbus_json **ret_answer);

/*
 * {"changes":[{"section","revision","time","by","command","patch" or "rollback_to","undone"}],"truncated":bool}: of @section, or of all
 * (NULL), newest first, at most HISTORY_MAX of them and LIMIT_ANSWER_BYTES; "truncated" says that there are more.
 */
struct devbus_json *answer_history(struct sections *sections, struct section *section);

/* {"revision","values"}: the secrets alone, for the owner. */
struct devbus_json *answer_secrets(const struct sections *sections, const struct section *section);

#endif
