// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* What the writing halves of the envelope share: objects are built by one chain of calls with one way out. */
#ifndef DEVBUS_INTERNAL_ENVELOPE_BUILD_H
#define DEVBUS_INTERNAL_ENVELOPE_BUILD_H

#include "envelope.h"

/* Put a member into @object. A NULL @text puts nothing; bytes that are not UTF-8 become '?'. 0 or -ENOMEM. */
int envelope_put_text(struct devbus_json *object, const char *name, const char *text);
int envelope_put_number(struct devbus_json *object, const char *name, double number);
int envelope_put_error(struct devbus_json *object, const char *code, const char *message);

/* Hands @object over when @r is 0, frees it otherwise. Returns @r. */
int envelope_finish(int r, struct devbus_json *object, struct devbus_json **ret_object);

/* An optional member that must be a string: 0 with its text (borrowed) or NULL, -EINVAL for another type. */
int envelope_get_text(const struct devbus_json *object, const char *name, const char **ret_text);

#endif
