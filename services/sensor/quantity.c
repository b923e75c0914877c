// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * The scales are those of the kernel's Documentation/hwmon/sysfs-interface.rst, Documentation/ABI/testing/sysfs-bus-iio and
 * proc(5). They are divisors, since
 * 25500 / 1000 is the double nearest to 25.5 and 25500 * 0.001 need not be. Uptime and counters always change, so no change of
 * theirs is news: their dead band is larger than any value.
 */
#include "quantity.h"

#define MEBIBYTES(n) ((n)*1048576.0)
#define NEVER 1e300

const struct quantity quantity_temperature = { "temperature", "Cel", 1000, 0.5 };
const struct quantity quantity_voltage = { "voltage", "V", 1000, 0.05 };
const struct quantity quantity_current = { "current", "A", 1000, 0.05 };
const struct quantity quantity_power = { "power", "W", 1000000, 0.5 };
const struct quantity quantity_humidity = { "humidity", "%RH", 1000, 1 };
const struct quantity quantity_energy = { "energy", "J", 1000000, 1000 };
const struct quantity quantity_speed = { "fan", "1/min", 1, 50 };
const struct quantity quantity_load = { "load", "/", 1, 0.5 };
const struct quantity quantity_memory = { "memory", "B", 1 / 1024.0, MEBIBYTES(16) };
const struct quantity quantity_space = { "disk", "B", 1, MEBIBYTES(16) };
const struct quantity quantity_uptime = { "uptime", "s", 1, NEVER };
const struct quantity quantity_traffic = { "traffic", "B", 1, NEVER };
const struct quantity quantity_failures = { "failures", "count", 1, 0 };
const struct quantity quantity_other = { "other", "", 1, 0 };

const struct quantity quantity_iio_power = { "power", "W", 1000, 0.5 };
const struct quantity quantity_iio_resistance = { "resistance", "Ohm", 1, 1 };
const struct quantity quantity_iio_capacitance = { "capacitance", "F", 1e9, 1e-9 };
const struct quantity quantity_iio_pressure = { "pressure", "Pa", 0.001, 50 };
const struct quantity quantity_iio_illuminance = { "illuminance", "lx", 1, 10 };
const struct quantity quantity_iio_acceleration = { "acceleration", "m/s2", 1, 0.5 };
const struct quantity quantity_iio_magnetic = { "magnetic", "T", 10000, 1e-5 };
const struct quantity quantity_iio_concentration = { "concentration", "/", 100, 2e-5 };
const struct quantity quantity_iio_distance = { "distance", "m", 1, 0.01 };
const struct quantity quantity_iio_conductivity = { "conductivity", "S/m", 1, 0.01 };
