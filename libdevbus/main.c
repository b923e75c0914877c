// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
#include <devbus/devbus.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STATUS_USAGE = 2 };

static const struct option options[] = {
	{ "config-dir", required_argument, NULL, 'c' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ 0 },
};

static void print_help(FILE *file, const char *program, const struct devbus_service *service)
{
	fprintf(file,
		"Usage: %s [OPTION]...\n%s\n\n"
		"  --config-dir DIR  read devbus.conf and devbus.d/%s.conf there\n"
		"  --help            show this and exit\n"
		"  --version         show the version and exit\n",
		program, service->summary ? service->summary : "A service of devbus.", service->name);
}

static int run(const char *program, const char *config_dir, const struct devbus_service *service)
{
	const struct devbus_options open = {
		.name = service->name, .version = service->version, .config_dir = config_dir
	};
	struct devbus *bus = NULL;
	void *started = NULL;
	int r = devbus_open_with(&open, &bus);

	if (r == 0) {
		r = service->start(bus, &started);
		if (r == 0)
			r = devbus_run(bus);
		if (service->stop)
			service->stop(started);
		devbus_close(bus);
	}
	if (r < 0)
		fprintf(stderr, "%s: %s\n", program, strerror(-r));
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

int devbus_main(int argc, char *argv[], const struct devbus_service *service)
{
	const char *program = strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argv[0];
	const char *config_dir = NULL;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'c':
			config_dir = optarg;
			break;
		case 'h':
			print_help(stdout, program, service);
			return EXIT_SUCCESS;
		case 'V':
			printf("%s %s\n", program, service->version ? service->version : devbus_version());
			return EXIT_SUCCESS;
		default:
			return STATUS_USAGE;
		}
	}
	if (optind == argc)
		return run(program, config_dir, service);
	fprintf(stderr, "%s: unexpected argument %s; --help shows what there is\n", program, argv[optind]);
	return STATUS_USAGE;
}
