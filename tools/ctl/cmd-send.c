// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * The cloud's side of a command (protocol 4), at the cloud's broker. Nothing is promised before `accepted`, so the
 * same id is sent again until an event is seen; and again after a long silence, since an event that came while we
 * were away is only told again when the id is (4.3).
 */
#include "follow.h"
#include "target.h"
#include "wait.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#define REPEAT_MS 3000 /* until the first event */
#define REMIND_MS 20000 /* of silence, after it */
#define TICK_MS 250

struct send_options {
	const char *id;
	uint32_t expires_s;
	uint32_t timeout_s;
	bool json;
};

static const struct send_options initial = { .timeout_s = 60 };

static const struct option options_table[] = {
	OPTION(struct send_options, id, "id", .argument = "ID", .help = "of the command [a fresh one]"),
	OPTION(struct send_options, expires_s, "expires-s", .argument = "N", .min = 1,
		.help = "the device shall not begin it later than in N seconds"),
	OPTION(struct send_options, timeout_s, "timeout-s", .argument = "N", .min = 1, .max = 86400,
		.help = "give up after N seconds without news [60]"),
	OPTION(struct send_options, json, "json", .help = "print each event as a line of JSON"),
	{ 0 },
};

struct sender {
	const struct send_options *options;
	struct devbus *bus;
	char id[65];
	char command_topic[TARGET_TOPIC_SIZE], event_topic[TARGET_TOPIC_SIZE];
	struct devbus_json *command;
	struct follow follow;
	int64_t sent_ms, news_ms;
	int failure; /* 0, or a negative errno of sending */
};

static int choose_id(struct sender *sender)
{
	unsigned char random[8];

	if (sender->options->id) {
		size_t length = strspn(sender->options->id,
			"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-");
		if (length < 1 || length > 64 || sender->options->id[length]) {
			ctl_error("--id %s: give 1 to 64 of A-Z a-z 0-9 . _ : -", sender->options->id);
			return -EINVAL;
		}
		snprintf(sender->id, sizeof sender->id, "%s", sender->options->id);
		return 0;
	}
	if (getrandom(random, sizeof random, 0) != sizeof random)
		return -EIO;
	int length = snprintf(sender->id, sizeof sender->id, "ctl-");
	for (size_t i = 0; i < sizeof random; i++)
		length +=
			snprintf(sender->id + length, sizeof sender->id - (size_t)length, "%02x", random[i]);
	return 0;
}

static struct devbus_json *time_ahead(uint32_t seconds)
{
	char text[DEVBUS_TIME_SIZE];
	struct timespec now;
	struct tm utc;

	clock_gettime(CLOCK_REALTIME, &now);
	time_t then = now.tv_sec + (time_t)seconds;
	gmtime_r(&then, &utc);
	size_t length = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
	snprintf(text + length, sizeof text - length, ".%03dZ", (int)(now.tv_nsec / 1000000 % 1000));
	return devbus_json_new_string(text);
}

/* @args is taken. */
static int build_command(struct sender *sender, struct devbus_json *args)
{
	int r;

	sender->command = devbus_json_new_object();
	r = devbus_json_set(sender->command, "args", args);
	if (r >= 0)
		r = devbus_json_set(sender->command, "id", devbus_json_new_string(sender->id));
	if (r >= 0 && sender->options->expires_s)
		r = devbus_json_set(sender->command, "expires", time_ahead(sender->options->expires_s));
	return sender->command ? r : -ENOMEM;
}

static void transmit(struct sender *sender)
{
	int r = devbus_publish_topic(
		sender->bus, sender->command_topic, 1, false, devbus_json_copy(sender->command));

	if (r < 0)
		sender->failure = r;
	sender->sent_ms = ctl_now_ms();
}

static void on_event(struct devbus *bus, const struct devbus_message *message, void *userdata)
{
	struct sender *sender = userdata;

	(void)bus;
	if (!message->retained && follow_event(&sender->follow, message->object))
		sender->news_ms = ctl_now_ms();
}

static void on_tick(struct devbus *bus, void *userdata)
{
	struct sender *sender = userdata;
	int64_t now_ms = ctl_now_ms(), silent_since_ms = sender->news_ms;

	if (sender->follow.final || !devbus_connected(bus))
		return;
	if (silent_since_ms < sender->sent_ms)
		silent_since_ms = sender->sent_ms;
	if (now_ms - silent_since_ms >= (sender->follow.seen ? REMIND_MS : REPEAT_MS))
		transmit(sender);
}

static bool is_done(void *userdata)
{
	const struct sender *sender = userdata;

	return sender->follow.final || sender->failure ||
	       ctl_now_ms() - sender->news_ms > (int64_t)sender->options->timeout_s * 1000;
}

static int exchange(struct sender *sender)
{
	int r;

	if ((r = devbus_subscribe(sender->bus, sender->event_topic, NULL, 0, on_event, sender)) < 0 ||
		(r = devbus_every(sender->bus, TICK_MS, on_tick, sender, NULL)) < 0)
		return r;
	sender->news_ms = ctl_now_ms();
	transmit(sender);
	r = ctl_wait(sender->bus, is_done, sender, CTL_FOREVER);
	return r < 0 ? r : sender->failure;
}

static int conclude(struct sender *sender, int r)
{
	follow_end(&sender->follow);
	if (r == -EINTR) {
		ctl_error("left; the command %s goes on without us", sender->id);
		return CTL_INTERRUPTED;
	}
	if (r < 0) {
		ctl_error("%s", strerror(-r));
		return CTL_NO;
	}
	if (!sender->follow.final) {
		ctl_error("no %s for %u s; ask again with --id %s", sender->follow.seen ? "news" : "answer",
			sender->options->timeout_s, sender->id);
		return CTL_UNREACHABLE;
	}
	return sender->follow.succeeded ? CTL_OK : CTL_NO;
}

/* @args is taken. */
static int prepare(
	struct sender *sender, const struct ctl_globals *globals, char **words, struct devbus_json *args)
{
	int r = choose_id(sender);

	if (r < 0) {
		devbus_json_free(args);
		return r;
	}
	if ((r = build_command(sender, args)) < 0 ||
		(r = target_cloud_topic(globals, "command", words[0], words[1], sender->command_topic)) < 0 ||
		(r = target_cloud_topic(globals, "event", words[0], words[1], sender->event_topic)) < 0)
		return r;
	follow_begin(&sender->follow, words[0], words[1], sender->id, sender->options->json);
	return 0;
}

static int run(const struct ctl_globals *globals, const void *values, int count, char **words)
{
	struct sender sender = { .options = values };
	struct devbus_json *args = NULL;
	int result = CTL_USAGE;

	if (!ctl_level("service", words[0]) || !ctl_level("command", words[1]) ||
		ctl_object(count > 2 ? words[2] : NULL, &args) < 0)
		return CTL_USAGE;
	if (prepare(&sender, globals, words, args) >= 0)
		result = target_open(globals, TARGET_CLOUD, NULL, TARGET_TIMEOUT_MS, &sender.bus);
	if (sender.bus)
		result = conclude(&sender, exchange(&sender));
	devbus_close(sender.bus);
	devbus_json_free(sender.command);
	return result;
}

const struct ctl_command ctl_send = {
	.name = "send",
	.synopsis = "SERVICE COMMAND [JSON]",
	.summary = "Acts as the cloud: sends a command to the device and follows it to its end",
	.help = "Connects to the cloud's broker: --cloud, else the testbed's, else cloud_broker of devbus.conf.\n"
		"Events go to standard error, the result to standard output. Status 0 only if it succeeded.\n"
		"Ctrl-C leaves; the command goes on.\n",
	.options = options_table,
	.options_size = sizeof(struct send_options),
	.initial = &initial,
	.words_min = 2,
	.words_max = 3,
	.run = run,
};
