// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* Only the command line: everything else is a library that tests link. */
#include "service.h"

#include <devbus/devbus.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] = "Usage: devbus-config [OPTION]...\n"
			   "Keeps the configuration of this device and publishes it on its bus.\n"
			   "\n"
			   "  --config-dir DIR  read devbus.conf and devbus.d/ there\n"
			   "  --help            show this and exit\n"
			   "  --version         show the version and exit\n"
			   "\n"
			   "See devbus-config(8).\n";

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
			printf("devbus-config %s\n", devbus_version());
			return EXIT_SUCCESS;
		default:
			return 2;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "devbus-config: unexpected argument: %s\n", argv[optind]);
		return 2;
	}
	int r = config_run(config_dir);

	if (r < 0)
		fprintf(stderr, "devbus-config: %s\n", strerror(-r));
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
