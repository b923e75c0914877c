// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * The scales are those of the kernel's Documentation/hwmon/sysfs-interface.rst and proc(5). They are divisors, since
 * 25500 / 1000 is the double nearest to 25.5 and 25500 * 0.001 need not be. Uptime always changes, so no change of it is
 * news: its dead band is larger than any uptime.
 */
#include "quantity.h"

#define MEBIBYTES(n) ((n)*1048576.0)

const struct quantity quantity_temperature = { "temperature", "Cel", 1000, 0.5 };
const struct quantity quantity_voltage = { "voltage", "V", 1000, 0.05 };
const struct quantity quantity_current = { "current", "A", 1000, 0.05 };
const struct quantity quantity_power = { "power", "W", 1000000, 0.5 };
const struct quantity quantity_humidity = { "humidity", "%RH", 1000, 1 };
const struct quantity quantity_speed = { "fan", "1/min", 1, 50 };
const struct quantity quantity_load = { "load", "/", 1, 0.5 };
const struct quantity quantity_memory = { "memory", "B", 1 / 1024.0, MEBIBYTES(16) };
const struct quantity quantity_space = { "disk", "B", 1, MEBIBYTES(16) };
const struct quantity quantity_uptime = { "uptime", "s", 1, 1e12 };
