// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* Sections in a temporary folder, and orders in one line each. */
#ifndef DEVBUS_TEST_CONFIG_KIT_H
#define DEVBUS_TEST_CONFIG_KIT_H

#include "services/config/answers.h"
#include "services/config/change.h"

#include <devbus/error.h>

#define NOW "2026-01-31T12:00:00.000Z"

extern char config_dir[64]; /* state and vendor folder are below it */
extern struct sections *sections;
extern struct devbus_error config_error; /* of the last order */
extern const char *config_time; /* of the next orders; NOW at first */

/* A checked fixture: sections in a new folder, opened; closed and removed. */
void config_set_up(void);
void config_tear_down(void);

/* Closes and opens, as a new start of the service does. */
void config_restart(void);

/* An owner of @section that allows any values; or one with this schema (NULL: it takes it back): what sections_schema() returned. */
void config_own(const char *section);
int config_schema(const char *section, const char *text);

/* Orders as a local call, and the owner takes it; @values is JSON text. What the order returned. */
int config_set(const char *section, const char *values);
int config_set_if(const char *section, const char *values, int64_t if_revision);
int config_set_by(const char *section, const char *values, const char *command);
int config_begin(const char *section, const char *values, const char *command); /* the owner says nothing */
int config_rollback(const char *section, int64_t revision);

/* Ends the test unless the section prints as @expected: {"section":...,"revision":...,"values":...}. */
void config_assert(const char *section, const char *expected);

/* A file below config_dir, e.g. "state/sections/net.json". */
void config_write(const char *path, const char *text);
bool config_exists(const char *path);
void config_delete(const char *path);

#endif
