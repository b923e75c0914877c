// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* The store by itself: what it said is on disk is there afterwards, and nothing else is. */
#include "bus-kit.h"
#include "torture.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LEFT = 3 }; /* commands and events that an earlier process left */

static struct store *store;

static const char *store_path(void)
{
	static char path[96];

	snprintf(path, sizeof path, "%s/store.db", kit.folder);
	return path;
}

static int add_command(const char *id, bool final)
{
	return store_command_add(store, &(struct store_command) { .id = id,
						.method = "m",
						.args = "{\"a\":1}",
						.event = "{\"state\":\"x\"}",
						.seq = store_next_seq(store),
						.final = final,
						.wall_ms = 1,
						.topic = "cloud/event/unit/m",
						.class = 2 });
}

static int add_events(size_t count)
{
	struct store_event events[8];

	for (size_t i = 0; i < count; i++)
		events[i] = (struct store_event) { .seq = store_next_seq(store) + i,
			.class = 1,
			.wall_ms = INT64_MAX,
			.topic = "cloud/event/unit/x",
			.payload = "{\"n\":1}" };
	return store_events_add(store, events, count);
}

static void open_good(void)
{
	struct store_report report = { .damaged = 1 };

	hold(store_open(store_path(), &store, &report) == 0);
	hold(!report.damaged);
}

/* Dies without closing, so that the next one finds the log. */
static void leave_behind(void)
{
	const char *const ids[LEFT] = { "l0", "l1", "l2" };
	int status;
	pid_t child = fork();

	if (child == 0) {
		open_good();
		for (int i = 0; i < LEFT; i++)
			hold(add_command(ids[i], i == 0) == 0);
		hold(add_events(LEFT) == 0);
		_exit(0);
	}
	hold(waitpid(child, &status, 0) == child && status == 0);
}

/* ---- opening */

static void open_act(void)
{
	struct store_report report = { 0 };

	store = NULL;
	if (told(store_open(store_path(), &store, &report)) == 0)
		hold(strlen(store_stream(store)) == 16);
	hold(!report.damaged); /* nothing is damaged */
}

static void new_check(void)
{
	store_close(store);
	open_good();
	hold(store_outbox_size(store).count == 0);
	hold(add_events(1) == 0);
	store_close(store);
	kit_tear_down();
}

static void reopen_prepare(void)
{
	kit_set_up();
	leave_behind();
}

static void count_one(const struct store_command *record, void *userdata)
{
	(void)record;
	++*(int *)userdata;
}

static void reopen_check(void)
{
	int unfinished = 0;

	store_close(store);
	open_good();
	hold(store_outbox_size(store).count == 2 * LEFT);
	hold(store_next_seq(store) == 2 * LEFT + 1);
	hold(store_command_unfinished(store, count_one, &unfinished) == 0 && unfinished == LEFT - 1);
	store_close(store);
	kit_tear_down();
}

/* ---- the journal */

static unsigned added, finished; /* how many */
static int resumed;
static uint64_t seq;

static void use_prepare(void)
{
	reopen_prepare();
	open_good();
}

static void journal_act(void)
{
	int unfinished = 0;
	unsigned times = 0;
	size_t count = 0;

	added = told(add_command("new", false)) == 0;
	finished = 0 == told(store_command_update(store, &(struct store_command) { .id = "l1",
								 .event = "{\"state\":\"succeeded\"}",
								 .seq = store_next_seq(store),
								 .final = true,
								 .wall_ms = 2,
								 .topic = "cloud/event/unit/m",
								 .class = 2 }));
	resumed = told(store_command_resumed(store, "l2", &times));
	hold(resumed < 0 || times == 1);
	if (told(store_command_unfinished(store, count_one, &unfinished)) == 0)
		hold(unfinished == LEFT - 1 + (int)added - (int)finished);
	if (told(store_command_find(store, "l0", count_one, &unfinished)) == 0)
		hold(unfinished > 0);
	told(store_command_prune(store, INT64_MIN, LEFT + 1, &count));
	seq = store_next_seq(store);
}

static int find(const char *id)
{
	int ignored = 0;

	return store_command_find(store, id, count_one, &ignored);
}

static void journal_check(void)
{
	for (int open = 0; open < 2; open++) { /* as it is, and after a restart */
		int unfinished = 0;
		unsigned times = 0;

		hold(store_next_seq(store) == seq);
		hold(seq == 2 * LEFT + 1 + added + finished);
		hold(store_outbox_size(store).count == 2 * LEFT + added + finished);
		hold(find("new") == (added ? 0 : -ENOENT));
		hold(find("l2") == 0);
		hold(store_command_unfinished(store, count_one, &unfinished) == 0);
		hold(unfinished == LEFT - 1 + (int)added - (int)finished);
		hold(store_command_resumed(store, "l2", &times) == 0);
		hold(times == 1U + open + (resumed == 0));
		store_close(store);
		open_good();
	}
	store_close(store);
	kit_tear_down();
}

/* ---- the outbox */

static size_t wanted;

static void count_event(const struct store_event *event, void *userdata)
{
	hold(event->payload && event->topic);
	++*(size_t *)userdata;
}

static void outbox_act(void)
{
	struct store_size forgotten = { 0, 0 };
	struct store_drop drop = { 0, 0 };
	size_t count = 0;
	uint64_t ignored;

	wanted = 2 * LEFT;
	if (told(add_events(5)) == 0)
		wanted += 5;
	hold(store_outbox_size(store).count == wanted);
	if (told(store_events_read(store, 0, 100, count_event, &count)) == 0)
		hold(count == wanted);
	if (told(store_events_confirm(store, 2, &forgotten)) == 0)
		wanted -= 2;
	if (told(store_events_remove(store, 3, &forgotten, NULL)) == 0)
		wanted -= 1;
	if (told(store_events_drop(store, 1, 1, &drop)) == 0)
		wanted -= drop.count;
	told(store_events_drop_old(store, 0, &drop));
	told(store_next_incarnation(store, &ignored));
	told(store_take_seq(store, &ignored));
	hold(store_outbox_size(store).count == wanted);
	seq = store_next_seq(store);
}

static void outbox_check(void)
{
	for (int open = 0; open < 2; open++) {
		size_t count = 0;

		hold(store_next_seq(store) == seq);
		hold(store_outbox_size(store).count == wanted);
		hold(store_events_read(store, 0, 100, count_event, &count) == 0 && count == wanted);
		store_close(store);
		open_good();
	}
	hold(add_events(1) == 0);
	store_close(store);
	kit_tear_down();
}

/* ---- closing */

static void close_act(void)
{
	store_close(store);
	store = NULL;
}

const struct scenario disk_scenarios[] = {
	{ "store new", kit_set_up, open_act, new_check },
	{ "store left behind", reopen_prepare, open_act, reopen_check },
	{ "store journal", use_prepare, journal_act, journal_check },
	{ "store outbox", use_prepare, outbox_act, outbox_check },
	{ "store close", use_prepare, close_act, reopen_check },
	{ 0 },
};
