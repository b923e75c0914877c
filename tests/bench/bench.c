// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* The roles and their figures. One line of JSON for each program that was asked to measure. */
#include "bench.h"
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { WARM_UP = 200 };

struct bench_options bench_options = { .role = "server",
	.user = "bench-a",
	.peer = "bench-b",
	.kind = "volatile",
	.port = 1883,
	.count = 1000 };
atomic_bool bench_stopped;
char bench_payload[BENCH_PAYLOAD_SIZE + 1];

static struct {
	uint64_t asked_ns, first_ns, last_ns, cpu_ns; /* cpu_ns: when the first one was there */
	uint32_t *took_ns;
	unsigned answers, arrivals;
} figures;

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static uint64_t cpu_ns(void)
{
	struct timespec used;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
	return (uint64_t)used.tv_sec * 1000000000 + (uint64_t)used.tv_nsec;
}

void bench_ready(void)
{
	puts("ready");
	fflush(stdout);
}

static int run(void)
{
	int r = 0;

	while (r == 0 && !atomic_load(&bench_stopped))
		r = contender.run();
	return r;
}

/* ---- a caller */

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static double percentile_us(unsigned count, double share)
{
	return figures.took_ns[(unsigned)((count - 1) * share)] / 1000.0;
}

static void ask(void)
{
	int r;

	figures.asked_ns = now_ns();
	r = contender.ask();
	if (r < 0) {
		fprintf(stderr, "%s: cannot ask: %s\n", contender.name, strerror(-r));
		exit(1);
	}
}

void bench_answered(void)
{
	uint64_t now = now_ns();

	if (figures.answers >= WARM_UP)
		figures.took_ns[figures.answers - WARM_UP] = (uint32_t)(now - figures.asked_ns);
	if (++figures.answers == WARM_UP)
		figures.cpu_ns = cpu_ns();
	if (figures.answers < bench_options.count + WARM_UP)
		ask();
	else
		atomic_store(&bench_stopped, true);
}

static int call(void)
{
	unsigned count = bench_options.count;
	int r;

	figures.took_ns = calloc(count, sizeof *figures.took_ns);
	if (!figures.took_ns)
		return -ENOMEM;
	bench_ready();
	ask();
	r = run();
	if (r < 0 || figures.answers < count + WARM_UP)
		return r < 0 ? r : -EINTR;
	qsort(figures.took_ns, count, sizeof *figures.took_ns, compare);
	printf("{\"count\": %u, \"p50_us\": %.2f, \"p99_us\": %.2f, \"cpu_us\": %.2f}\n", count,
		percentile_us(count, 0.5), percentile_us(count, 0.99),
		(double)(cpu_ns() - figures.cpu_ns) / 1000 / count);
	return 0;
}

/* ---- a publisher: the time ends when the broker has all of them, which only an acknowledgement tells */

static int publish_one(unsigned qos)
{
	int r;

	while ((r = contender.publish(qos)) == -EAGAIN)
		if ((r = contender.run()) < 0)
			break;
	return r;
}

static int publish(void)
{
	unsigned count = bench_options.count;
	uint64_t began_ns, cpu_began_ns;
	int r = publish_one(1);

	if (r == 0)
		r = contender.flush();
	bench_ready();
	began_ns = now_ns();
	cpu_began_ns = cpu_ns();
	for (unsigned i = 1; r == 0 && i < count; i++)
		r = publish_one(bench_options.qos);
	if (r == 0)
		r = publish_one(1);
	if (r == 0)
		r = contender.flush();
	if (r == 0)
		printf("{\"count\": %u, \"per_s\": %.1f, \"began_s\": %.6f, \"cpu_us\": %.3f}\n", count,
			count * 1e9 / (double)(now_ns() - began_ns), (double)began_ns / 1e9,
			(double)(cpu_ns() - cpu_began_ns) / 1000 / count);
	return r;
}

/* ---- a subscriber, until it has them all, or SIGTERM when some are missing */

void bench_arrived(void)
{
	figures.last_ns = now_ns();
	if (figures.arrivals++ == 0) {
		figures.first_ns = figures.last_ns;
		figures.cpu_ns = cpu_ns();
	}
	if (figures.arrivals == bench_options.count)
		atomic_store(&bench_stopped, true);
}

static int subscribe(void)
{
	unsigned more;
	int r;

	bench_ready();
	r = run();
	more = figures.arrivals > 1 ? figures.arrivals - 1 : 1;
	if (r == 0)
		printf("{\"count\": %u, \"ended_s\": %.6f, \"per_s\": %.1f, \"cpu_us\": %.3f}\n",
			figures.arrivals, (double)figures.last_ns / 1e9,
			more * 1e9 / (double)(figures.last_ns - figures.first_ns + 1),
			(double)(cpu_ns() - figures.cpu_ns) / 1000 / more);
	return r;
}

static int serve(void)
{
	bench_ready();
	return run();
}

/* ---- main */

static const struct {
	const char *name;
	int (*play)(void);
} roles[] = {
	{ "server", serve },
	{ "caller", call },
	{ "publisher", publish },
	{ "subscriber", subscribe },
	{ "idle", serve },
};

static const struct {
	const char *name;
	const char **text;
	unsigned *number;
} options[] = {
	{ "at", &bench_options.at, NULL },
	{ "user", &bench_options.user, NULL },
	{ "password", &bench_options.password, NULL },
	{ "peer", &bench_options.peer, NULL },
	{ "kind", &bench_options.kind, NULL },
	{ "port", NULL, &bench_options.port },
	{ "qos", NULL, &bench_options.qos },
	{ "count", NULL, &bench_options.count },
	{ "batch", NULL, &bench_options.batch },
	{ "subscriptions", NULL, &bench_options.subscriptions },
	{ "interval_ms", NULL, &bench_options.interval_ms },
};

static int read_option(const char *word)
{
	const char *value = strchr(word, '=');

	for (size_t i = 0; value && i < sizeof options / sizeof *options; i++) {
		if (strncmp(options[i].name, word, (size_t)(value - word)) != 0 ||
			options[i].name[value - word])
			continue;
		if (options[i].text)
			*options[i].text = value + 1;
		else
			*options[i].number = (unsigned)strtoul(value + 1, NULL, 10);
		return 0;
	}
	return -EINVAL;
}

static void stop(int number)
{
	(void)number;
	atomic_store(&bench_stopped, true);
}

static int play(const char *role)
{
	int r;

	bench_options.role = role;
	if (strcmp(role, "hub") == 0)
		return contender.hub ? contender.hub() : -ENOTSUP;
	r = contender.open();
	for (size_t i = 0; r == 0 && i < sizeof roles / sizeof *roles; i++)
		if (strcmp(roles[i].name, role) == 0)
			r = roles[i].play();
	if (contender.close)
		contender.close();
	return r;
}

int main(int argc, char *argv[])
{
	int r = argc < 2 ? -EINVAL : 0;

	snprintf(bench_payload, sizeof bench_payload, "{\"text\":\"%0*d\"}", BENCH_TEXT_SIZE + 1, 0);
	for (int i = 2; r == 0 && i < argc; i++)
		r = read_option(argv[i]);
	sigaction(SIGTERM, &(struct sigaction) { .sa_handler = stop }, NULL);
	if (r == 0)
		r = play(argv[1]);
	if (r < 0)
		fprintf(stderr, "%s: %s %s: %s\n", argv[0], contender.name, argc < 2 ? "" : argv[1],
			strerror(-r));
	return r < 0;
}
