// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * On a terminal progress stays on one line; elsewhere each event is a line, so that a log can be read afterwards.
 */
#include "follow.h"
#include "ctl.h"
#include <stdlib.h>
#include <string.h>

#define BAR_WIDTH 20

/* To the begin of the line, erase it, and cut what is too long: a wrapped line could not be written over. */
static const char line_again[] = "\r\033[K\033[?7l", wrap_again[] = "\033[?7h";

void follow_begin(struct follow *follow, const char *service, const char *command, const char *id, bool json)
{
	*follow = (struct follow) {
		.service = service,
		.command = command,
		.id = id,
		.pretty = pretty_for(stderr),
		.json = json,
		.seq = -1,
	};
}

static const char *text_in(const struct devbus_json *object, const char *member)
{
	const char *text = devbus_json_string(devbus_json_get(object, member));

	return text ? text : "";
}

static bool is_ours(const struct follow *follow, const struct devbus_json *event)
{
	return event && !strcmp(text_in(event, "id"), follow->id) && *text_in(event, "state");
}

/* A repeat has the seq that it had (4.3). */
static bool is_news(struct follow *follow, const struct devbus_json *event)
{
	const char *state = text_in(event, "state");
	double seq = -1;

	devbus_json_number(devbus_json_get(event, "seq"), &seq);
	if (follow->final || (follow->seen && seq == follow->seq && !strcmp(state, follow->state)))
		return false;
	follow->seen = true;
	follow->seq = seq;
	snprintf(follow->state, sizeof follow->state, "%s", state);
	return true;
}

static void print_bar(const struct follow *follow, int percent)
{
	int full = percent * BAR_WIDTH / 100;

	fprintf(follow->pretty.out, " [%.*s%*s] %3d %%", full, "####################", BAR_WIDTH - full, "",
		percent);
}

static void print_progress(const struct follow *follow, const struct devbus_json *event)
{
	double percent;

	if (devbus_json_number(devbus_json_get(event, "progress"), &percent) == 0 && percent >= 0 &&
		percent <= 100)
		print_bar(follow, (int)percent);
	for (size_t i = 0; i < 2; i++) {
		const char *text = text_in(event, i ? "message" : "step");
		if (*text) {
			fputs("  ", follow->pretty.out);
			pretty_text(&follow->pretty, PRETTY_PLAIN, text, 0);
		}
	}
}

static void print_error(const struct follow *follow, const struct devbus_json *event)
{
	const struct devbus_json *error = devbus_json_get(event, "error");

	if (!error)
		return;
	fputs("  ", follow->pretty.out);
	pretty_text(&follow->pretty, PRETTY_BAD, text_in(error, "code"), 0);
	fputs(": ", follow->pretty.out);
	pretty_text(&follow->pretty, PRETTY_PLAIN, text_in(error, "message"), 0);
}

static void print_line(struct follow *follow, const struct devbus_json *event)
{
	const struct pretty *pretty = &follow->pretty;

	if (pretty->terminal)
		fputs(line_again, pretty->out);
	fprintf(pretty->out, "%s/%s ", follow->service, follow->command);
	pretty_text(pretty, pretty_state(follow->state), follow->state, 0);
	print_progress(follow, event);
	print_error(follow, event);
	follow->open_line = pretty->terminal && !follow->final;
	if (pretty->terminal)
		fputs(wrap_again, pretty->out);
	if (!follow->open_line)
		fputc('\n', pretty->out);
	fflush(pretty->out);
}

static void print_json(const struct devbus_json *event)
{
	char *text = devbus_json_print(event);

	puts(text ? text : "");
	fflush(stdout);
	free(text);
}

static void show(struct follow *follow, const struct devbus_json *event)
{
	const struct devbus_json *result = devbus_json_get(event, "result");

	if (follow->json) {
		print_json(event);
		return;
	}
	print_line(follow, event);
	if (result && devbus_json_count(result))
		ctl_print_result(result);
}

bool follow_event(struct follow *follow, const struct devbus_json *event)
{
	static const char *const finals[] = { "succeeded", "failed", "rejected" };

	if (!is_ours(follow, event) || !is_news(follow, event))
		return false;
	follow->succeeded = !strcmp(follow->state, finals[0]);
	for (size_t i = 0; i < sizeof finals / sizeof *finals; i++)
		follow->final |= !strcmp(follow->state, finals[i]);
	show(follow, event);
	return true;
}

void follow_end(struct follow *follow)
{
	if (follow->open_line)
		fputc('\n', follow->pretty.out);
	follow->open_line = false;
}
