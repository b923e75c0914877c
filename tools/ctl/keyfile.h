// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * One value out of a file of KEY=VALUE lines: testbed.env, and the part of devbus.conf before its first [section].
 */
#ifndef DEVBUSCTL_KEYFILE_H
#define DEVBUSCTL_KEYFILE_H

#include <stddef.h>

/* The first value of @key, without blanks around it. Returns 0, -ENOENT (no such key), -E2BIG or a negative errno. */
int keyfile_get(const char *path, const char *key, char *ret_value, size_t size);

/* The first line of a file that only its owner and group may read. Returns 0, -EPERM, -E2BIG or a negative errno. */
int keyfile_secret(const char *path, char *ret_secret, size_t size);

#endif
