// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* devbus-reboot(8): options, and the order in which the parts come and go. */
#include "reboot.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] = "Usage: devbus-reboot [--config-dir DIR]\n"
			    "The service `reboot` of devbus: see devbus-reboot(8).\n"
			    "\n"
			    "  --config-dir DIR  folder of devbus.conf\n"
			    "  --help            this text\n"
			    "  --version         the version\n";

static const struct option options[] = {
	{ "config-dir", required_argument, NULL, 'c' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'v' },
	{ 0 },
};

static int serve(const char *config_dir)
{
	struct devbus_options open = { .name = "reboot", .config_dir = config_dir };
	struct devbus *bus = NULL;
	struct reboot *reboot = NULL;
	int r = devbus_open_with(&open, &bus);
	if (r == 0)
		r = reboot_new(bus, &reboot);
	if (r == 0)
		r = devbus_run(bus);
	reboot_free(reboot);
	devbus_close(bus);
	if (r < 0)
		fprintf(stderr, "devbus-reboot: %s\n", strerror(-r));
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

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
			fputs(usage, stdout);
			return EXIT_SUCCESS;
		case 'v':
			printf("devbus-reboot %s\n", devbus_version());
			return EXIT_SUCCESS;
		default:
			fputs(usage, stderr);
			return 2;
		}
	}
	if (optind < argc) {
		fputs(usage, stderr);
		return 2;
	}
	return serve(config_dir);
}
