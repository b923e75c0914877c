// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * Files that are whole at every instant: a reader, or the next start after a power cut, sees the old text or the new one.
 * Names are relative to @folder, an fd. Mode 0600: a section may hold what not every user should read.
 */
#ifndef DEVBUS_CONFIG_FILES_H
#define DEVBUS_CONFIG_FILES_H

#include <devbus/devbus.h>
#include <stddef.h>

/* Opens the folder @name, made if absent (its name then is on disk when this returns). An fd or a negative errno. */
int files_folder(int folder, const char *name);

/*
 * Puts @text (@size bytes) in place of file @name: temporary file, fsync, rename, fsync of the folder.
 * Returns 0 or a negative errno; the old file is in place then, unless only the folder's fsync failed.
 */
int files_write(int folder, const char *name, const char *text, size_t size);

/* The same with a value as text. -ENOMEM besides. */
int files_write_json(int folder, const char *name, const struct devbus_json *value);

/*
 * The file as a value that the caller frees. Returns 0, -ENOENT, -EFBIG (more than @limit bytes), -EBADMSG (no JSON;
 * @ret_error says why, may be NULL) or another negative errno of reading.
 */
int files_read_json(int folder, const char *name, size_t limit, struct devbus_json **ret_value,
	struct devbus_error *ret_error);

/* Calls @visit for each entry of @folder until it returns an error. Hidden ones are left out. */
typedef int files_visit(const char *name, void *userdata);
int files_each(int folder, files_visit *visit, void *userdata);

#endif
