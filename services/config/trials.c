// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * One section has one trial at a time; what else is ordered for it meanwhile waits, in the order in which it came. So of several changes
 * with the same if_revision the first that holds wins, and the others are told the revision that they missed.
 *
 * What ends a trial is judged from what is known, when something new is known and twice a second: so a disk that refuses the
 * end of a trial is simply tried again.
 */
#include "trials.h"
#include "answers.h"
#include "asker.h"
#include "change.h"
#include "refusal.h"
#include "settings.h"
#include "turns.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { JUDGE_INTERVAL_MS = 500 };

struct trials {
	struct devbus *bus;
	struct sections *sections;
	const struct settings *settings;
	struct turn *turns;
	struct devbus_timer *timer; /* NULL: nothing is on trial */
};

void trials_publish(struct trials *trials, const struct section *section)
{
	int r = devbus_publish_json(
		trials->bus, DEVBUS_STATE, section->name, answer_state(trials->sections, section));

	if (r < 0)
		devbus_log(DEVBUS_LOG_ERROR, "section %s was not published: %s", section->name, strerror(-r));
	devbus_degraded(trials->bus, sections_problem(trials->sections));
}

/* ---- the end of a trial */

static void run_waiting(struct trials *trials, const char *name);

static void ended(struct trials *trials, struct section *section, const struct devbus_error *why)
{
	struct asker *asker = section->asker;
	char name[SECTION_NAME_SIZE];

	strcpy(name, section->name);
	section->asker = NULL;
	asker_done(asker, section, why);
	run_waiting(trials, name);
}

static void undo(struct trials *trials, struct section *section, const struct devbus_error *why)
{
	uint64_t failed = section->revision;
	int r = section_undo(&trials->sections->folders, section, why);

	if (r < 0) {
		devbus_log(DEVBUS_LOG_ERROR, "section %s: revision %" PRIu64 " cannot be undone yet: %s",
			section->name, failed, strerror(-r));
		return;
	}
	devbus_log(DEVBUS_LOG_WARNING, "section %s is back at revision %" PRIu64 ": %s", section->name,
		section->revision, why->message);
	trials_publish(trials, section);
	ended(trials, section, why);
}

static void keep(struct trials *trials, struct section *section)
{
	int r = section_keep(&trials->sections->folders, section);

	if (r < 0) {
		devbus_log(DEVBUS_LOG_ERROR, "section %s cannot be written: %s", section->name, strerror(-r));
		return;
	}
	devbus_log(DEVBUS_LOG_INFO, "section %s is at revision %" PRIu64 " now", section->name,
		section->revision);
	ended(trials, section, NULL);
}

static void refuse_waiting(struct trials *trials, const struct section *section);

static void tell_to_confirm(const struct trials *trials, const struct section *section)
{
	if (section->asker)
		devbus_progress(section->asker->request, -1, "confirm",
			"revision %" PRIu64 " of %s is in force for %u s; send config/confirm to keep it",
			section->revision, section->name, (unsigned)trials->settings->confirm_timeout_s);
}

static bool needs_cloud(const struct trials *trials, const struct section *section)
{
	const char *names = trials->settings->confirm_sections;
	size_t length = strlen(section->name);

	for (; *names; names += strspn(names, " ")) {
		size_t word = strcspn(names, " ");

		if (word == length && strncmp(names, section->name, length) == 0)
			return true;
		names += word;
	}
	return false;
}

static void taken(struct trials *trials, struct section *section)
{
	if (!needs_cloud(trials, section)) {
		keep(trials, section);
		return;
	}
	int r = section_await_cloud(
		&trials->sections->folders, section, (int64_t)trials->settings->confirm_timeout_s * 1000);

	if (r < 0) {
		devbus_log(DEVBUS_LOG_ERROR, "section %s cannot be written: %s", section->name, strerror(-r));
		return;
	}
	tell_to_confirm(trials, section);
	refuse_waiting(trials, section);
}

static bool says(const struct devbus_json *report, const struct section *section)
{
	double revision;

	return devbus_json_number(devbus_json_get(report, "revision"), &revision) == 0 &&
	       revision == (double)section->revision;
}

static void read_reason(
	const struct section *section, const struct devbus_json *refused, struct devbus_error *ret_why)
{
	const struct devbus_json *error = devbus_json_get(refused, "error");
	const char *code = devbus_json_string(devbus_json_get(error, "code"));
	const char *message = devbus_json_string(devbus_json_get(error, "message"));

	refuse(ret_why, 0, code ? code : DEVBUS_E_REFUSED, "%s did not take it: %s", section->name,
		message ? message : "no reason was given");
}

static void judge_owner(struct trials *trials, struct section *section)
{
	const struct devbus_json *refused = devbus_json_get(section->reported, "refused");
	struct devbus_error why;

	if (says(section->reported, section)) {
		taken(trials, section);
	} else if (says(refused, section)) {
		read_reason(section, refused, &why);
		undo(trials, section, &why);
	} else if (deadline_left_ms(&section->answer_until) == 0) {
		refuse(&why, 0, DEVBUS_E_TIMEOUT, "%s did not say within %u s that it takes it",
			section->name, (unsigned)trials->settings->owner_timeout_s);
		undo(trials, section, &why);
	}
}

static void judge_cloud(struct trials *trials, struct section *section)
{
	struct devbus_error why;

	if (deadline_left_ms(&section->trial.until) > 0)
		return;
	refuse(&why, 0, DEVBUS_E_ROLLED_BACK,
		"the cloud did not confirm it within %u s, or the device restarted",
		(unsigned)trials->settings->confirm_timeout_s);
	undo(trials, section, &why);
}

static void judge(struct trials *trials, struct section *section)
{
	if (section->trial.stage == TRIAL_OWNER)
		judge_owner(trials, section);
	else if (section->trial.stage == TRIAL_CLOUD)
		judge_cloud(trials, section);
}

static void judge_all(struct devbus *bus, void *userdata)
{
	struct trials *trials = userdata;
	struct section *section;
	bool any = false;

	(void)bus;
	for (size_t i = 0; (section = sections_at(trials->sections, i)); i++) {
		judge(trials, section);
		any = any || section->trial.stage != TRIAL_NONE;
	}
	if (!any) {
		devbus_timer_stop(trials->timer);
		trials->timer = NULL;
	}
}

/* ---- the beginning of a trial */

static int watch(struct trials *trials, struct section *section)
{
	section->answer_until = deadline_in((int64_t)trials->settings->owner_timeout_s * 1000);
	return trials->timer
		       ? 0
		       : devbus_every(trials->bus, JUDGE_INTERVAL_MS, judge_all, trials, &trials->timer);
}

/* Who reads the answer is who asked (protocol 5.5). */
static void name_caller(const struct devbus_request *request, char name[SECTION_NAME_SIZE])
{
	const char *topic = devbus_request_reply_topic(request);
	const char *user = topic ? strchr(topic, '/') + 1 : "cloud";

	snprintf(name, SECTION_NAME_SIZE, "%.*s", (int)strcspn(user, "/"), user);
}

static void run(struct trials *trials, struct asker *asker, const struct change *change)
{
	struct devbus_error why = { "", "" };
	char time[DEVBUS_TIME_SIZE], by[SECTION_NAME_SIZE];
	const struct order order = { change->section, devbus_request_id(asker->request), by, time,
		change->if_revision };

	devbus_time(time);
	name_caller(asker->request, by);
	int r = change->kind == CHANGE_SET
			? change_set(trials->sections, &order, change->values, &why)
			: change_rollback(trials->sections, &order, change->revision, &why);
	struct section *section = sections_find(trials->sections, change->section);

	if (r <= 0) {
		asker_done(asker, section, r < 0 ? &why : NULL);
		return;
	}
	section->asker = asker;
	if (watch(trials, section) < 0)
		devbus_log(DEVBUS_LOG_ERROR, "out of memory: the trial of %s has no limit", section->name);
	if (section->trial.stage == TRIAL_CLOUD)
		tell_to_confirm(trials, section);
	else
		trials_publish(trials, section);
}

/* ---- waiting for one's turn */

static bool must_wait(const struct trials *trials, const struct asker *asker, const char *name)
{
	const struct section *section = sections_find(trials->sections, name);
	const char *id = devbus_request_id(asker->request);

	return section && section->trial.stage == TRIAL_OWNER &&
	       !(id && strcmp(section->trial.command, id) == 0);
}

static void run_waiting(struct trials *trials, const char *name)
{
	const struct section *section;
	struct turn *turn;

	while ((section = sections_find(trials->sections, name)) && section->trial.stage == TRIAL_NONE &&
		(turn = turns_take(&trials->turns, name))) {
		run(trials, turn->asker, &turn->change);
		turn_free(turn);
	}
}

static void refuse_waiting(struct trials *trials, const struct section *section)
{
	struct devbus_error why;
	struct turn *turn;

	refuse(&why, 0, DEVBUS_E_BUSY, "revision %" PRIu64 " of %s waits for config/confirm",
		section->revision, section->name);
	while ((turn = turns_take(&trials->turns, section->name))) {
		asker_done(turn->asker, section, &why);
		turn_free(turn);
	}
}

static int run_or_wait(struct trials *trials, struct asker *asker, const struct change *change)
{
	if (must_wait(trials, asker, change->section))
		return turns_add(&trials->turns, asker, change);
	run(trials, asker, change);
	return 0;
}

/* ---- what the methods do */

int trials_change(struct trials *trials, struct devbus_request *request, const struct change *change)
{
	struct asker *asker = asker_new(trials->sections, request);
	int r = asker ? run_or_wait(trials, asker, change) : -ENOMEM;

	if (r < 0)
		asker_drop(asker);
	return r;
}

int trials_reset(struct trials *trials, struct devbus_request *request)
{
	const struct devbus_error no_memory = { DEVBUS_E_INTERNAL, "out of memory" };
	struct asker *asker = asker_new(trials->sections, request);
	struct section *section;

	if (!asker)
		return -ENOMEM;
	asker->all = true;
	for (size_t i = 0; (section = sections_at(trials->sections, i)); i++) {
		const struct change change = { CHANGE_ROLLBACK, section->name, NULL, 0, -1 };

		if (!schemas_known(&trials->sections->schemas, section->name))
			continue; /* nobody goes by it */
		asker->open++;
		if (run_or_wait(trials, asker, &change) < 0)
			asker_done(asker, NULL, &no_memory);
	}
	asker_done(asker, NULL, NULL);
	return 0;
}

int trials_confirm(struct trials *trials, struct devbus_request *request, const char *name, uint64_t revision)
{
	struct section *section = sections_find(trials->sections, name);

	if (!section)
		return devbus_fail(request, DEVBUS_E_NOT_FOUND, "There is no section \"%s\".", name);
	if (!devbus_request_id(request))
		return devbus_fail(request, DEVBUS_E_REFUSED,
			"Only the cloud can confirm: that it still can is what is to be shown.");
	if (section->revision != revision || section->trial.stage == TRIAL_OWNER)
		return devbus_fail(request, DEVBUS_E_REFUSED,
			"Revision %" PRIu64 " of section %s does not wait for this; %" PRIu64 " is in force.",
			revision, name, section->revision);
	judge(trials, section);
	if (section->trial.stage == TRIAL_CLOUD)
		keep(trials, section);
	if (section->revision != revision || section->trial.stage != TRIAL_NONE)
		return devbus_fail(request, DEVBUS_E_REFUSED, "It was too late, or could not be written.");
	return devbus_reply_json(request, answer_section(trials->sections, section));
}

void trials_report(struct trials *trials, const char *name, const struct devbus_json *report)
{
	struct section *section = sections_find(trials->sections, name);
	struct devbus_json *copy = devbus_json_copy(report);

	if (!section || (report && !copy)) {
		devbus_json_free(copy);
		return;
	}
	devbus_json_free(section->reported);
	section->reported = copy;
	judge(trials, section);
}

/* ---- */

int trials_new(struct devbus *bus, struct sections *sections, const struct settings *settings,
	struct trials **ret_trials)
{
	struct trials *trials = calloc(1, sizeof *trials);
	struct section *section;
	int r = 0;

	if (!trials)
		return -ENOMEM;
	*trials = (struct trials) { .bus = bus, .sections = sections, .settings = settings };
	for (size_t i = 0; r == 0 && (section = sections_at(sections, i)); i++)
		if (section->trial.stage != TRIAL_NONE)
			r = watch(trials, section);
	if (r < 0)
		trials_free(trials);
	else
		*ret_trials = trials;
	return r;
}

void trials_free(struct trials *trials)
{
	struct section *section;

	if (!trials)
		return;
	devbus_timer_stop(trials->timer);
	/* Requests that are not answered any more are resumed by the next life. */
	for (struct turn *turn; (turn = trials->turns);) {
		trials->turns = turn->next;
		asker_drop(turn->asker);
		turn_free(turn);
	}
	for (size_t i = 0; (section = sections_at(trials->sections, i)); i++)
		asker_drop(section->asker);
	free(trials);
}
