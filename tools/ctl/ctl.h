// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * What the subcommands of devbusctl share. A subcommand is one file and one const entry; main.c only lists them.
 */
#ifndef DEVBUSCTL_CTL_H
#define DEVBUSCTL_CTL_H

#include "options.h"
#include <devbus/devbus.h>

/* Part of the interface: scripts branch on them (devbusctl(1)). */
enum ctl_exit {
	CTL_OK = 0,
	CTL_NO = 1, /* the other side said no, or it did not succeed */
	CTL_USAGE = 2,
	CTL_UNREACHABLE = 3, /* no connection, or no answer in time */
	CTL_INTERRUPTED = 130, /* SIGINT or SIGTERM: 128 + 2, as shells say it */
};

/* Options that every subcommand takes. Borrowed from argv. */
struct ctl_globals {
	const char *dir;
	const char *config_dir;
	const char *broker;
	const char *cloud;
	const char *cloud_prefix;
	const char *user;
	const char *password_file;
	bool help;
	bool version;
};

struct ctl_command {
	const char *name;
	const char *synopsis; /* what follows the name */
	const char *summary; /* one line */
	const char *help; /* more about it; NULL: nothing */
	const struct option *options; /* NULL: none */
	size_t options_size; /* sizeof the struct of @options */
	const void *initial; /* its values before parsing; NULL: all zero */
	int words_min, words_max; /* how many other words it takes; max -1: any number */
	int (*run)(const struct ctl_globals *globals, const void *options, int count, char **words);
};

extern const struct ctl_command ctl_call, ctl_describe, ctl_publish, ctl_send, ctl_status, ctl_version,
	ctl_watch;

/* One line to standard error, with the program's name. */
void ctl_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Parses an object from the command line; NULL text is an empty object. Says what is wrong. 0 or -EINVAL. */
int ctl_object(const char *text, struct devbus_json **ret_object);

/* Whether @level is a topic level (protocol 1.3); if not, says so, naming @what. */
bool ctl_level(const char *what, const char *level);

/* A result object for a person on a terminal, one line of JSON for a program. */
void ctl_print_result(const struct devbus_json *result);

#endif
