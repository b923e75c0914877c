// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* See options.h. Forms: --name, --name VALUE, --name=VALUE; no short ones, since they would have to be remembered. */
#include "options.h"
#include "ctl.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct option *find_in(const struct option *options, const char *name, size_t length)
{
	for (; options && options->type; options++)
		if (strlen(options->name) == length && !strncmp(options->name, name, length))
			return options;
	return NULL;
}

static const struct option *find(
	const struct option_set sets[], const char *name, size_t length, void **ret_values)
{
	for (; sets->values; sets++) {
		const struct option *option = find_in(sets->options, name, length);
		if (option) {
			*ret_values = sets->values;
			return option;
		}
	}
	return NULL;
}

static int store_number(const struct option *option, const char *text, uint32_t *ret_number)
{
	uint32_t max = option->max ? option->max : UINT32_MAX;
	char *end;

	errno = 0;
	unsigned long long number = strtoull(text, &end, 10);
	if (errno || *end || end == text || *text < '0' || *text > '9' || number < option->min ||
		number > max) {
		ctl_error("--%s %s: give a whole number from %u to %u", option->name, text, option->min, max);
		return -EINVAL;
	}
	*ret_number = (uint32_t)number;
	return 0;
}

static int store(const struct option *option, void *values, const char *text)
{
	char *member = (char *)values + option->offset;

	if (option->type == OPTION_NUMBER)
		return store_number(option, text, (uint32_t *)(void *)member);
	if (option->type == OPTION_TEXT)
		memcpy(member, &text, sizeof text);
	else
		*(bool *)member = true;
	return 0;
}

/* Returns how many words it took, or -EINVAL. */
static int parse_one(const struct option_set sets[], int argc, char **argv)
{
	const char *name = argv[0] + 2, *value = strchr(name, '=');
	size_t length = value ? (size_t)(value - name) : strlen(name);
	void *values = NULL;
	const struct option *option = find(sets, name, length, &values);
	int words = 1;

	if (!option) {
		ctl_error("%s: unknown option; see --help", argv[0]);
		return -EINVAL;
	}
	if (option->type == OPTION_FLAG && value) {
		ctl_error("--%s takes no value", option->name);
		return -EINVAL;
	}
	if (value) {
		value++;
	} else if (option->type != OPTION_FLAG) {
		if (argc < 2) {
			ctl_error("--%s needs a value: %s", option->name, option->argument);
			return -EINVAL;
		}
		value = argv[1];
		words = 2;
	}
	int r = store(option, values, value);
	return r < 0 ? r : words;
}

static int keep_rest(int words, int index, int argc, char **argv)
{
	for (; index < argc; index++)
		argv[words++] = argv[index];
	return words;
}

static bool is_option(const char *word)
{
	return word[0] == '-' && word[1] != '\0';
}

int options_parse(const struct option_set sets[], bool leading, int argc, char **argv)
{
	int words = 0;

	for (int i = 0; i < argc;) {
		if (!is_option(argv[i])) {
			if (leading)
				return i;
			argv[words++] = argv[i++];
			continue;
		}
		if (!strcmp(argv[i], "--"))
			return leading ? i + 1 : keep_rest(words, i + 1, argc, argv);
		if (argv[i][1] != '-') {
			ctl_error("%s: unknown option; options begin with two dashes, see --help", argv[i]);
			return -EINVAL;
		}
		int r = parse_one(sets, argc - i, argv + i);
		if (r < 0)
			return r;
		i += r;
	}
	return leading ? argc : words;
}

void options_help(FILE *out, const struct option *options)
{
	char left[64];

	for (; options && options->type; options++) {
		snprintf(left, sizeof left, "--%s%s%s", options->name, options->argument ? " " : "",
			options->argument ? options->argument : "");
		fprintf(out, "  %-26s %s\n", left, options->help);
	}
}
