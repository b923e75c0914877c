// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * Events from the shell: cloud/event/NAME/ITEM. It opens the bus as the service NAME, not as a caller: a durable
 * event needs a store, and its lock keeps a script from speaking as a service that runs.
 */
#include "target.h"
#include "wait.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct publish_options {
	bool is_volatile;
	bool reliable;
	bool durable;
	bool lines;
	bool wait;
	const char *name;
	uint32_t timeout_s;
};

static const struct publish_options initial = { .name = "cli", .timeout_s = 10 };

static const struct option options_table[] = {
	OPTION(struct publish_options, is_volatile, "volatile", .help = "QoS 0: may be lost"),
	OPTION(struct publish_options, reliable, "reliable",
		.help = "QoS 1: this tool repeats it until the broker has it [default]"),
	OPTION(struct publish_options, durable, "durable",
		.help = "on disk first: survives a crash and a power cut of either"),
	OPTION(struct publish_options, name, "name", .argument = "NAME",
		.help = "publish as this service, which must not run [cli]"),
	OPTION(struct publish_options, lines, "lines", .help = "one event for each line of standard input"),
	OPTION(struct publish_options, wait, "wait",
		.help = "until all are confirmed: durable ones from beyond the bridge"),
	OPTION(struct publish_options, timeout_s, "timeout-s", .argument = "N", .min = 1, .max = 86400,
		.help = "wait at most N seconds for that, or for the connection [10]"),
	{ 0 },
};

/* Events that may be on their way at once; so --lines of any length needs little memory. */
#define BATCH 256

struct publisher {
	const struct publish_options *options;
	enum devbus_publication kind;
	struct devbus *bus;
	const char *item;
	unsigned long count, refused;
};

static uint32_t timeout_ms(const struct publisher *publisher)
{
	return publisher->options->timeout_s * 1000;
}

static int flush(struct publisher *publisher)
{
	return devbus_flush(publisher->bus, timeout_ms(publisher));
}

/*
 * A reliable event lives in our memory until the broker has it, so a full queue is waited for and not reported.
 * Durable ones are on disk already; waiting for them is what --wait is for.
 */
static int keep_pace(struct publisher *publisher)
{
	if (publisher->count % BATCH)
		return 0;
	if (publisher->kind == DEVBUS_CLOUD_DURABLE)
		return devbus_dispatch(publisher->bus);
	return flush(publisher);
}

/* @object is taken. Only what concerns this one event is not an error of the whole. */
static int publish_one(struct publisher *publisher, struct devbus_json *object)
{
	int r = devbus_publish_json(publisher->bus, publisher->kind, publisher->item, object);

	if (r < 0) {
		ctl_error("event %lu: %s", publisher->count + publisher->refused + 1, strerror(-r));
		publisher->refused++;
		return r == -EINVAL || r == -EMSGSIZE ? 0 : r;
	}
	publisher->count++;
	return keep_pace(publisher);
}

static int publish_text(struct publisher *publisher, const char *text)
{
	struct devbus_json *object = NULL;

	if (ctl_object(text, &object) < 0) {
		publisher->refused++;
		return 0;
	}
	return publish_one(publisher, object);
}

static int publish_lines(struct publisher *publisher)
{
	char *line = NULL;
	size_t capacity = 0;
	ssize_t length;
	int r = 0;

	while (r >= 0 && (length = getline(&line, &capacity, stdin)) >= 0) {
		if (length && line[length - 1] == '\n')
			line[length - 1] = '\0';
		if (*line)
			r = publish_text(publisher, line);
	}
	if (r >= 0 && ferror(stdin))
		r = -EIO;
	free(line);
	return r;
}

/* The library sends what is on disk when it can; anything else would be lost with this process. */
static int finish(struct publisher *publisher)
{
	if (publisher->kind == DEVBUS_CLOUD_DURABLE && !publisher->options->wait)
		return devbus_dispatch(publisher->bus);
	return flush(publisher);
}

static int conclude(const struct publisher *publisher, int r)
{
	if (r == -ETIMEDOUT)
		ctl_error("not all events are confirmed after %u s", publisher->options->timeout_s);
	else if (r < 0 && !publisher->refused) /* else it has been told with its event */
		ctl_error("%s", strerror(-r));
	if (publisher->refused)
		ctl_error("%lu accepted, %lu refused", publisher->count, publisher->refused);
	if (r == -ETIMEDOUT)
		return CTL_UNREACHABLE;
	return r < 0 || publisher->refused ? CTL_NO : CTL_OK;
}

static int kind_of(const struct publish_options *options, enum devbus_publication *ret_kind)
{
	if (options->is_volatile + options->reliable + options->durable > 1) {
		ctl_error("give one of --volatile, --reliable and --durable");
		return -EINVAL;
	}
	*ret_kind = options->is_volatile ? DEVBUS_CLOUD_VOLATILE
		    : options->durable   ? DEVBUS_CLOUD_DURABLE
					 : DEVBUS_CLOUD_RELIABLE;
	return 0;
}

static int check(struct publisher *publisher, int count, char **words)
{
	if (kind_of(publisher->options, &publisher->kind) < 0 ||
		!ctl_level("service", publisher->options->name) || !ctl_level("topic level", words[0]))
		return -EINVAL;
	if (publisher->options->lines && count > 1) {
		ctl_error("--lines reads the events from standard input; leave the JSON out");
		return -EINVAL;
	}
	publisher->item = words[0];
	return 0;
}

static int run(const struct ctl_globals *globals, const void *values, int count, char **words)
{
	struct publisher publisher = { .options = values };
	struct devbus_json *object = NULL;
	int r;

	if (check(&publisher, count, words) < 0 ||
		(!publisher.options->lines && ctl_object(count > 1 ? words[1] : NULL, &object) < 0))
		return CTL_USAGE;
	uint32_t connect_ms = publisher.kind == DEVBUS_CLOUD_DURABLE ? 0 : timeout_ms(&publisher);
	int result =
		target_open(globals, TARGET_SERVICE, publisher.options->name, connect_ms, &publisher.bus);
	if (result != CTL_OK) {
		devbus_json_free(object);
		return result;
	}
	r = object ? publish_one(&publisher, object) : publish_lines(&publisher);
	if (r >= 0)
		r = finish(&publisher);
	result = conclude(&publisher, r);
	devbus_close(publisher.bus);
	return result;
}

const struct ctl_command ctl_publish = {
	.name = "publish",
	.synopsis = "ITEM [JSON]",
	.summary = "Publishes an event to the cloud, on cloud/event/NAME/ITEM",
	.help = "Status 0 says that all events were accepted; with --wait, that all were confirmed.\n",
	.options = options_table,
	.options_size = sizeof(struct publish_options),
	.initial = &initial,
	.words_min = 1,
	.words_max = 2,
	.run = run,
};
