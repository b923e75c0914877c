// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* The library may be another one than the tool was built with, so both are asked. */
#include "ctl.h"

#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION "unknown"
#endif

static int run(const struct ctl_globals *globals, const void *options, int count, char **words)
{
	(void)globals, (void)options, (void)count, (void)words;
	printf("devbusctl %s\nlibdevbus %s\n", PACKAGE_VERSION, devbus_version());
	return CTL_OK;
}

const struct ctl_command ctl_version = {
	.name = "version",
	.synopsis = "",
	.summary = "Prints the versions of this tool and of the library",
	.run = run,
};
