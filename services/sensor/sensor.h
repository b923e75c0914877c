// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* The service `sensor`: the sampler on the bus. */
#ifndef DEVBUS_SENSOR_SENSOR_H
#define DEVBUS_SENSOR_SENSOR_H

/*
 * Runs until a signal ends it. @config_dir: NULL is the default of devbus_open(). What goes wrong is in the log.
 * Returns 0 or a negative errno.
 */
int sensor_run(const char *config_dir);

#endif
