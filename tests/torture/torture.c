// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * Lives through the scenarios, each life in a process of its own: a crash, a hang or a leak ends that one alone and is told with what
 * failed in it. `torture NAME KIND NUMBER [lasting]` lives one again, for the debugger. $DEVBUS_LONG: every single failure;
 * else a part of the many alike.
 */
#include "torture.h"
#include "unit.h"
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SHORT_LIVES = 12, SLOW_LIVES = 2 }; /* of each scenario, kind and duration, unless $DEVBUS_LONG */

static const char *const kinds[FAULT_KINDS] = { "allocation", "write", "fsync", "system", "read" };

static struct {
	const struct scenario *scenario;
	enum fault_kind kind;
	unsigned long first;
	bool lasting;
} life;

/* What the lives leave behind, shared by all processes. */
static struct left {
	unsigned scenarios;
	unsigned long lives, failed[FAULT_KINDS], findings;
	unsigned long counted[FAULT_KINDS]; /* by the last life */
} * left;

/* What the library logs about failures that were ordered is of no interest, unless somebody looks at a single life. */
static int standard_error, nowhere;

/* ---- one life */

void found(const char *file, int line, const char *text)
{
	faults_end();
	dup2(standard_error, STDERR_FILENO);
	fprintf(stderr, "# %s:%d: does not hold: %s\n", file, line, text);
	_exit(EXIT_FAILURE);
}

int told_at(int result, const char *file, int line, const char *text)
{
	char what[200];

	if (faults_explain(result))
		return result;
	snprintf(what, sizeof what, "%s: %d (%s)", text, result, strerror(-result));
	found(file, line, what);
}

static int open_fds(void)
{
	DIR *fds = opendir("/proc/self/fd");
	int count = 0;

	while (readdir(fds))
		count++;
	closedir(fds);
	return count;
}

static void live_once(void)
{
	long memory = faults_live();
	int fds = open_fds();

	if (life.scenario->prepare)
		life.scenario->prepare();
	dup2(nowhere, STDERR_FILENO);
	faults_begin(life.kind, life.first, life.lasting);
	life.scenario->act();
	faults_end();
	dup2(standard_error, STDERR_FILENO);
	for (int i = 0; i < FAULT_KINDS; i++)
		left->counted[i] = faults_counted(i);
	left->failed[life.kind] += faults_failed();
	life.scenario->check();
	hold(faults_live() == memory);
	hold(open_fds() == fds);
}

static void tell_finding(int status)
{
	left->findings++;
	fprintf(stderr, "# finding: %s %s %lu%s", life.scenario->name, kinds[life.kind], life.first,
		life.lasting ? " lasting" : "");
	if (WIFSIGNALED(status))
		fprintf(stderr, ": %s\n",
			WTERMSIG(status) == SIGALRM ? "hangs" : strsignal(WTERMSIG(status)));
	else
		fputc('\n', stderr);
}

static void live(enum fault_kind kind, unsigned long first, bool lasting)
{
	int status = 0;
	pid_t child;

	life.kind = kind;
	life.first = first;
	life.lasting = lasting;
	left->lives++;
	child = fork();
	if (child == 0) {
		alarm(LIFE_S);
		live_once();
		_exit(EXIT_SUCCESS);
	}
	if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
		tell_finding(status);
}

/* ---- all of them */

static const struct scenario *const lists[] = { value_scenarios, disk_scenarios, bus_scenarios,
	event_scenarios, command_scenarios, link_scenarios };

static const struct scenario *nth(int index)
{
	for (int i = 0; i < LENGTH(lists); i++)
		for (const struct scenario *scenario = lists[i]; scenario->name; scenario++)
			if (index-- == 0)
				return scenario;
	return NULL;
}

static bool is_slow(const struct scenario *scenario)
{
	return scenario >= link_scenarios && scenario < link_scenarios + LINK_SCENARIOS;
}

static void live_all_of(enum fault_kind kind, unsigned long count)
{
	unsigned long most = is_slow(life.scenario) ? SLOW_LIVES : SHORT_LIVES;
	unsigned long step = getenv("DEVBUS_LONG") ? 1 : (count + most - 1) / most;

	/* The two halves of a step are looked at by the two durations, so that together they see more. */
	for (unsigned long first = 1; first <= count; first += step)
		live(kind, first, false);
	for (unsigned long first = 1 + step / 2; first <= count; first += step)
		live(kind, first, true);
}

START_TEST(test_everything_fails)
{
	unsigned long counts[FAULT_KINDS], findings = left->findings;

	life.scenario = nth(_i);
	faults_set_up();
	live_once(); /* what libraries allocate once and for all */
	live(FAULT_ALLOCATION, 0, false);
	ck_assert_msg(left->findings == findings, "%s: finds fault with a world that is in order",
		life.scenario->name);
	memcpy(counts, left->counted, sizeof counts);
	for (int kind = 0; kind < FAULT_KINDS; kind++)
		live_all_of(kind, counts[kind]);
	left->scenarios++;
	ck_assert_msg(left->findings == findings, "%s: %lu findings", life.scenario->name,
		left->findings - findings);
}
END_TEST

/* The fixtures of the bus need a test around them. */
START_TEST(test_one_life)
{
	const unsigned long wanted = life.first;

	life.first = 0;
	faults_set_up();
	live_once();
	life.first = wanted;
	live_once();
}
END_TEST

static bool choose_life(char *arguments[])
{
	for (int i = 0; (life.scenario = nth(i)) && strcmp(life.scenario->name, arguments[0]) != 0; i++)
		;
	while (life.kind < FAULT_KINDS && strcmp(kinds[life.kind], arguments[1]) != 0)
		life.kind++;
	life.first = strtoul(arguments[2], NULL, 10);
	life.lasting = arguments[3];
	return life.scenario && life.kind < FAULT_KINDS;
}

static void add_one_life(Suite *suite)
{
	TCase *test = tcase_create(life.scenario->name);

	setenv("CK_FORK", "no", 1);
	tcase_add_test(test, test_one_life);
	suite_add_tcase(suite, test);
}

static void add_all(Suite *suite)
{
	for (int i = 0; nth(i); i++) {
		TCase *tests = tcase_create(nth(i)->name);

		tcase_set_timeout(tests, 0); /* each life has one of its own */
		tcase_add_loop_test(tests, test_everything_fails, i, i + 1);
		suite_add_tcase(suite, tests);
	}
}

static void print_figures(void)
{
	printf("# torture: %u scenarios, %lu lives; failed: %lu allocations, %lu writes, %lu fsyncs, %lu other system "
	       "calls, %lu reads; findings: %lu\n",
		left->scenarios, left->lives, left->failed[FAULT_ALLOCATION], left->failed[FAULT_WRITE],
		left->failed[FAULT_SYNC], left->failed[FAULT_SYSTEM], left->failed[FAULT_READ],
		left->findings);
}

int main(int argc, char *argv[])
{
	Suite *suite = suite_create("torture");
	bool one = argc > 3;
	int result;

	left = mmap(NULL, sizeof *left, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	setenv("DEVBUS_LOG", "error", 1);
	standard_error = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	nowhere = one ? standard_error : open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (one && !choose_life(argv + 1))
		return EXIT_FAILURE;
	if (one)
		add_one_life(suite);
	else
		add_all(suite);
	result = unit_main(suite);
	print_figures();
	return result;
}
