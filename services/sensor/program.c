// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* One run at a time of each sensor, which the sampler sees to: it asks no source again that has not answered. */
#include "program.h"
#include "attribute.h"

#include <devbus/host.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct run {
	struct run *next, **link;
	struct programs *programs;
	struct devbus_program *program;
	uint32_t number;
};

struct programs {
	struct devbus *bus;
	reader_handler *handler;
	reader_settled *settled;
	void *userdata;
	struct run *runs;
};

static void free_run(struct run *run)
{
	*run->link = run->next;
	if (run->next)
		run->next->link = run->link;
	free(run);
}

static int judge(const struct devbus_program_end *end, double *ret_value)
{
	if (end->timed_out)
		return -ETIMEDOUT;
	if (!end->good)
		return -ECHILD;
	return attribute_parse_number(end->output + strspn(end->output, " \t\n"), ret_value);
}

static void on_end(struct devbus *bus, const struct devbus_program_end *end, void *userdata)
{
	struct run *run = userdata;
	struct programs *programs = run->programs;
	uint32_t number = run->number;
	double value = 0;
	int error = judge(end, &value);

	(void)bus;
	if (error)
		devbus_log(DEVBUS_LOG_DEBUG, "%s", end->summary);
	free_run(run);
	programs->handler(programs->userdata, number, error, value);
	programs->settled(programs->userdata);
}

int programs_new(struct devbus *bus, reader_handler *handler, reader_settled *settled, void *userdata,
	struct programs **ret_programs)
{
	struct programs *programs = calloc(1, sizeof *programs);

	if (!programs)
		return -ENOMEM;
	*programs = (struct programs) {
		.bus = bus, .handler = handler, .settled = settled, .userdata = userdata
	};
	*ret_programs = programs;
	return 0;
}

void programs_free(struct programs *programs)
{
	while (programs && programs->runs) {
		devbus_program_kill(programs->runs->program);
		free_run(programs->runs);
	}
	free(programs);
}

static int start(struct programs *programs, struct run *run, const struct source *source)
{
	const char *const words[] = { source->path, source->attribute, NULL };
	const struct devbus_program_options options = {
		.words = words,
		.timeout_ms = source->timeout_ms,
		.handler = on_end,
		.userdata = run,
	};

	return devbus_program_start(programs->bus, &options, &run->program);
}

void programs_order(struct programs *programs, uint32_t number, const struct source *source)
{
	struct run *run = calloc(1, sizeof *run);
	int r = -ENOMEM;

	if (run) {
		*run = (struct run) { .next = programs->runs,
			.link = &programs->runs,
			.programs = programs,
			.number = number };
		if (run->next)
			run->next->link = &run->next;
		programs->runs = run;
		r = start(programs, run, source);
		if (r < 0)
			free_run(run);
	}
	if (r < 0)
		programs->handler(programs->userdata, number, r, 0);
}
