// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * A service that is killed for a living. It numbers its events and writes into a log, one write(2) each and with nothing kept
 * back, what it is about to do and what came of it; what is in the log survives its kill -9. So a test can say of each number
 * whether it was accepted, refused, or cut off in between. Started again, it goes on behind the last number of the log.
 *
 *   try A B     about to publish the numbers A to B
 *   ok A B      accepted
 *   no A B E    refused, errno E
 *   run ID      a command began its work; resume ID: it was taken up again
 *   confirmed   all numbers are published, and none waits any more
 *
 * It can also call the service `config` all the time. The method `timing` says how long publishing and calling held it up.
 */
#include <devbus/devbus.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { TURN_MS = 5, FLUSH_MS = 600 * 1000, PADDING_MAX = 120000, CALL_MS = 1000 };

static struct {
	uint32_t count; /* the last number */
	uint32_t rate; /* numbers in a second */
	uint32_t batch; /* numbers in one batch; 0: each one by itself */
	uint32_t size; /* bytes of padding */
	uint32_t calls; /* in a second, 0..1000 */
	uint32_t rest_at, rest_ms; /* behind this number nothing is published for a while */
	uint32_t stop_at; /* kill -9 by its own hand between this number and the commit of its batch */
	char kind[16]; /* durable, reliable, volatile, mixed (reliable and durable by turns) */
} plan = { .rate = 1000, .kind = "durable" };

struct timing {
	uint32_t publish_us, call_us; /* the slowest */
	uint32_t calls, outcomes;
};

static struct {
	struct devbus *bus;
	int log_fd;
	uint32_t next;
	uint32_t rested_ms;
	uint64_t credit_us; /* of a second, times the rate */
	struct devbus_timer *timer;
	struct timing timing;
	bool done;
} worker;

/* ---- the log */

static __attribute__((format(printf, 1, 2))) void note(const char *format, ...)
{
	char line[160];
	va_list list;
	int length;

	va_start(list, format);
	length = vsnprintf(line, sizeof line, format, list);
	va_end(list);
	if (write(worker.log_fd, line, (size_t)length) != length)
		abort(); /* what follows would prove nothing */
}

static uint32_t last_number(const char *path)
{
	FILE *file = fopen(path, "r");
	unsigned first, last = 0, highest = 0;
	char line[160];

	while (file && fgets(line, sizeof line, file))
		if (sscanf(line, "try %u %u", &first, &last) == 2 && last > highest)
			highest = last;
	if (file)
		fclose(file);
	return highest;
}

/* ---- how long it takes */

static uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void note_time(uint64_t began_us, uint32_t *slowest_us)
{
	uint64_t took_us = now_us() - began_us;

	if (took_us > *slowest_us)
		*slowest_us = took_us < UINT32_MAX ? (uint32_t)took_us : UINT32_MAX;
}

static const struct devbus_field timing_fields[] = {
	DEVBUS_FIELD(struct timing, publish_us),
	DEVBUS_FIELD(struct timing, call_us),
	DEVBUS_FIELD(struct timing, calls),
	DEVBUS_FIELD(struct timing, outcomes),
	{ 0 },
};

static int on_timing(struct devbus_request *request, const void *args, void *userdata)
{
	(void)args, (void)userdata;
	return devbus_reply(request, timing_fields, &worker.timing);
}

/* ---- events */

struct number {
	uint32_t n;
	char padding[PADDING_MAX + 1];
};
static const struct devbus_field number_fields[] = {
	DEVBUS_FIELD(struct number, n),
	DEVBUS_FIELD(struct number, padding, .flags = DEVBUS_OMIT_EMPTY),
	{ 0 },
};

static enum devbus_publication kind_of(uint32_t n)
{
	if (strcmp(plan.kind, "mixed") == 0)
		return n % 2 ? DEVBUS_CLOUD_DURABLE : DEVBUS_CLOUD_RELIABLE;
	if (strcmp(plan.kind, "reliable") == 0)
		return DEVBUS_CLOUD_RELIABLE;
	return strcmp(plan.kind, "volatile") == 0 ? DEVBUS_CLOUD_VOLATILE : DEVBUS_CLOUD_DURABLE;
}

static int publish(uint32_t n)
{
	static struct number number;
	uint64_t began_us = now_us();
	int r;

	number.n = n;
	memset(number.padding, 'x', plan.size);
	number.padding[plan.size] = '\0';
	r = devbus_publish(worker.bus, kind_of(n), "number", number_fields, &number);
	note_time(began_us, &worker.timing.publish_us);
	return r;
}

static int publish_batch(uint32_t first, uint32_t last)
{
	int r = devbus_batch_begin(worker.bus);

	for (uint32_t n = first; r == 0 && n <= last; n++)
		r = publish(n);
	if (plan.stop_at >= first && plan.stop_at <= last)
		raise(SIGKILL);
	return r == 0 ? devbus_batch_commit(worker.bus) : r;
}

static void publish_next(void)
{
	uint32_t first = worker.next, last = plan.batch ? first + plan.batch - 1 : first;
	int r;

	if (last > plan.count)
		last = plan.count;
	note("try %u %u\n", (unsigned)first, (unsigned)last);
	r = plan.batch ? publish_batch(first, last) : publish(first);
	if (r == 0)
		note("ok %u %u\n", (unsigned)first, (unsigned)last);
	else
		note("no %u %u %d\n", (unsigned)first, (unsigned)last, -r);
	worker.next = last + 1;
}

static void turn(struct devbus *bus, void *userdata)
{
	(void)userdata;
	if (worker.next > plan.rest_at && worker.rested_ms < plan.rest_ms) {
		worker.rested_ms += TURN_MS;
		return;
	}
	worker.credit_us += (uint64_t)plan.rate * TURN_MS * 1000;
	while (worker.credit_us >= 1000000 && worker.next <= plan.count) {
		worker.credit_us -= 1000000ULL * (plan.batch ? plan.batch : 1) < worker.credit_us
					    ? 1000000ULL * (plan.batch ? plan.batch : 1)
					    : worker.credit_us;
		publish_next();
	}
	if (worker.next <= plan.count)
		return;
	worker.done = true;
	devbus_timer_stop(worker.timer);
	devbus_quit(bus);
}

/* ---- calls */

static void on_outcome(struct devbus *bus, const struct devbus_outcome *outcome, void *userdata)
{
	(void)bus, (void)outcome, (void)userdata;
	worker.timing.outcomes++;
}

static void call(struct devbus *bus, void *userdata)
{
	const struct devbus_call ping = {
		.service = "config", .method = "ping", .timeout_ms = CALL_MS, .handler = on_outcome
	};
	uint64_t began_us = now_us();
	int r = devbus_call(bus, &ping, NULL);

	(void)userdata;
	note_time(began_us, &worker.timing.call_us);
	if (r == 0)
		worker.timing.calls++;
}

/* ---- commands */

struct work {
	uint32_t ms;
};
static const struct devbus_field work_fields[] = { DEVBUS_FIELD(struct work, ms, .max = 60000), { 0 } };

static void work_done(struct devbus *bus, void *userdata)
{
	(void)bus;
	devbus_reply(userdata, NULL, NULL);
}

static const char *name_of(const struct devbus_request *request)
{
	const char *id = devbus_request_id(request);

	return id ? id : "(call)";
}

static int on_work(struct devbus_request *request, const void *args, void *userdata)
{
	const struct work *work = args;

	(void)userdata;
	note("run %s\n", name_of(request));
	return devbus_after(worker.bus, work->ms ? work->ms : 1, work_done, request, NULL);
}

static int on_resume(struct devbus_request *request, const void *args, void *userdata)
{
	const struct work *work = args;

	(void)userdata;
	note("resume %s\n", name_of(request));
	return devbus_after(worker.bus, work->ms ? work->ms : 1, work_done, request, NULL);
}

/* In the middle of its work, and again each time it is taken up. */
static int on_die(struct devbus_request *request, const void *args, void *userdata)
{
	(void)args, (void)userdata;
	note("run %s\n", name_of(request));
	return raise(SIGKILL);
}

static const struct devbus_method methods[] = {
	{ .name = "work",
		.handler = on_work,
		.args = work_fields,
		.args_size = sizeof(struct work),
		.flags = DEVBUS_CLOUD },
	{ .name = "careful",
		.handler = on_work,
		.args = work_fields,
		.args_size = sizeof(struct work),
		.flags = DEVBUS_CLOUD,
		.resume = on_resume },
	{ .name = "timing", .handler = on_timing },
	{ .name = "die", .handler = on_die, .flags = DEVBUS_CLOUD, .resume = on_die },
	{ 0 },
};

/* Its section of the configuration: nothing depends on it, but it is one more thing to be heard. */
static int on_configuration(struct devbus *bus, const void *values, void *userdata)
{
	(void)bus, (void)values, (void)userdata;
	return 0;
}

/* ---- the process */

static int take_option(const char *word)
{
	const struct {
		const char *name;
		uint32_t *value;
	} numbers[] = { { "count", &plan.count }, { "rate", &plan.rate }, { "batch", &plan.batch },
		{ "size", &plan.size }, { "calls", &plan.calls }, { "rest-at", &plan.rest_at },
		{ "rest-ms", &plan.rest_ms }, { "stop-at", &plan.stop_at } };
	const char *value = strchr(word, '=');
	size_t length = value ? (size_t)(value - word) : 0;

	for (size_t i = 0; value && i < sizeof numbers / sizeof *numbers; i++) {
		if (strlen(numbers[i].name) == length && strncmp(word, numbers[i].name, length) == 0) {
			*numbers[i].value = (uint32_t)strtoul(value + 1, NULL, 10);
			return 0;
		}
	}
	return value && sscanf(word, "kind=%15s", plan.kind) == 1 ? 0 : -EINVAL;
}

static int run(void)
{
	int r = devbus_serve(worker.bus, methods, NULL);

	if (r == 0)
		r = devbus_config(worker.bus, work_fields, sizeof(struct work), on_configuration, NULL);
	if (r == 0 && worker.next <= plan.count)
		r = devbus_every(worker.bus, TURN_MS, turn, NULL, &worker.timer);
	if (r == 0 && plan.calls)
		r = devbus_every(worker.bus, 1000 / plan.calls, call, NULL, NULL);
	if (r == 0)
		r = devbus_run(worker.bus);
	if (r == 0 && worker.done) {
		r = devbus_flush(worker.bus, FLUSH_MS);
		if (r == 0)
			note("confirmed\n");
		else
			note("unconfirmed %d\n", -r);
		r = devbus_run(worker.bus); /* its statistics can still be asked for */
	}
	return r;
}

int main(int argc, char **argv)
{
	int r = argc < 3 ? -EINVAL : 0;

	for (int i = 3; r == 0 && i < argc; i++)
		r = take_option(argv[i]);
	if (r < 0 || plan.size > PADDING_MAX || plan.calls > 1000) {
		fprintf(stderr,
			"usage: worker NAME LOG [count=N] [rate=N] [batch=N] [size=N] [calls=N] [rest-at=N rest-ms=N] [stop-at=N] "
			"[kind=durable|reliable|volatile|mixed]\n");
		return 2;
	}
	worker.next = last_number(argv[2]) + 1;
	worker.log_fd = open(argv[2], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	r = worker.log_fd < 0 ? -errno : devbus_open(argv[1], &worker.bus);
	if (r == 0)
		r = run();
	devbus_close(worker.bus);
	if (r < 0)
		fprintf(stderr, "worker %s: %s\n", argv[1], strerror(-r));
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
