// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* What the value of a schema's word must look like, so that checking by it cannot fail. */
#ifndef DEVBUS_CONFIG_SHAPE_H
#define DEVBUS_CONFIG_SHAPE_H

#include <devbus/devbus.h>

bool shape_bool(const struct devbus_json *limit);
bool shape_number(const struct devbus_json *limit);
bool shape_object(const struct devbus_json *limit);
bool shape_list(const struct devbus_json *limit);

/* A list of strings. */
bool shape_name_list(const struct devbus_json *limit);

/* The name of a type. */
bool shape_type(const struct devbus_json *limit);

/* A regular expression that means the same in POSIX and in ECMA 262. */
bool shape_pattern(const struct devbus_json *limit);

#endif
