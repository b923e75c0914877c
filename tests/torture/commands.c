// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * The life of a command (protocol 4). Whatever fails in it: once "accepted" was seen there is exactly one final state, the command runs at
 * most once, and a sender that repeats its id gets an event.
 */
#include "life.h"

static enum behaviour how; /* the method behaves so */
static int ran, taken_up;
static bool accepted, failed;
static char finals[8][24]; /* the numbers of the final events that were seen */
static int final_count;
static struct devbus_request *kept;

/* ---- the service: `work` with arguments, which it wants to have whole */

static int on_work(struct devbus_request *request, const void *args, void *userdata)
{
	(void)userdata;
	ran++;
	hold(((const struct set_args *)args)->level == 3);
	if (how != DEFER)
		return act(request, how);
	kept = request;
	return 0;
}

static int on_work_resume(struct devbus_request *request, const void *args, void *userdata)
{
	(void)userdata;
	taken_up++;
	hold(((const struct set_args *)args)->level == 3);
	if (how != DEFER)
		return act(request, how);
	kept = request;
	return 0;
}

/* `level` is not required here: arguments that got lost would not be noticed, and the wrong thing done. */
static const struct devbus_field work_fields[] = { DEVBUS_FIELD(struct set_args, level, .max = 10), { 0 } };
static const struct devbus_method work_methods[] = {
	{ .name = "work",
		.handler = on_work,
		.resume = on_work_resume,
		.args = work_fields,
		.args_size = sizeof(struct set_args),
		.flags = DEVBUS_CLOUD },
	{ .name = "once",
		.handler = on_work,
		.args = work_fields,
		.args_size = sizeof(struct set_args),
		.flags = DEVBUS_CLOUD },
	{ 0 },
};

static int open_and_serve(void)
{
	int r = kit_try_open(&(struct devbus_options) { .name = "unit" });

	if (r == 0)
		r = devbus_serve(kit.bus, work_methods, NULL);
	if (r == 0)
		r = devbus_ready(kit.bus);
	return r;
}

static void start(void)
{
	hold(open_and_serve() == 0);
	life_goes_on(60000);
	hold(devbus_connected(kit.bus));
}

static void send(const char *method)
{
	char topic[40];

	snprintf(topic, sizeof topic, "cloud/command/unit/%s", method);
	life_deliver(topic, "{\"id\":\"a\",\"args\":{\"level\":3}}");
}

/* ---- the sender, who writes down what it sees; how many events of its id */

static void note_final(const char *seq)
{
	for (int i = 0; i < final_count; i++)
		if (strcmp(finals[i], seq) == 0)
			return;
	hold(final_count < LENGTH(finals));
	snprintf(finals[final_count++], sizeof finals[0], "%s", seq);
}

static int look(const char *method)
{
	char topic[40];
	struct fake_record *record;
	int count = 0;

	snprintf(topic, sizeof topic, "cloud/event/unit/%s", method);
	while ((record = kit_published(topic))) {
		const char *word = kit_member(record, "state"), *id = kit_member(record, "id");

		if (strcmp(id, "null") == 0)
			continue; /* no memory to read it */
		hold(strcmp(id, "a") == 0);
		count++;
		if (strcmp(word, "accepted") == 0 && !accepted)
			final_count = 0; /* it was refused before, for want of memory or disk */
		if (strcmp(word, "accepted") == 0)
			accepted = true;
		else if (strcmp(word, "running") != 0)
			note_final(kit_member(record, "seq"));
		failed |= strcmp(word, "failed") == 0;
		hold(strcmp(word, how == FAIL ? "succeeded" : "") != 0);
	}
	return count;
}

/* ---- */

static const char *name;

static void set_up(void)
{
	serve_set_up();
	ran = taken_up = final_count = 0;
	accepted = failed = false;
	kept = NULL;
	name = "work";
	how = REPLY;
}

static void prepare(void)
{
	set_up();
	start();
}

static void prepare_to_fail(void)
{
	prepare();
	how = FAIL;
}

static void prepare_to_defer(void)
{
	prepare();
	how = DEFER;
}

static void command_act(void)
{
	send(name);
	life_goes_on(1000);
	send(name);
	life_goes_on(1000);
}

static void deferred_act(void)
{
	command_act();
	if (kept) {
		told(devbus_progress(kept, 10, "step", "at %d", 1));
		told(devbus_progress(kept, 20, NULL, NULL));
		told(act(kept, REPLY));
	}
	kept = NULL;
	life_goes_on(1000);
}

/* What was accepted is told to its end in this life, or at the latest in the next; and that does not need a new one. */
static void check(void)
{
	life_goes_on(600 * 1000);
	look(name);
	hold(!accepted || final_count == 1);
	hold(server_pending(kit.bus) == 0);
	kit_kill();
	how = how == DEFER ? REPLY : how;
	start();
	look(name);
	hold(!accepted || final_count == 1);
	send(name);
	life_goes_on(60000);
	hold(look(name) > 0);
	hold(!accepted || final_count >= 1);
	hold(ran <= 1 && taken_up == 0);
	hold(strstr(life_last("service/unit/status"), "online"));
	kit_close();
	kit_tear_down();
}

/* ---- after a restart */

static void prepare_to_resume(const char *method)
{
	set_up();
	name = method;
	how = DEFER;
	start();
	send(name);
	hold(kept);
	look(name);
	hold(accepted);
	kit_kill();
	kept = NULL;
	how = REPLY;
}

static void prepare_resumed(void)
{
	prepare_to_resume("work");
}

static void prepare_interrupted(void)
{
	prepare_to_resume("once");
}

static void resume_act(void)
{
	if (told(open_and_serve()) == 0)
		life_goes_on(1000);
}

/* A service that could not start is started again. */
static void resume_check(void)
{
	if (kit.bus) {
		life_goes_on(60000);
		look(name);
		kit_kill();
	}
	start();
	look(name);
	hold(final_count == 1);
	hold(ran == 1 && (taken_up > 0 || failed));
	kit_close();
	kit_tear_down();
}

/* ---- refused */

static void refused_act(void)
{
	life_deliver("cloud/command/unit/nothing", "{\"id\":\"a\"}");
	life_deliver("cloud/command/unit/nothing", "{\"id\":\"a\",\"args\":{}}");
	life_deliver("cloud/command/unit/work", "{\"id\":\"a\",\"args\":{\"level\":11}}");
	life_deliver("cloud/command/unit/work", "{\"id\":\"b\",\"args\":{\"level\":11}}");
	life_deliver("cloud/command/unit/work", "{\"id\":7}");
	life_deliver("cloud/command/unit/work", "{");
	life_deliver("cloud/command/unit/stats", "{\"id\":\"c\"}");
	life_goes_on(1000);
}

static void refused_check(void)
{
	fake_link_take_all();
	life_goes_on(600 * 1000);
	fake_link_take_all();
	life_deliver("cloud/command/unit/nothing", "{\"id\":\"a\"}");
	life_goes_on(1000);
	hold(kit_published("cloud/event/unit/nothing"));
	hold(ran == 0 && server_pending(kit.bus) == 0);
	kit_close();
	kit_tear_down();
}

const struct scenario command_scenarios[] = {
	{ "command", prepare, command_act, check },
	{ "command that fails", prepare_to_fail, command_act, check },
	{ "command in the background", prepare_to_defer, deferred_act, check },
	{ "command resumed", prepare_resumed, resume_act, resume_check },
	{ "command interrupted", prepare_interrupted, resume_act, resume_check },
	{ "command refused", prepare, refused_act, refused_check },
	{ 0 },
};
