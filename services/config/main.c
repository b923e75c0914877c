// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
#include "service.h"

int main(int argc, char *argv[])
{
	static const struct devbus_service service = {
		.name = "config",
		.summary =
			"Keeps the configuration of this device, in sections owned by services. See devbus-config(8).",
		.start = config_start,
		.stop = config_stop,
	};

	return devbus_main(argc, argv, &service);
}
