// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* A local call from the shell (protocol 5). */
#include "request.h"

struct call_options {
	uint32_t timeout_ms;
};

static const struct call_options initial = { .timeout_ms = 5000 };

static const struct option options_table[] = {
	OPTION(struct call_options, timeout_ms, "timeout-ms", .argument = "N", .min = 1, .max = 3600000,
		.help = "wait N ms for connection and answer together [5000]"),
	{ 0 },
};

static int run(const struct ctl_globals *globals, const void *values, int count, char **words)
{
	const struct call_options *options = values;
	struct devbus_json *args = NULL, *result = NULL;

	if (!ctl_level("service", words[0]) || !ctl_level("method", words[1]) ||
		ctl_object(count > 2 ? words[2] : NULL, &args) < 0)
		return CTL_USAGE;
	int status = request_make(globals, words[0], words[1], args, options->timeout_ms, &result);
	if (status == CTL_OK)
		ctl_print_result(result);
	devbus_json_free(result);
	return status;
}

const struct ctl_command ctl_call = {
	.name = "call",
	.synopsis = "SERVICE METHOD [JSON]",
	.summary = "Calls a method of a service and prints its result",
	.help = "JSON is the object of arguments, such as '{\"sensor\":\"cpu\"}'. See also: devbusctl describe SERVICE.\n",
	.options = options_table,
	.options_size = sizeof(struct call_options),
	.initial = &initial,
	.words_min = 2,
	.words_max = 3,
	.run = run,
};
