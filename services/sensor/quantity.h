// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * What is measured: how the kernel counts it, how SenML (RFC 8428, RFC 8798) writes its unit, and how much of a change is
 * news. One table, so that a source only names a row.
 */
#ifndef DEVBUS_SENSOR_QUANTITY_H
#define DEVBUS_SENSOR_QUANTITY_H

struct quantity {
	const char *kind; /* for people and programs: "temperature" */
	const char *unit; /* SenML name */
	double divisor; /* what the kernel counts / divisor = value in the unit above */
	double dead_band; /* in the unit above: a smaller change waits for the next report */
};

extern const struct quantity quantity_temperature; /* kernel: 1/1000 Cel */
extern const struct quantity quantity_voltage; /* kernel: 1/1000 V */
extern const struct quantity quantity_current; /* kernel: 1/1000 A */
extern const struct quantity quantity_power; /* kernel: 1/1000000 W */
extern const struct quantity quantity_humidity; /* kernel: 1/1000 %RH */
extern const struct quantity quantity_speed; /* kernel: 1/min */
extern const struct quantity quantity_load;
extern const struct quantity quantity_memory; /* kernel: KiB */
extern const struct quantity quantity_space; /* statvfs(3): bytes */
extern const struct quantity quantity_uptime; /* kernel: s */
extern const struct quantity quantity_energy; /* kernel: 1/1000000 J */
extern const struct quantity quantity_traffic; /* kernel: bytes since the interface is there */
extern const struct quantity quantity_failures; /* kernel: a count of errors */
extern const struct quantity
	quantity_other; /* what a file or a program says, in a unit that the configuration names */

/* The same things as IIO counts them. */
extern const struct quantity quantity_iio_power; /* kernel: 1/1000 W */
extern const struct quantity quantity_iio_resistance; /* kernel: Ohm */
extern const struct quantity quantity_iio_capacitance; /* kernel: nF */
extern const struct quantity quantity_iio_pressure; /* kernel: kPa */
extern const struct quantity quantity_iio_illuminance; /* kernel: lx */
extern const struct quantity quantity_iio_acceleration; /* kernel: m/s2 */
extern const struct quantity quantity_iio_magnetic; /* kernel: Gauss */
extern const struct quantity quantity_iio_concentration; /* kernel: percent */
extern const struct quantity quantity_iio_distance; /* kernel: m */
extern const struct quantity quantity_iio_conductivity; /* kernel: S/m */

#endif
