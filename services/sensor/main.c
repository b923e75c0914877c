// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
#include "sensor.h"

int main(int argc, char *argv[])
{
	static const struct devbus_service service = {
		.name = "sensor",
		.summary =
			"Reads the sensors of this device and publishes them on its bus. See devbus-sensor(8).",
		.start = sensor_start,
		.stop = sensor_stop,
	};

	return devbus_main(argc, argv, &service);
}
