// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* Beside the running program, not in a fixed place: so the build tree uses its own, and nothing in the environment can name another. */
#include "part.h"

#include <devbus/devbus.h>
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Writes the path of @file beside the program. Returns whether it fits. */
static bool make_path(const char *file, char path[PATH_MAX])
{
	ssize_t size = readlink("/proc/self/exe", path, PATH_MAX - 1);
	path[size > 0 ? size : 0] = '\0';
	char *slash = strrchr(path, '/');
	size_t folder = slash ? (size_t)(slash + 1 - path) : 0;
	return (size_t)snprintf(path + folder, PATH_MAX - folder, "%s", file) < PATH_MAX - folder;
}

int part_load(const char *file, const struct part **ret_part)
{
	char path[PATH_MAX];
	void *module = make_path(file, path) ? dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE) : NULL;
	const struct part *part = module ? dlsym(module, "devbus_part") : NULL;
	if (!part) {
		const char *why = dlerror();
		devbus_log(DEVBUS_LOG_ERROR, "cannot load a part of this service: %s; install devbus again",
			why ? why : file);
		return -ELIBACC;
	}
	if (strcmp(part->version, DEVBUS_VERSION) != 0) {
		devbus_log(DEVBUS_LOG_ERROR, "%s is of devbus %s, this process of %s: restart the service",
			path, part->version, DEVBUS_VERSION);
		return -ELIBACC;
	}
	*ret_part = part;
	return 0;
}
