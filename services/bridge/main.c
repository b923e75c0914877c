// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
#include "bridge.h"

int main(int argc, char *argv[])
{
	static const struct devbus_service service = {
		.name = "bridge",
		.summary = "Watches the way to the cloud and the other services. See devbus-bridge(8).",
		.start = bridge_start,
		.stop = bridge_stop,
	};

	return devbus_main(argc, argv, &service);
}
