// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * One struct, one small file: what is read is always a whole file, the old or the new one, whenever power goes.
 */
#ifndef FIRMWARE_SAVE_H
#define FIRMWARE_SAVE_H

#include <devbus/devbus.h>

/*
 * Writes *@value, described by @fields, as JSON to @name in the folder @dir_fd. On return it is on disk: a temporary file is
 * written, synced and renamed, and the folder synced. Returns 0 or a negative errno; the old file is then still there.
 */
int save_write(int dir_fd, const char *name, const struct devbus_field *fields, const void *value);

/* Reads it back. Returns 0, -ENOENT, -EBADMSG (no such JSON in it), or another negative errno. */
int save_read(int dir_fd, const char *name, const struct devbus_field *fields, void *ret_value);

/* Makes @path with its parents, mode 0700, and opens it. Returns an fd that the caller closes, or a negative errno. */
int save_open_dir(const char *path);

#endif
