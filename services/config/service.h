// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* The service `config`: the sections on the bus. */
#ifndef DEVBUS_CONFIG_SERVICE_H
#define DEVBUS_CONFIG_SERVICE_H

/*
 * Runs until a signal ends it. @config_dir: NULL is the default of devbus_open(). What goes wrong is in the log.
 * Returns 0 or a negative errno.
 */
int config_run(const char *config_dir);

#endif
