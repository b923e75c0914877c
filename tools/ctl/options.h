// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * Command-line options as tables, so that parsing, bounds and the help text cannot disagree. getopt_long() would
 * need a second list for each, and the global options once more in each subcommand.
 */
#ifndef DEVBUSCTL_OPTIONS_H
#define DEVBUSCTL_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum option_type { OPTION_END = 0, OPTION_FLAG, OPTION_TEXT, OPTION_NUMBER };

/* One row; tables end with { 0 }. */
struct option {
	const char *name; /* without the leading dashes */
	enum option_type type;
	size_t offset; /* of the member that takes the value */
	const char *argument; /* its name in the help; NULL for a flag */
	uint32_t min, max; /* numbers; both 0: whatever fits */
	const char *help;
};

/* The type follows from the member: bool, const char * or uint32_t. */
#define OPTION(struct_type, member, option_name, ...)                                                        \
	{                                                                                                    \
		.name = option_name, .type = OPTION_TYPE(((struct_type *)0)->member),                        \
		.offset = offsetof(struct_type, member), __VA_ARGS__                                         \
	}

#define OPTION_TYPE(member)                                                                                  \
	_Generic((member), bool : OPTION_FLAG, const char * : OPTION_TEXT, uint32_t : OPTION_NUMBER)

/* A table and the struct that its values go to. */
struct option_set {
	const struct option *options; /* NULL: none */
	void *values;
};

/*
 * Reads options of @sets (ended by { NULL }) from @argv, wherever they stand, up to "--"; values are borrowed from
 * @argv. The other words are moved to its front. With @leading it stops at the first other word instead, and moves nothing.
 * Returns how many other words there are (with @leading: the index of the first one), or -EINVAL after saying why.
 */
int options_parse(const struct option_set sets[], bool leading, int argc, char **argv);

/* One line for each option. */
void options_help(FILE *out, const struct option *options);

#endif
