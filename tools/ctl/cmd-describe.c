// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* What a service says about itself (protocol 4.7), from the tables that check its requests. */
#include "pretty.h"
#include "request.h"
#include <stdlib.h>
#include <string.h>

struct describe_options {
	bool json;
	uint32_t timeout_ms;
};

static const struct describe_options initial = { .timeout_ms = 5000 };

static const struct option options_table[] = {
	OPTION(struct describe_options, json, "json", .help = "the description as the service gives it"),
	OPTION(struct describe_options, timeout_ms, "timeout-ms", .argument = "N", .min = 1, .max = 3600000,
		.help = "wait N ms for connection and answer together [5000]"),
	{ 0 },
};

static const char *text_of(const struct devbus_json *object, const char *member)
{
	const char *text = devbus_json_string(devbus_json_get(object, member));

	return text ? text : "";
}

static bool is_true(const struct devbus_json *object, const char *member)
{
	bool yes = false;

	devbus_json_bool(devbus_json_get(object, member), &yes);
	return yes;
}

static bool is_required(const struct devbus_json *schema, const char *name)
{
	const struct devbus_json *item = devbus_json_first(devbus_json_get(schema, "required"));

	while (item && (!devbus_json_string(item) || strcmp(devbus_json_string(item), name) != 0))
		item = devbus_json_next(item);
	return item != NULL;
}

/* The keywords of JSON Schema that a person wants to see, in this order. */
static const struct {
	const char *keyword, *before;
} limits[] = {
	{ "minimum", " >= " },
	{ "maximum", " <= " },
	{ "maxLength", ", length <= " },
	{ "pattern", ", matches " },
	{ "enum", ", one of " },
	{ "default", ", default " },
};

/* Where the text about an argument, or a method, stands and goes on. */
enum { ARGUMENT_COLUMN = 27, METHOD_COLUMN = 36 };

static int print_words(const struct pretty *pretty, const char *text, int column)
{
	return pretty_words(pretty, PRETTY_PLAIN, text, column, ARGUMENT_COLUMN);
}

static int print_value(const struct pretty *pretty, const struct devbus_json *value, int column)
{
	char *text = devbus_json_print(value);

	column = print_words(pretty, text ? text : "?", column);
	free(text);
	return column;
}

/* Choices are words of their own, so that a line can end between them. */
static int print_choices(const struct pretty *pretty, const struct devbus_json *choices, int column)
{
	for (const struct devbus_json *choice = devbus_json_first(choices); choice;) {
		column = print_value(pretty, choice, column);
		choice = devbus_json_next(choice);
		if (choice)
			column = print_words(pretty, ", ", column);
	}
	return column;
}

static int print_limit(const struct pretty *pretty, const struct devbus_json *value, int column)
{
	if (devbus_json_type(value) == DEVBUS_JSON_ARRAY)
		return print_choices(pretty, value, column);
	return print_value(pretty, value, column);
}

static int print_limits(const struct pretty *pretty, const struct devbus_json *property)
{
	const char *type = text_of(property, "type");
	int column = print_words(pretty, *type ? type : "any", ARGUMENT_COLUMN);

	for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
		const struct devbus_json *value = devbus_json_get(property, limits[i].keyword);

		if (!value)
			continue;
		column = print_words(pretty, limits[i].before, column);
		column = print_limit(pretty, value, column);
	}
	return column;
}

static void print_argument(
	const struct pretty *pretty, const struct devbus_json *schema, const struct devbus_json *property)
{
	const char *name = devbus_json_name(property), *description = text_of(property, "description");
	int column;

	fputs("      ", pretty->out);
	pretty_text(pretty, PRETTY_NAME, name, 20);
	fputc(' ', pretty->out);
	column = print_limits(pretty, property);
	if (is_required(schema, name))
		pretty_words(pretty, PRETTY_PLAIN, ", required", column, ARGUMENT_COLUMN);
	fputc('\n', pretty->out);
	if (*description) {
		fprintf(pretty->out, "%*s", ARGUMENT_COLUMN, "");
		pretty_words(pretty, PRETTY_DIM, description, ARGUMENT_COLUMN, ARGUMENT_COLUMN);
		fputc('\n', pretty->out);
	}
}

static void print_method(const struct pretty *pretty, const struct devbus_json *method)
{
	const struct devbus_json *schema = devbus_json_get(method, "args");
	const struct devbus_json *property = devbus_json_first(devbus_json_get(schema, "properties"));

	fputs("  ", pretty->out);
	pretty_text(pretty, PRETTY_BOLD, text_of(method, "name"), 16);
	fputs(is_true(method, "command") ? " call, command  " : " call           ", pretty->out);
	pretty_words(pretty, PRETTY_PLAIN, text_of(method, "description"), METHOD_COLUMN, METHOD_COLUMN);
	fputc('\n', pretty->out);
	for (; property; property = devbus_json_next(property))
		print_argument(pretty, schema, property);
}

static void print(const struct pretty *pretty, const struct devbus_json *description)
{
	const struct devbus_json *method = devbus_json_first(devbus_json_get(description, "methods"));

	pretty_text(pretty, PRETTY_BOLD, text_of(description, "service"), 0);
	fputc(' ', pretty->out);
	pretty_text(pretty, PRETTY_PLAIN, text_of(description, "version"), 0);
	fputc('\n', pretty->out);
	for (; method; method = devbus_json_next(method))
		print_method(pretty, method);
	if (devbus_json_get(description, "limits")) {
		fputs("Limits: ", pretty->out);
		pretty_json(pretty, devbus_json_get(description, "limits"), 8, 8);
		fputc('\n', pretty->out);
	}
}

static int run(const struct ctl_globals *globals, const void *values, int count, char **words)
{
	const struct describe_options *options = values;
	struct devbus_json *result = NULL;
	struct pretty pretty = pretty_for(stdout);

	(void)count;
	if (!ctl_level("service", words[0]))
		return CTL_USAGE;
	int status = request_make(
		globals, words[0], "describe", devbus_json_new_object(), options->timeout_ms, &result);
	if (status == CTL_OK && options->json) {
		ctl_print_result(result);
	} else if (status == CTL_OK) {
		print(&pretty, result);
	}
	devbus_json_free(result);
	return status;
}

const struct ctl_command ctl_describe = {
	.name = "describe",
	.synopsis = "SERVICE",
	.summary = "Shows the methods of a service, with their arguments and limits",
	.options = options_table,
	.options_size = sizeof(struct describe_options),
	.initial = &initial,
	.words_min = 1,
	.words_max = 1,
	.run = run,
};
