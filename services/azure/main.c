// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
#include "azure.h"

int main(int argc, char *argv[])
{
	static const struct devbus_service service = {
		.name = "azure",
		.summary = "Speaks the forms of Azure IoT Hub for all services. See devbus-azure(8).",
		.start = azure_start,
		.stop = azure_stop,
	};

	return devbus_main(argc, argv, &service);
}
