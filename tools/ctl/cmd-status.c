// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * Who is there. The broker has the answer, in one retained message per service, but says nowhere that it has sent
 * all of them: so without --wait the list is complete when nothing has come for a while. And a retained status
 * outlives its service when both went down together, so --wait believes no "online" until the service has answered.
 */
#include "pretty.h"
#include "roster.h"
#include "target.h"
#include "wait.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *const states[] = { "starting", "online", "degraded", "offline", "lost", NULL };

#define QUIET_MS 150 /* after the last message; loopback needs less than one */
#define FIRST_MS 600 /* for the first message, subscribing included */

struct status_options {
	bool json;
	bool wait;
	uint32_t timeout_s;
	uint32_t pid;
	const char *until;
};

static const struct status_options initial = { .timeout_s = 10 };

static const struct option options_table[] = {
	OPTION(struct status_options, json, "json", .help = "one object: service to status"),
	OPTION(struct status_options, wait, "wait", .help = "until every SERVICE is online and answers"),
	OPTION(struct status_options, until, "until", .argument = "STATE", .help = "wait for this state"),
	OPTION(struct status_options, pid, "pid", .argument = "N", .min = 1,
		.help = "and until it was written by process N"),
	OPTION(struct status_options, timeout_s, "timeout-s", .argument = "N", .min = 1, .max = 86400,
		.help = "wait at most N seconds [10]"),
	{ 0 },
};

/* One service that --wait waits for. */
struct wanted {
	struct query *query;
	const char *name;
	bool asked, answered; /* its ping is on its way; it has come back */
};

#define PING_MS 1000

struct query {
	struct devbus *bus;
	struct wanted *wanted; /* one for each of names */
	const struct status_options *options;
	const char *until;
	bool waits;
	struct roster roster;
	int count; /* of the services asked for; 0: all */
	char **names;
	int64_t quiet_at_ms; /* when the list counts as complete */
	bool has_news;
};

static void on_status(struct devbus *bus, const struct devbus_message *message, void *userdata)
{
	struct query *query = userdata;
	int r = roster_update(&query->roster, message->topic, message->object);

	(void)bus;
	if (r < 0)
		ctl_error("%s: %s", message->topic, strerror(-r));
	query->quiet_at_ms = ctl_deadline(QUIET_MS);
	query->has_news = true;
}

static bool is_wanted(const struct query *query, const char *service)
{
	bool wanted = query->count == 0;

	for (int i = 0; i < query->count && !wanted; i++)
		wanted = !strcmp(query->names[i], service);
	return wanted;
}

static bool is_as_asked(const struct query *query, const char *name)
{
	const struct devbus_json *status = roster_find(&query->roster, name);
	const char *state = devbus_json_string(devbus_json_get(status, "state"));
	double pid = 0;

	if (!state || strcmp(state, query->until) != 0)
		return false;
	devbus_json_number(devbus_json_get(status, "pid"), &pid);
	return !query->options->pid || (uint32_t)pid == query->options->pid;
}

static bool are_all_as_asked(const struct query *query)
{
	bool all = true;

	for (int i = 0; i < query->count && all; i++)
		all = is_as_asked(query, query->names[i]);
	return all;
}

static void on_pong(struct devbus *bus, const struct devbus_outcome *outcome, void *userdata)
{
	struct wanted *wanted = userdata;

	(void)bus;
	wanted->asked = false;
	wanted->answered = !outcome->code;
}

static void ping(struct wanted *wanted)
{
	struct devbus_call call = {
		.service = wanted->name,
		.method = "ping",
		.timeout_ms = PING_MS,
		.handler = on_pong,
		.userdata = wanted,
	};

	wanted->asked = devbus_call(wanted->query->bus, &call, NULL) == 0;
}

/* Only who says "online" can be asked whether that is true. */
static bool is_confirmed(struct wanted *wanted)
{
	if (!is_as_asked(wanted->query, wanted->name)) {
		wanted->answered = false;
		return false;
	}
	if (strcmp(wanted->query->until, "online") != 0)
		return true;
	if (!wanted->answered && !wanted->asked)
		ping(wanted);
	return wanted->answered;
}

static bool are_all_confirmed(void *userdata)
{
	struct query *query = userdata;
	bool all = true;

	for (int i = 0; i < query->count; i++)
		all = is_confirmed(&query->wanted[i]) && all;
	return all;
}

static int await(struct query *query)
{
	query->wanted = calloc((size_t)query->count, sizeof *query->wanted);
	if (!query->wanted)
		return -ENOMEM;
	for (int i = 0; i < query->count; i++)
		query->wanted[i] = (struct wanted) { .query = query, .name = query->names[i] };
	return ctl_wait(query->bus, are_all_confirmed, query, ctl_deadline(query->options->timeout_s * 1000));
}

static bool has_news(void *userdata)
{
	return ((struct query *)userdata)->has_news;
}

static int gather(struct query *query)
{
	int r = 0;

	if (query->waits)
		return await(query);
	query->quiet_at_ms = ctl_deadline(FIRST_MS);
	while (r == 0) {
		query->has_news = false;
		r = ctl_wait(query->bus, has_news, query, query->quiet_at_ms);
	}
	return r == -ETIMEDOUT ? 0 : r;
}

static void print_json(const struct query *query)
{
	struct devbus_json *all = devbus_json_new_object();

	for (size_t i = 0; i < query->roster.count; i++)
		if (is_wanted(query, query->roster.entries[i].name))
			devbus_json_set(all, query->roster.entries[i].name,
				devbus_json_copy(query->roster.entries[i].status));
	ctl_print_result(all);
	devbus_json_free(all);
}

static void print(const struct query *query)
{
	struct roster_view view = { .count = 0 };

	if (query->options->json) {
		print_json(query);
		return;
	}
	for (size_t i = 0; i < query->roster.count && view.count < ROSTER_MAX; i++)
		if (is_wanted(query, query->roster.entries[i].name))
			view.entries[view.count++] = &query->roster.entries[i];
	roster_print(&view, pretty_for(stdout));
}

static void name_missing(const struct query *query)
{
	for (int i = 0; i < query->count; i++)
		if (!is_as_asked(query, query->names[i]))
			ctl_error("%s is not %s", query->names[i], query->until);
		else if (query->wanted && !query->wanted[i].answered)
			ctl_error("%s says that it is online, but does not answer", query->names[i]);
}

static int conclude(const struct query *query, int r)
{
	if (r == -EINTR)
		return CTL_INTERRUPTED;
	if (r < 0 && r != -ETIMEDOUT) {
		ctl_error("%s", strerror(-r));
		return CTL_NO;
	}
	print(query);
	if (r == 0 && are_all_as_asked(query))
		return CTL_OK;
	name_missing(query);
	return query->waits ? CTL_UNREACHABLE : CTL_NO;
}

static bool is_state(const char *word)
{
	const char *const *state = states;

	while (*state && strcmp(*state, word) != 0)
		state++;
	return *state;
}

static int check(const struct query *query)
{
	if (!is_state(query->until)) {
		ctl_error("--until %s: give starting, online, degraded, offline or lost", query->until);
		return -EINVAL;
	}
	for (int i = 0; i < query->count; i++)
		if (!ctl_level("service", query->names[i]))
			return -EINVAL;
	if (query->waits && query->count == 0) {
		ctl_error("--%s needs the names of services", query->options->until ? "until" : "wait");
		return -EINVAL;
	}
	return 0;
}

static int run(const struct ctl_globals *globals, const void *values, int count, char **words)
{
	const struct status_options *options = values;
	struct query query = {
		.options = options,
		.until = options->until ? options->until : "online",
		.waits = options->wait || options->until,
		.count = count,
		.names = words,
	};
	uint32_t connect_ms = query.waits ? options->timeout_s * 1000 : TARGET_TIMEOUT_MS;
	int r, result;

	if (check(&query) < 0)
		return CTL_USAGE;
	if ((result = target_open(globals, TARGET_CALLER, NULL, connect_ms, &query.bus)) != CTL_OK)
		return result;
	if ((r = devbus_subscribe(query.bus, "service/+/status", NULL, 0, on_status, &query)) >= 0)
		r = gather(&query);
	result = conclude(&query, r);
	devbus_close(query.bus);
	free(query.wanted);
	roster_clear(&query.roster);
	return result;
}

const struct ctl_command ctl_status = {
	.name = "status",
	.synopsis = "[SERVICE...]",
	.summary = "Lists the services with their states",
	.help = "With SERVICE: only these; status 1 unless all of them are online. With --wait: waits for it; status 3 if\n"
		"they are not in time.\n",
	.options = options_table,
	.options_size = sizeof(struct status_options),
	.initial = &initial,
	.words_max = -1,
	.run = run,
};
