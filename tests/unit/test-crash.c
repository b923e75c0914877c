// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * The service is killed at each of its system calls, and power goes there: while it publishes durable events, and in the life of a command
 * from its delivery to the confirmation of its final state. Afterwards the events are there whose publication had returned 0,
 * commands ran once at most and have one final state, and the store is whole. DEVBUS_LONG=1 takes each call; else every so many.
 */
#include "durable-kit.h"
#include "power-cut.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum { STEP_SHORT = 23, SINGLE = 4, BATCH = 3, REPORTS = 256, TEXT = 512 };

/* What outlives the processes: told by them through memory that they share with us, which no kill can take back. */
struct report {
	char stream[17];
	int published; /* events 1 to this */
	int trying; /* events up to this were under way */
	int runs, resumes;
	struct {
		char state[16], stream[17];
		int seq, life;
	} events[REPORTS];
	int event_count;
	int life;
};
static struct report *report;

static char state_folder[160];

static void set_up(void)
{
	serve_set_up();
	report = mmap(NULL, sizeof *report, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	snprintf(state_folder, sizeof state_folder, "%s/state/unit", kit.folder);
}

static void clear_folder(void)
{
	DIR *entries = opendir(state_folder);
	const struct dirent *entry;

	while (entries && (entry = readdir(entries)))
		unlinkat(dirfd(entries), entry->d_name, 0);
	if (entries)
		closedir(entries);
	memset(report, 0, sizeof *report);
}

/* In a process of its own, which must end well. */
static void in_child(void (*work)(void *), void *userdata)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		work(userdata);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %x", (unsigned)status);
}

struct figures {
	size_t calls, cuts[CUTS], in_flight, ran, resumed, seen_before;
};

static void print_figures(const char *name, const struct figures *figures)
{
	const char *path = getenv("DEVBUS_FIGURES");
	FILE *file = path ? fopen(path, "a") : NULL;

	printf("# %s: %zu system calls; %zu kills, %zu power cuts that lost all that was not synced, %zu that lost some; "
	       "there without being reported %zu; of commands: ran %zu, taken up %zu, seen before the crash %zu\n",
		name, figures->calls, figures->cuts[CUT_KILL], figures->cuts[CUT_NOTHING],
		figures->cuts[CUT_SOME], figures->in_flight, figures->ran, figures->resumed,
		figures->seen_before);
	fflush(stdout);
	if (!file)
		return;
	fprintf(file,
		"{\"title\":\"crash at each system call\",\"name\":\"%s\",\"calls\":%zu,\"kills\":%zu,\"cuts_all\":%zu,"
		"\"cuts_some\":%zu,\"in_flight\":%zu,\"ran\":%zu,\"taken_up\":%zu,\"seen_before\":%zu}\n",
		name, figures->calls, figures->cuts[CUT_KILL], figures->cuts[CUT_NOTHING],
		figures->cuts[CUT_SOME], figures->in_flight, figures->ran, figures->resumed,
		figures->seen_before);
	fclose(file);
}

/*
 * @work is cut at each call and with each cut, after @before and until it is through; then @after looks. In a short run the kinds of cut take
 * turns.
 */
static void cut_everywhere(
	const char *name, void (*before)(void *), void (*work)(void *), void (*after)(struct figures *))
{
	bool whole = getenv("DEVBUS_LONG");
	struct figures figures = { 0 };
	size_t step = whole ? 1 : STEP_SHORT, at = 1;
	bool ended = false;

	while (!ended) {
		for (unsigned cut = 0; cut < CUTS && !ended; cut++) {
			if (!whole && at / step % CUTS != cut)
				continue;
			clear_folder();
			if (before)
				in_child(before, NULL);
			figures.calls = power_cut_run(work, NULL, state_folder, at);
			ended = figures.calls < at;
			power_cut_apply(state_folder, (enum cut)cut, (unsigned)at);
			figures.cuts[cut]++;
			after(&figures);
		}
		at += step;
	}
	print_figures(name, &figures);
}

/* ---- durable events */

static int publish_number(int n)
{
	struct devbus_json *object = devbus_json_new_object();

	require(devbus_json_set(object, "n", devbus_json_new_number(n)) == 0);
	return devbus_publish_json(kit.bus, DEVBUS_CLOUD_DURABLE, "x", object);
}

static void publish(void *userdata)
{
	(void)userdata;
	kit_open(0);
	strcpy(report->stream, store_stream(kit.bus->store));
	for (int n = 1; n <= SINGLE; n++) {
		report->trying = n;
		require(publish_number(n) == 0);
		report->published = n;
	}
	report->trying = SINGLE + BATCH;
	require(devbus_batch_begin(kit.bus) == 0);
	for (int n = SINGLE + 1; n <= SINGLE + BATCH; n++)
		require(publish_number(n) == 0);
	require(devbus_batch_commit(kit.bus) == 0);
	report->published = SINGLE + BATCH;
	kit_close();
}

/* Numbers 1, 2, ... without a gap, each with its own place in the stream. */
static void check_number(const struct store_event *event, void *userdata)
{
	struct devbus_json *object = parse(event->payload);
	int *last = userdata;
	double n, seq;

	ck_assert_int_eq(devbus_json_number(devbus_json_get(object, "n"), &n), 0);
	ck_assert_int_eq(devbus_json_number(devbus_json_get(object, "seq"), &seq), 0);
	ck_assert_str_eq(devbus_json_string(devbus_json_get(object, "stream")), report->stream);
	ck_assert_int_eq((int)n, ++*last);
	ck_assert_int_eq((int)seq, (int)event->seq);
	devbus_json_free(object);
}

static void check_published(struct figures *figures)
{
	struct store_report opened = { 0 };
	struct store *store = NULL;
	char path[200];
	int last = 0;

	snprintf(path, sizeof path, "%s/devbus.db", state_folder);
	ck_assert_msg(mkdir(state_folder, 0700) == 0 || errno == EEXIST, "%s", state_folder);
	ck_assert_int_eq(store_open(path, &store, &opened), 0);
	ck_assert_int_eq(opened.damaged, 0);
	if (report->published)
		ck_assert_str_eq(store_stream(store), report->stream);
	ck_assert_int_eq(store_events_read(store, 0, 100, check_number, &last), 0);
	ck_assert_int_ge(last, report->published);
	ck_assert_int_le(last, report->trying);
	ck_assert(last <= SINGLE || last == SINGLE + BATCH);
	figures->in_flight += last > report->published;
	store_close(store);
}

START_TEST(test_durable_events)
{
	cut_everywhere("durable events", NULL, publish, check_published);
}
END_TEST

/* ---- commands */

static const struct link_functions *inner;
static struct link_functions tapped;

static int tap(struct link *link, const struct link_message *message, uint32_t *ret_token)
{
	int r = inner->publish(link, message, ret_token);
	int i = report->event_count;
	struct fake_record record = { .payload = (char *)message->payload };

	if (r < 0 || strcmp(message->topic, "cloud/event/unit/work") != 0)
		return r;
	require(i < REPORTS);
	record.payload_size = message->payload_size;
	snprintf(report->events[i].state, 16, "%s", kit_member(&record, "state"));
	snprintf(report->events[i].stream, 17, "%s", kit_member(&record, "stream"));
	report->events[i].seq = atoi(kit_member(&record, "seq"));
	report->events[i].life = report->life;
	report->event_count = i + 1;
	return r;
}

static struct devbus_request *at_work;

static int on_work(struct devbus_request *request, const void *args, void *userdata)
{
	(void)args, (void)userdata;
	report->runs++;
	at_work = request;
	return 0;
}

static int on_taken_up(struct devbus_request *request, const void *args, void *userdata)
{
	(void)args, (void)userdata;
	report->resumes++;
	at_work = request;
	return 0;
}

static bool can_resume;
static const struct devbus_method fragile[] = {
	{ .name = "work", .handler = on_work, .flags = DEVBUS_CLOUD },
	{ 0 },
};
static const struct devbus_method lasting[] = {
	{ .name = "work", .handler = on_work, .resume = on_taken_up, .flags = DEVBUS_CLOUD },
	{ 0 },
};

static void start_life(void)
{
	report->life++;
	kit_open(0);
	inner = fake_link->link.functions;
	tapped = *inner;
	tapped.publish = tap;
	fake_link->link.functions = &tapped;
	require(devbus_serve(kit.bus, can_resume ? lasting : fragile, NULL) == 0);
	require(devbus_ready(kit.bus) == 0);
	kit_connect();
}

static void work_on(void)
{
	if (!at_work)
		return;
	require(devbus_progress(at_work, 50, "half", NULL) == 0);
	kit_settle();
	require(devbus_reply(at_work, NULL, NULL) == 0);
	at_work = NULL;
}

static void live(bool send)
{
	start_life();
	if (send)
		command("work", "{\"id\":\"one\",\"args\":{\"x\":1}}");
	work_on();
	kit_settle();
}

/* From delivery until all events are confirmed, and a clean stop. */
static void live_with_command(void *userdata)
{
	(void)userdata;
	live(true);
	kit_close();
}

/* As the sender does: it repeats the id until it has seen an event. */
static void live_again(void *userdata)
{
	(void)userdata;
	live(report->event_count == 0);
	kit_close();
}

/* Killed in the middle of its work. */
static void live_until_half(void *userdata)
{
	(void)userdata;
	start_life();
	command("work", "{\"id\":\"one\",\"args\":{\"x\":1}}");
	require(devbus_progress(at_work, 50, "half", NULL) == 0);
	kit_settle();
}

static void repeat_once_more(void *userdata)
{
	(void)userdata;
	live(true);
	kit_close();
}

static bool is_final(int i)
{
	const char *state = report->events[i].state;

	return strcmp(state, "succeeded") == 0 || strcmp(state, "failed") == 0 ||
	       strcmp(state, "rejected") == 0;
}

static int first_final(void)
{
	for (int i = 0; i < report->event_count; i++)
		if (is_final(i))
			return i;
	return -1;
}

static void check_command(struct figures *figures)
{
	int before = report->event_count, final, again;

	figures->seen_before += before > 0;
	in_child(live_again, NULL);
	final = first_final();
	ck_assert_msg(final >= 0, "no final state");
	again = report->event_count;
	in_child(repeat_once_more, NULL);
	ck_assert_msg(report->event_count > again, "a known id is not answered");
	for (int i = 0; i < report->event_count; i++)
		if (is_final(i) || i >= again) {
			ck_assert_int_eq(report->events[i].seq, report->events[final].seq);
			ck_assert_str_eq(report->events[i].stream, report->events[final].stream);
			ck_assert_str_eq(report->events[i].state, report->events[final].state);
		}
	ck_assert_int_le(report->runs, 1);
	ck_assert_int_le(report->resumes, can_resume ? 2 : 0);
	ck_assert_int_ge(
		report->runs + report->resumes, strcmp(report->events[final].state, "succeeded") == 0);
	figures->ran += (size_t)report->runs;
	figures->resumed += (size_t)report->resumes;
}

START_TEST(test_life_of_a_command)
{
	can_resume = _i;
	cut_everywhere(can_resume ? "command that is taken up again" : "command that is failed after a crash",
		NULL, live_with_command, check_command);
}
END_TEST

/* The start after a crash is cut as well. */
START_TEST(test_start_after_a_crash)
{
	can_resume = _i;
	cut_everywhere(can_resume ? "start that takes up a command" : "start that fails a command",
		live_until_half, live_again, check_command);
}
END_TEST

START_TEST(test_not_possible)
{
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("crash");
	TCase *tests = tcase_create("crash");

	suite_add_tcase(suite, tests);
	tcase_set_timeout(tests, 3600);
	tcase_add_checked_fixture(tests, set_up, kit_tear_down);
	if (!power_cut_possible()) {
		tcase_add_test(tests, test_not_possible);
		puts("# skipped: ptrace is not allowed here");
		return unit_main(suite);
	}
	tcase_add_test(tests, test_durable_events);
	tcase_add_loop_test(tests, test_life_of_a_command, 0, 2);
	tcase_add_loop_test(tests, test_start_after_a_crash, 0, 2);
	return unit_main(suite);
}
