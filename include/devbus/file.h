// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * Small files that survive a power cut: a reader, or the next start, sees the whole old text or the whole new one. For
 * what a service must remember beside its commands and events, which the library keeps itself.
 *
 * Folders are open file descriptors (openat(2)), names are relative to them. Files and folders are made for their owner alone (missing
 * parents of a folder: 0755).
 * These functions wait for the disk. From any thread.
 */
#ifndef DEVBUS_FILE_H
#define DEVBUS_FILE_H

#include <devbus/field.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Opens the folder @path, relative to @parent (AT_FDCWD: the working directory); it is made, with its parents, if absent, and is on disk
 * then. Returns an fd that the caller closes, or a negative errno (-EINVAL: @path is empty).
 */
int devbus_folder(int parent, const char *path);

/*
 * Puts @size bytes of @text in place of file @name: a temporary file is written, synced and renamed, and the folder synced.
 * Returns 0 or a negative errno; the old file is in place then, unless only the sync of the folder failed.
 */
int devbus_file_write(int folder, const char *name, const char *text, size_t size);
int devbus_file_write_json(int folder, const char *name, const struct devbus_json *value);

/*
 * Reads a file as JSON; the caller frees the value. Returns 0, -ENOENT, -EFBIG (more than @limit bytes), -EBADMSG (no JSON; @ret_error,
 * which may be NULL, says why), -ENOMEM, or another negative errno of reading.
 */
int devbus_file_read_json(int folder, const char *name, size_t limit, struct devbus_json **ret_value,
	struct devbus_error *ret_error);

/* One struct, one file of at most 64 KiB (-EFBIG: larger, not saved). Loading returns -EBADMSG as well when the file does not fit the table. */
int devbus_file_save(int folder, const char *name, const struct devbus_field *fields, const void *value);
int devbus_file_load(int folder, const char *name, const struct devbus_field *fields, void *ret_value);

/* Removes a file, on disk when this returns; that it is not there is fine. Returns 0 or a negative errno. */
int devbus_file_remove(int folder, const char *name);

#ifdef __cplusplus
}
#endif
#endif
