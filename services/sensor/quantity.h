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

#endif
