// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * Live traffic, for people: aligned, coloured and folded on a terminal; for programs: one message a line, three
 * fields. A payload may be no JSON and no text, since this shows what is there and not what should be.
 */
#include "pretty.h"
#include "target.h"
#include "wait.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct watch_options {
	uint32_t count;
	uint32_t timeout_s;
	bool at_cloud;
	bool no_retained;
};

static const struct option options_table[] = {
	OPTION(struct watch_options, count, "count", .argument = "N", .min = 1,
		.help = "end after N messages"),
	OPTION(struct watch_options, timeout_s, "timeout-s", .argument = "N", .min = 1, .max = 86400,
		.help = "end after N seconds"),
	OPTION(struct watch_options, at_cloud, "at-cloud", .help = "at the cloud's broker, not the device's"),
	OPTION(struct watch_options, no_retained, "no-retained", .help = "leave out what was there before"),
	{ 0 },
};

struct watch {
	const struct watch_options *options;
	struct pretty pretty;
	uint32_t count;
	int topic_width; /* of the longest topic so far, within reason: columns line up */
};

#define TOPIC_WIDTH_MAX 40
#define TIME_WIDTH 12

static void print_payload(struct watch *watch, const void *payload, size_t size, int column)
{
	struct devbus_json *value = NULL;

	if (size == 0) {
		pretty_text(&watch->pretty, PRETTY_DIM, "(empty)", 0);
	} else if (watch->pretty.terminal && devbus_json_parse(payload, size, &value, NULL) == 0) {
		pretty_json(&watch->pretty, value, column, TIME_WIDTH + 2);
		devbus_json_free(value);
	} else {
		pretty_bytes(&watch->pretty, PRETTY_PLAIN, payload, size);
	}
}

static void widen(struct watch *watch, const char *topic)
{
	int length = (int)strlen(topic);

	if (watch->pretty.terminal && length > watch->topic_width)
		watch->topic_width = length < TOPIC_WIDTH_MAX ? length : TOPIC_WIDTH_MAX;
}

static void on_message(struct devbus *bus, const char *topic, const void *payload, size_t size, bool retained,
	void *userdata)
{
	struct watch *watch = userdata;
	char time[DEVBUS_TIME_SIZE];

	(void)bus;
	if ((retained && watch->options->no_retained) ||
		(watch->options->count && watch->count >= watch->options->count))
		return;
	devbus_time(time);
	time[strlen(time) - 1] = '\0'; /* the Z */
	widen(watch, topic);
	pretty_text(&watch->pretty, PRETTY_DIM, time + strlen("2026-01-31T"), TIME_WIDTH);
	fputs(retained ? " = " : "   ", stdout);
	pretty_text(&watch->pretty, PRETTY_BOLD, topic, watch->topic_width);
	fputs("  ", stdout);
	print_payload(watch, payload, size, TIME_WIDTH + 5 + watch->topic_width);
	putchar('\n');
	fflush(stdout);
	watch->count++;
}

/* A reader that went away ("| head") ends it too. */
static bool is_done(void *userdata)
{
	const struct watch *watch = userdata;

	return ferror(stdout) || (watch->options->count && watch->count >= watch->options->count);
}

static int subscribe_all(struct devbus *bus, struct watch *watch, int count, char **words)
{
	static char everything[] = "#";
	char *all[] = { everything };

	if (count == 0) {
		words = all;
		count = 1;
	}
	for (int i = 0; i < count; i++) {
		int r = devbus_subscribe_raw(bus, words[i], on_message, watch);
		if (r < 0) {
			ctl_error("%s: %s", words[i], r == -EINVAL ? "is no topic filter" : strerror(-r));
			return r;
		}
	}
	return 0;
}

/* Ctrl-C is how one leaves a watch, and the end of --timeout-s is no failure unless messages were counted. */
static int conclude(const struct watch *watch, int r)
{
	if (r == -ETIMEDOUT && watch->options->count)
		ctl_error("%u of %u messages came in %u s", watch->count, watch->options->count,
			watch->options->timeout_s);
	if (r == -ETIMEDOUT)
		return watch->options->count ? CTL_UNREACHABLE : CTL_OK;
	if (r == -EINTR)
		return watch->options->count ? CTL_INTERRUPTED : CTL_OK;
	if (r < 0)
		ctl_error("%s", strerror(-r));
	return r < 0 ? CTL_NO : CTL_OK;
}

static int run(const struct ctl_globals *globals, const void *values, int count, char **words)
{
	struct watch watch = { .options = values, .pretty = pretty_for(stdout) };
	enum target_door door = watch.options->at_cloud ? TARGET_CLOUD : TARGET_MONITOR;
	int64_t deadline_ms = CTL_FOREVER;
	struct devbus *bus = NULL;
	int result = target_open(globals, door, NULL, TARGET_TIMEOUT_MS, &bus);

	if (result != CTL_OK)
		return result;
	if (watch.options->timeout_s)
		deadline_ms = ctl_deadline(watch.options->timeout_s * 1000);
	if (subscribe_all(bus, &watch, count, words) < 0)
		result = CTL_USAGE;
	else
		result = conclude(&watch, ctl_wait(bus, is_done, &watch, deadline_ms));
	devbus_close(bus);
	return result;
}

const struct ctl_command ctl_watch = {
	.name = "watch",
	.synopsis = "[FILTER...]",
	.summary = "Shows live traffic: time (UTC), topic, payload",
	.help = "FILTER is an MQTT topic filter [#]. \"=\" marks what was there before (retained).\n"
		"Connects as the user monitor where there is one: it may read everything; cli may not.\n",
	.options = options_table,
	.options_size = sizeof(struct watch_options),
	.words_max = -1,
	.run = run,
};
