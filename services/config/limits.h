// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * Bounds on what the configuration may grow to, so that a caller can fill neither memory nor disk, and every answer
 * fits the payload limit of 128 KiB less headers (protocol 2.1).
 */
#ifndef DEVBUS_CONFIG_LIMITS_H
#define DEVBUS_CONFIG_LIMITS_H

#define SECTION_NAME_SIZE 65 /* a level of a topic (protocol 1.3) */

#define LIMIT_SECTIONS 64
#define LIMIT_SECTION_BYTES 16384 /* of the values, and of a patch, as compact JSON */
#define LIMIT_DEPTH 8 /* levels of objects and arrays in the values */
#define LIMIT_FILE_BYTES 65536 /* of a file that is read: three sets of values and room for the rest */
#define LIMIT_ANSWER_BYTES 98304 /* of one answer */

#endif
