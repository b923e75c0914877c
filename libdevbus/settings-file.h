// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * The form of a settings file, apart from what it may say:
 *
 *	# a comment; also behind a value, after a space
 *	key = value
 *	[section]
 *
 * There are no quotation marks, escapes or continued lines: what stands there is the value.
 */
#ifndef DEVBUS_INTERNAL_SETTINGS_FILE_H
#define DEVBUS_INTERNAL_SETTINGS_FILE_H

#include <devbus/error.h>
#include <stdbool.h>
#include <stddef.h>

/* The largest settings file that is read, in bytes. */
#define SETTINGS_FILE_MAX (256 * 1024)

/* What a file or variable is called in a message: its end, if it is long, so that the message keeps room for the remedy. */
#define SETTINGS_PLACE_MAX 100

/*
 * Both return 0, or -EINVAL or -ENOMEM with @ret_error, to which file and line are added. @section returns 1 to
 * have the lines of this section skipped unread. @section is not called for the lines in front of the first one.
 */
struct settings_file_reader {
	int (*section)(const char *name, void *userdata, struct devbus_error *ret_error);
	int (*entry)(
		unsigned line, const char *key, char *value, void *userdata, struct devbus_error *ret_error);
	void *userdata;
};

/*
 * Reads @text, which is changed. @path is for messages. @skip_head: the lines in front of the first section are
 * skipped. Returns 0, -EINVAL or -ENOMEM.
 */
int settings_file_parse(char *text, size_t size, const char *path, bool skip_head,
	const struct settings_file_reader *reader, struct devbus_error *ret_error);

/* The same for the file @path; one that is not there is an empty one. Also a negative errno of reading, -EFBIG. */
int settings_file_read(const char *path, bool skip_head, const struct settings_file_reader *reader,
	struct devbus_error *ret_error);

/* The end of @path that a message has room for. */
const char *settings_place(const char *path);

#endif
