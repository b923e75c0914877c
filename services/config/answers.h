// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* What the methods answer. Functions that cannot fail for another reason return NULL when memory is short. */
#ifndef DEVBUS_CONFIG_ANSWERS_H
#define DEVBUS_CONFIG_ANSWERS_H

#include "sections.h"

/* {"section","revision","values"} */
struct devbus_json *answer_section(const struct section *section);

/* {"sections":{NAME:{"revision","values"}}}. 0, -EMSGSIZE (more than LIMIT_ANSWER_BYTES) or -ENOMEM. */
int answer_all(struct sections *sections, struct devbus_json **ret_answer);

/*
 * {"changes":[{"section","revision","time","command","patch" or "rollback_to"}],"truncated":bool}: of @section, or of all
 * (NULL), newest first, at most HISTORY_MAX of them and LIMIT_ANSWER_BYTES; "truncated" says that there are more.
 */
struct devbus_json *answer_history(struct sections *sections, struct section *section);

#endif
