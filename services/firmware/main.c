// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
#include "firmware.h"

int main(int argc, char *argv[])
{
	static const struct devbus_service service = {
		.name = "firmware",
		.summary =
			"Downloads, checks and installs the firmware of this device. See devbus-firmware(8).",
		.start = firmware_start,
		.stop = firmware_stop,
	};

	return devbus_main(argc, argv, &service);
}
