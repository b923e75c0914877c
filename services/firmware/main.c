// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* devbus-firmware(8): options, and the order in which the parts come and go. */
#include "firmware.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] = "Usage: devbus-firmware [--config-dir DIR]\n"
			    "The service `firmware` of devbus: see devbus-firmware(8).\n"
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
	/* devbus_open() takes it out of the environment, since Paho would obey it for the broker. */
	const char *variable = getenv("http_proxy");
	char *http_proxy = variable ? strdup(variable) : NULL;
	struct devbus_options open = { .name = "firmware", .config_dir = config_dir };
	struct devbus *bus = NULL;
	struct firmware *firmware = NULL;
	int r = devbus_open_with(&open, &bus);
	if (r == 0)
		r = firmware_new(bus, http_proxy, &firmware);
	if (r == 0)
		r = devbus_run(bus);
	firmware_free(firmware);
	devbus_close(bus);
	free(http_proxy);
	if (r < 0)
		fprintf(stderr, "devbus-firmware: %s\n", strerror(-r));
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
			printf("devbus-firmware %s\n", devbus_version());
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
