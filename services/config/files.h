// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* Walking a folder that is an open file descriptor. */
#ifndef DEVBUS_CONFIG_FILES_H
#define DEVBUS_CONFIG_FILES_H

/* Calls @visit for each entry of @folder until it returns an error. Hidden ones are left out. */
typedef int files_visit(const char *name, void *userdata);
int files_each(int folder, files_visit *visit, void *userdata);

#endif
