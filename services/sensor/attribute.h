// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * Reading one attribute file of the kernel. All paths are below the folder @root (an fd), so that a
 * recorded tree can stand in for a machine.
 *
 * Values may keep the reader waiting for as long as the driver likes (1-wire: 750 ms, a hung I2C bus: for ever), and sysfs knows no
 * O_NONBLOCK: they are read in the threads of reader.h. Names and labels are read while devices are looked for, in the
 * loop's thread: they are constants of the drivers, and the files are opened with O_NONBLOCK all the same.
 */
#ifndef DEVBUS_SENSOR_ATTRIBUTE_H
#define DEVBUS_SENSOR_ATTRIBUTE_H

#include <stddef.h>

/*
 * The file's text in one read, at most @size - 1 bytes, always terminated. May block.
 * Returns its length, or -ENODATA (empty) or another negative errno.
 */
int attribute_read(int root, const char *path, char *text, size_t size);

/* A name: the first line, without the newline and spaces around it. Does not block: -EAGAIN. */
int attribute_read_name(int root, const char *path, char *name, size_t size);

/* The file's decimal number, which is all there is in it. May block. Returns 0, -EBADMSG (no number) or as above. */
int attribute_read_number(int root, const char *path, double *ret_number);

/* The number at the start of @text up to a space or the end. Returns 0 or -EBADMSG. */
int attribute_parse_number(const char *text, double *ret_number);

#endif
