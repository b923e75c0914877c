// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* Only the command line: everything else is a library that tests link. */
#include "sensor.h"

#include <devbus/devbus.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] = "Usage: devbus-sensor [OPTION]...\n"
			   "Reads the sensors of this device and publishes them on its bus.\n"
			   "\n"
			   "  --config-dir DIR  read devbus.conf and devbus.d/ there\n"
			   "  --help            show this and exit\n"
			   "  --version         show the version and exit\n"
			   "\n"
			   "See devbus-sensor(8).\n";

static const struct option options[] = {
	{ "config-dir", required_argument, NULL, 'c' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ 0 },
};

int main(int argc, char **argv)
{
	const char *config_dir = NULL;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'c':
			config_dir = optarg;
			break;
		case 'h':
			fputs(help, stdout);
			return EXIT_SUCCESS;
		case 'V':
			printf("devbus-sensor %s\n", devbus_version());
			return EXIT_SUCCESS;
		default:
			return 2;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "devbus-sensor: unexpected argument: %s\n", argv[optind]);
		return 2;
	}
	int r = sensor_run(config_dir);

	if (r < 0)
		fprintf(stderr, "devbus-sensor: %s\n", strerror(-r));
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
