// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * devbusctl: a person's or a script's hand on the bus. This file knows which subcommands there are and nothing
 * about any of them.
 */
#include "ctl.h"
#include "wait.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct ctl_command *const commands[] = {
	&ctl_status,
	&ctl_watch,
	&ctl_call,
	&ctl_send,
	&ctl_publish,
	&ctl_describe,
	&ctl_version,
	NULL,
};

static const struct option global_options[] = {
	OPTION(struct ctl_globals, dir, "dir", .argument = "DIR",
		.help = "folder of a devbus-testbed (or $DEVBUS_TESTBED)"),
	OPTION(struct ctl_globals, config_dir, "config-dir", .argument = "DIR",
		.help = "folder of devbus.conf (or $DEVBUS_CONFIG_DIR)"),
	OPTION(struct ctl_globals, broker, "broker", .argument = "HOST:PORT", .help = "the device's broker"),
	OPTION(struct ctl_globals, cloud, "cloud", .argument = "HOST:PORT",
		.help = "the cloud's broker, without TLS"),
	OPTION(struct ctl_globals, cloud_prefix, "cloud-prefix", .argument = "PREFIX",
		.help = "of the device's topics at the cloud"),
	OPTION(struct ctl_globals, user, "user", .argument = "USER", .help = "at the broker that is used"),
	OPTION(struct ctl_globals, password_file, "password-file", .argument = "FILE",
		.help = "its first line is the password"),
	OPTION(struct ctl_globals, help, "help", .help = "this text"),
	OPTION(struct ctl_globals, version, "version", .help = "the versions"),
	{ 0 },
};

static void help_all(FILE *out)
{
	fprintf(out, "usage: devbusctl [OPTIONS] COMMAND ...\n\nCommands:\n");
	for (const struct ctl_command *const *command = commands; *command; command++)
		fprintf(out, "  %-10s %s\n", (*command)->name, (*command)->summary);
	fprintf(out, "\nOptions of every command:\n");
	options_help(out, global_options);
	fprintf(out, "\nExit status: 0 done; 1 the other side said no, or it did not succeed; 2 usage;\n"
		     "3 no connection, or no answer in time; 130 interrupted.\n"
		     "More: devbusctl COMMAND --help, devbusctl(1).\n");
}

static int help_one(const struct ctl_command *command)
{
	printf("usage: devbusctl %s%s%s\n%s.\n", command->name, *command->synopsis ? " " : "",
		command->synopsis, command->summary);
	if (command->help)
		printf("%s", command->help);
	if (command->options) {
		printf("\nOptions:\n");
		options_help(stdout, command->options);
	}
	printf("\nOptions of every command:\n");
	options_help(stdout, global_options);
	return CTL_OK;
}

static const struct ctl_command *find(const char *name)
{
	for (const struct ctl_command *const *command = commands; *command; command++)
		if (!strcmp((*command)->name, name))
			return *command;
	return NULL;
}

static int run(const struct ctl_command *command, struct ctl_globals *globals, int argc, char **argv)
{
	void *values = calloc(1, command->options_size ? command->options_size : 1);
	const struct option_set sets[] = { { command->options, values }, { global_options, globals }, { 0 } };
	int result = CTL_USAGE;

	if (!values) {
		ctl_error("%s", strerror(ENOMEM));
		return CTL_NO;
	}
	if (command->initial)
		memcpy(values, command->initial, command->options_size);
	int words = options_parse(sets, false, argc, argv);
	if (words >= 0 && globals->help)
		result = help_one(command);
	else if (words >= 0 && globals->version)
		result = ctl_version.run(globals, NULL, 0, NULL);
	else if (words >= 0 &&
		 (words < command->words_min || (command->words_max >= 0 && words > command->words_max)))
		ctl_error("usage: devbusctl %s %s", command->name, command->synopsis);
	else if (words >= 0)
		result = command->run(globals, values, words, argv);
	free(values);
	return result;
}

/* A tool tells its own story; of the library's log only what explains a failure. */
static void quiet_log(void)
{
	setenv("DEVBUS_LOG", "warning", 0);
}

int main(int argc, char **argv)
{
	struct ctl_globals globals = { .dir = getenv("DEVBUS_TESTBED") };
	const struct option_set sets[] = { { global_options, &globals }, { 0 } };
	int first = options_parse(sets, true, argc - 1, argv + 1) + 1;

	if (first < 1)
		return CTL_USAGE;
	if (globals.version)
		return ctl_version.run(&globals, NULL, 0, NULL);
	if (first == argc) {
		help_all(globals.help ? stdout : stderr);
		return globals.help ? CTL_OK : CTL_USAGE;
	}
	const struct ctl_command *command = find(argv[first]);
	if (!command) {
		ctl_error("%s: unknown command; see devbusctl --help", argv[first]);
		return CTL_USAGE;
	}
	quiet_log();
	ctl_catch_signals();
	int result = run(command, &globals, argc - first - 1, argv + first + 1);
	if (fflush(stdout) != 0 && result == CTL_OK)
		result = CTL_NO;
	return result;
}
