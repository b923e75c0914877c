// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * Reading one attribute file of the kernel. All paths are below the folder @root (an fd), so that a
 * recorded tree can stand in for a machine.
 *
 * Files are opened with O_NONBLOCK and read once, so a FIFO, or an attribute that has nothing to say yet, fails
 * with -EAGAIN or -ENODATA and delays nobody. sysfs itself knows no O_NONBLOCK: a driver that sleeps in its read
 * function (1-wire: 750 ms) still delays the other sensors for that time.
 */
#ifndef DEVBUS_SENSOR_ATTRIBUTE_H
#define DEVBUS_SENSOR_ATTRIBUTE_H

#include <stddef.h>

/*
 * The file's text in one read, at most @size - 1 bytes, always terminated.
 * Returns its length, or -ENODATA (empty), -EAGAIN (nothing yet) or another negative errno.
 */
int attribute_read(int root, const char *path, char *text, size_t size);

/* The same for one line: without the newline and spaces around it. */
int attribute_read_line(int root, const char *path, char *line, size_t size);

/* The file's decimal number, which is all there is in it. Returns 0, -EBADMSG (no number) or as above. */
int attribute_read_number(int root, const char *path, double *ret_number);

/* The number at the start of @text up to a space or the end. Returns 0 or -EBADMSG. */
int attribute_parse_number(const char *text, double *ret_number);

#endif
