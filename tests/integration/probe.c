// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 *	probe NAME [run | foreign | thread]
 *
 * run: devbus_run(). foreign: the same in a loop of its own over poll(2), because a service may live in somebody else's.
 * thread: devbus_run(), with a thread that was there before it, and which the quit method uses.
 */
#include "probe.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct probe probe;

int64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* ---- degrade, health, child, quit */

struct reason {
	char reason[64];
};
static const struct devbus_field reason_fields[] = { DEVBUS_FIELD(struct reason, reason), { 0 } };

static int on_degrade(struct devbus_request *request, const void *args, void *userdata)
{
	const struct reason *reason = args;
	struct probe *self = userdata;

	devbus_degraded(self->bus, reason->reason[0] ? reason->reason : NULL);
	return devbus_reply(request, NULL, NULL);
}

static const struct devbus_field health_fields[] = {
	DEVBUS_FIELD(struct health, connected),
	DEVBUS_FIELD(struct health, worst_lag_ms),
	DEVBUS_FIELD(struct health, fds),
	DEVBUS_FIELD(struct health, resident_kib),
	DEVBUS_FIELD(struct health, published),
	DEVBUS_FIELD(struct health, publish_errors),
	DEVBUS_FIELD(struct health, seen),
	DEVBUS_FIELD(struct health, distinct),
	DEVBUS_FIELD(struct health, configured),
	DEVBUS_FIELD(struct health, last_seen),
	{ 0 },
};
static const struct devbus_field own_fields[] = {
	DEVBUS_FIELD(struct own_settings, limit, .min = 1, .max = 100, .initial = 10),
	DEVBUS_FIELD(struct own_settings, greeting, .initial_text = "hello"),
	{ 0 },
};
static const struct devbus_field configuration_fields[] = {
	DEVBUS_FIELD(struct configuration, level, .max = 9, .initial = 5),
	DEVBUS_FIELD(struct configuration, mode, .initial_text = "auto"),
	DEVBUS_FIELD(struct configuration, key, .flags = DEVBUS_SECRET),
	{ 0 },
};

static uint32_t count_fds(void)
{
	DIR *folder = opendir("/proc/self/fd");
	uint32_t count = 0;

	while (folder && readdir(folder))
		count++;
	if (folder)
		closedir(folder);
	return count;
}

static uint32_t resident_kib(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	unsigned long pages = 0;

	if (!file || fscanf(file, "%*u %lu", &pages) != 1)
		pages = 0;
	if (file)
		fclose(file);
	return (uint32_t)(pages * (unsigned long)sysconf(_SC_PAGESIZE) / 1024);
}

static int add_object(
	struct devbus_json *to, const char *name, const struct devbus_field *fields, const void *value)
{
	struct devbus_json *object = NULL;
	int r = devbus_fields_write(fields, value, &object);

	return r < 0 ? r : devbus_json_set(to, name, object);
}

static int on_health(struct devbus_request *request, const void *args, void *userdata)
{
	struct probe *self = userdata;
	struct devbus_json *object = NULL;
	int r;

	(void)args;
	self->health.connected = devbus_connected(self->bus);
	self->health.fds = count_fds();
	self->health.resident_kib = resident_kib();
	r = devbus_fields_write(health_fields, &self->health, &object);
	if (r == 0)
		r = add_object(object, "own", own_fields, &self->health.own);
	if (r == 0)
		r = add_object(object, "configuration", configuration_fields, &self->health.configuration);
	self->health.worst_lag_ms = 0;
	if (r == 0)
		return devbus_reply_json(request, object);
	devbus_json_free(object);
	return r;
}

struct text {
	char text[128];
};
static const struct devbus_field text_fields[] = { DEVBUS_FIELD(struct text, text), { 0 } };

/* Starts a program and takes the first that it writes. No shell: some clear what they inherit. */
static int start_of_output(char *const words[], char *line, size_t size)
{
	posix_spawn_file_actions_t files;
	int ends[2], status;
	pid_t child;
	int r = pipe2(ends, O_CLOEXEC) < 0 ? -errno : 0;

	if (r < 0)
		return r;
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_adddup2(&files, ends[1], STDOUT_FILENO);
	r = -posix_spawnp(&child, words[0], &files, NULL, words, environ);
	posix_spawn_file_actions_destroy(&files);
	close(ends[1]);
	if (r == 0) {
		ssize_t length = read(ends[0], line, size - 1);

		line[length > 0 ? length : 0] = '\0';
		waitpid(child, &status, 0);
	}
	close(ends[0]);
	return r;
}

struct child {
	bool descriptors;
};
static const struct devbus_field child_fields[] = { DEVBUS_FIELD(struct child, descriptors), { 0 } };

static void ignore(struct devbus *bus, const struct devbus_message *message, void *userdata)
{
	(void)bus, (void)message, (void)userdata;
}

/* What a program of the service begins with: its signal mask, or its descriptors while a subscription is under way. */
static int on_child(struct devbus_request *request, const void *args, void *userdata)
{
	const struct child *child = args;
	char *const mask[] = { "grep", "^SigBlk:", "/proc/self/status", NULL };
	char *const descriptors[] = { "ls", "/proc/self/fd", NULL };
	struct probe *self = userdata;
	struct text text;
	int r = devbus_subscribe(self->bus, "service/probe/event/child", NULL, 0, ignore, NULL);

	if (r == 0)
		r = start_of_output(child->descriptors ? descriptors : mask, text.text, sizeof text.text);
	return r < 0 ? r : devbus_reply(request, text_fields, &text);
}

static int on_knows(struct devbus_request *request, const void *args, void *userdata)
{
	const struct text *text = args;
	struct probe *self = userdata;

	return strcmp(text->text, self->health.configuration.key) == 0 ? devbus_reply(request, NULL, NULL)
								       : -ENOENT;
}

static int on_quit(struct devbus_request *request, const void *args, void *userdata)
{
	struct probe *self = userdata;
	int r = devbus_reply(request, NULL, NULL);

	(void)args;
	if (!self->thread)
		devbus_quit(self->bus);
	else if (write(self->thread_pipe[1], "q", 1) != 1)
		return -errno;
	return r;
}

#define METHOD(method, ...)                                                                                  \
	{                                                                                                    \
		.name = #method, .handler = on_##method, __VA_ARGS__                                         \
	}
#define ARGS(type) .args = type##_fields, .args_size = sizeof(struct type)

static const struct devbus_method methods[] = {
	METHOD(echo, ARGS(echo), .flags = DEVBUS_CLOUD, .result = echo_fields),
	METHOD(add, ARGS(add), .flags = DEVBUS_CLOUD, .result = sum_fields,
		.description = "Adds two numbers."),
	{ .name = "busy", .handler = on_echo, .flags = DEVBUS_CLOUD, .admit = refuse_busy },
	METHOD(error, ARGS(error), .flags = DEVBUS_CLOUD),
	METHOD(block, ARGS(wait), .flags = DEVBUS_CLOUD),
	METHOD(later, ARGS(wait), .flags = DEVBUS_CLOUD),
	METHOD(progress, ARGS(work), .flags = DEVBUS_CLOUD),
	{ .name = "resumable",
		.handler = on_progress,
		ARGS(work),
		.flags = DEVBUS_CLOUD,
		.resume = on_resume },
	METHOD(call, ARGS(call)),
	METHOD(state, ARGS(item)),
	METHOD(stream, ARGS(order)),
	METHOD(follow, ARGS(filter)),
	METHOD(latency, ARGS(rounds)),
	METHOD(degrade, ARGS(reason)),
	{ .name = "health", .handler = on_health },
	METHOD(child, ARGS(child), .flags = 0),
	METHOD(knows, ARGS(text)), /* whether the text is the secret of the configuration */
	{ .name = "quit", .handler = on_quit },
	{ 0 },
};

/* ---- the process */

static int on_configuration(struct devbus *bus, const void *values, void *userdata)
{
	struct probe *self = userdata;

	if (strcmp(((const struct configuration *)values)->mode, "refuse") == 0)
		return devbus_config_refuse(bus, "mode refuse is not for this probe");
	self->health.configuration = *(const struct configuration *)values;
	self->health.configured++;
	return 0;
}

static void turn(struct devbus *bus, void *userdata)
{
	struct probe *self = userdata;
	int64_t now_ms = now_us() / 1000, lag_ms = now_ms - self->last_turn_ms - TURN_MS;

	(void)bus;
	if (lag_ms > self->health.worst_lag_ms)
		self->health.worst_lag_ms = (uint32_t)lag_ms;
	self->last_turn_ms = now_ms;
}

static void *wait_for_order(void *argument)
{
	struct probe *self = argument;
	char order;

	if (read(self->thread_pipe[0], &order, 1) == 1)
		devbus_quit(self->bus);
	return NULL;
}

static int run_with_thread(void)
{
	int r;

	if (pipe(probe.thread_pipe) < 0)
		return -errno;
	r = -pthread_create(&probe.thread, NULL, wait_for_order, &probe);
	if (r == 0)
		r = devbus_run(probe.bus);
	close(probe.thread_pipe[1]);
	pthread_join(probe.thread, NULL);
	close(probe.thread_pipe[0]);
	return r;
}

static void note_stop(int number)
{
	(void)number;
	probe.stop = 1;
}

static int run_foreign(void)
{
	const struct sigaction action = { .sa_handler = note_stop };
	struct pollfd ready = { .fd = devbus_fd(probe.bus), .events = POLLIN };
	sigset_t stop, before;
	int r = devbus_ready(probe.bus);

	sigemptyset(&stop);
	sigaddset(&stop, SIGTERM);
	sigprocmask(SIG_BLOCK, &stop, &before);
	sigaction(SIGTERM, &action, NULL);
	while (r == 0 && !probe.stop)
		if (ppoll(&ready, 1, NULL, &before) > 0)
			r = devbus_dispatch(probe.bus);
	return r;
}

static int run_plain(void)
{
	return devbus_run(probe.bus);
}

static const struct {
	const char *name;
	int (*run)(void);
} modes[] = { { "run", run_plain }, { "foreign", run_foreign }, { "thread", run_with_thread },
	{ NULL, NULL } };

static int set_up(const char *name)
{
	int r = devbus_open_with(&(struct devbus_options) { .name = name, .version = "7.8.9" }, &probe.bus);

	probe.last_turn_ms = now_us() / 1000;
	if (r == 0)
		r = devbus_settings(probe.bus, own_fields, &probe.health.own);
	if (r == 0)
		r = devbus_config(probe.bus, configuration_fields, sizeof(struct configuration),
			on_configuration, &probe);
	if (r == 0)
		r = devbus_every(probe.bus, TURN_MS, turn, &probe, NULL);
	if (r == 0)
		r = devbus_serve(probe.bus, methods, &probe);
	return r;
}

static int run(const char *name, int (*run_mode)(void))
{
	char filter[128];
	int r = set_up(name);

	snprintf(filter, sizeof filter, "service/%s/event/round", name);
	if (r == 0)
		r = devbus_subscribe(probe.bus, filter, NULL, 0, on_round, &probe);
	if (r == 0)
		r = run_mode();
	devbus_close(probe.bus);
	devbus_json_free(probe.health.last_seen);
	if (r < 0)
		fprintf(stderr, "%s: %s\n", name, strerror(-r));
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	const char *mode = argc > 2 ? argv[2] : "run";

	for (int i = 0; argc > 1 && modes[i].name; i++)
		if (strcmp(modes[i].name, mode) == 0)
			return run(argv[1], modes[i].run);
	fprintf(stderr, "usage: probe NAME [run | foreign | thread]\n");
	return 2;
}
