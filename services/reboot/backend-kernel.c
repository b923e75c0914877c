// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* The last resort, for a device with nothing but this service: processes get no chance to end. Needs CAP_SYS_BOOT. */
#include "backend.h"

#include <errno.h>
#include <string.h>
#include <sys/reboot.h>
#include <unistd.h>

static enum answer check(struct backends *backends)
{
	(void)backends;
	return ANSWER_YES;
}

static enum answer run(struct backends *backends)
{
	devbus_log(DEVBUS_LOG_WARNING, "reboot(2): neither logind nor the command is there");
	sync();
	reboot(RB_AUTOBOOT);
	return backend_say(backends, ANSWER_NO, DEVBUS_E_IO_ERROR, "reboot(2): %s; it needs CAP_SYS_BOOT",
		strerror(errno));
}

const struct backend backend_kernel = { "kernel", check, run, NULL };
