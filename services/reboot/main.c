// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
#include "reboot.h"

int main(int argc, char *argv[])
{
	static const struct devbus_service service = {
		.name = "reboot",
		.summary = "Reboots this device on order, and proves that it did. See devbus-reboot(8).",
		.start = reboot_start,
		.stop = reboot_stop,
	};

	return devbus_main(argc, argv, &service);
}
