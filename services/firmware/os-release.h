// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
#ifndef FIRMWARE_OS_RELEASE_H
#define FIRMWARE_OS_RELEASE_H

#include "version.h"

/*
 * The version of the running system: IMAGE_VERSION of @file, or VERSION_ID if there is none (os-release(5)). Returns 0, or -ENOENT (no file,
 * or neither in it) or -EBADMSG (not a version); then @ret_version stays as it was.
 */
int os_release_version(const char *file, char ret_version[VERSION_MAX + 1]);

#endif
