// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* Secret arguments of commands: in the journal while they are needed, and in no file afterwards (protocol 4.8). */
#include "durable-kit.h"
#include <dirent.h>
#include <limits.h>

#define SECRET "correct-horse-battery"

struct join_args {
	char network[33];
	char passphrase[64];
};
static const struct devbus_field join_fields[] = {
	DEVBUS_FIELD(struct join_args, network, .flags = DEVBUS_REQUIRED),
	DEVBUS_FIELD(struct join_args, passphrase, .flags = DEVBUS_SECRET),
	{ 0 },
};

static char passphrase[64]; /* as it was handed to the handler last */

static int on_join(struct devbus_request *request, const void *args, void *userdata)
{
	(void)userdata;
	handled++;
	strcpy(passphrase, ((const struct join_args *)args)->passphrase);
	return act(request, behaviour);
}

static const struct devbus_method secret_methods[] = {
	{ .name = "join",
		.handler = on_join,
		.resume = on_join,
		.args = join_fields,
		.args_size = sizeof(struct join_args),
		.flags = DEVBUS_CLOUD },
	{ .name = "simple", .handler = on_simple, .flags = DEVBUS_CLOUD },
	{ 0 },
};

static void start(void)
{
	kit_open(0);
	ck_assert_int_eq(devbus_serve(kit.bus, secret_methods, (void *)"service"), 0);
	kit_connect();
}

static void join(const char *id, const char *network, const char *secret)
{
	char payload[200];

	snprintf(payload, sizeof payload,
		"{\"id\":\"%s\",\"args\":{\"network\":\"%s\",\"passphrase\":\"%s\"}}", id, network, secret);
	command("join", payload);
}

/* Whether any file of the service has it. */
static bool secret_on_disk(void)
{
	char path[PATH_MAX];
	static char bytes[1 << 20];
	DIR *folder = opendir(devbus_state_dir(kit.bus));
	const struct dirent *entry;
	bool found = false;

	ck_assert_ptr_nonnull(folder);
	while ((entry = readdir(folder))) {
		FILE *file;

		snprintf(path, sizeof path, "%s/%s", devbus_state_dir(kit.bus), entry->d_name);
		file = fopen(path, "r");
		size_t size = file ? fread(bytes, 1, sizeof bytes, file) : 0;
		found |= size && memmem(bytes, size, SECRET, strlen(SECRET));
		if (file)
			fclose(file);
	}
	closedir(folder);
	return found;
}

START_TEST(test_kept_until_it_is_final)
{
	start();
	behaviour = DEFER;
	for (int i = 0; i < 20; i++) { /* pages are moved about meanwhile */
		char id[16];

		snprintf(id, sizeof id, "x%d", i);
		join(id, "n", SECRET);
	}
	ck_assert(secret_on_disk()); /* needed: see the next test */
	for (int i = 0; i < 20; i++) {
		devbus_progress(deferred[i], i, "step", "%s", "progress changes the length of the record");
		if (_i == 0)
			act(deferred[i], REPLY_EMPTY);
		else
			act(deferred[i], FAIL);
	}
	acknowledge_all();
	ck_assert(!secret_on_disk());
	kit_close();
	start();
	ck_assert(!secret_on_disk());
}
END_TEST

START_TEST(test_taken_up_with_it)
{
	start();
	behaviour = DEFER;
	join("a", "n", SECRET);
	kit_kill();
	passphrase[0] = '\0';
	behaviour = REPLY_EMPTY;
	start();
	ck_assert_str_eq(passphrase, SECRET);
	ck_assert(!secret_on_disk());
}
END_TEST

static const struct {
	const char *network, *secret;
	bool same_while_it_runs, same_afterwards;
} repeats[] = {
	{ "n", SECRET, true, true }, { "other", SECRET, false, false },
	{ "n", "else", false, true }, /* nothing is left to tell it by */
};

START_TEST(test_still_recognised)
{
	start();
	behaviour = DEFER;
	join("a", "n", SECRET);
	event("join", "accepted");
	join("a", repeats[_i].network, repeats[_i].secret);
	event("join", repeats[_i].same_while_it_runs ? "accepted" : "rejected");
	act(deferred[0], REPLY_EMPTY);
	event("join", "succeeded");
	kit_kill();
	start();
	join("a", repeats[_i].network, repeats[_i].secret);
	event("join", repeats[_i].same_afterwards ? "succeeded" : "rejected");
	command("simple", "{\"id\":\"a\"}");
	kit_assert_member(event("simple", "rejected"), "error.code", "duplicate-id");
	command("join", "{\"id\":\"a\",\"args\":{\"network\":\"n\"}}");
	kit_assert_member(event("join", "rejected"), "error.code", "duplicate-id");
	ck_assert_int_eq(handled, 1);
}
END_TEST

static const char *const rejected[][2] = {
	{ "join", "{\"id\":\"a\",\"args\":{\"passphrase\":\"" SECRET "\"}}" }, /* network is missing */
	{ "jion", "{\"id\":\"a\",\"args\":{\"network\":\"n\",\"passphrase\":\"" SECRET "\"}}" },
	{ "join", "{\"id\":\"a\",\"expires\":\"2020-01-01T00:00:00Z\",\"args\":{\"passphrase\":\"" SECRET
		  "\"}}" },
};

START_TEST(test_never_kept_when_rejected)
{
	start();
	for (int i = 0; i < 2; i++) {
		command(rejected[_i][0], rejected[_i][1]);
		event(rejected[_i][0], "rejected");
		ck_assert(!secret_on_disk());
	}
	ck_assert_uint_eq(kit.bus->stats.commands_repeated, 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("command-secrets");
	TCase *all = tcase_create("command-secrets");

	tcase_add_checked_fixture(all, serve_set_up, kit_tear_down);
	tcase_set_timeout(all, 60);
	tcase_add_loop_test(all, test_kept_until_it_is_final, 0, 2);
	tcase_add_test(all, test_taken_up_with_it);
	tcase_add_loop_test(all, test_still_recognised, 0, LENGTH(repeats));
	tcase_add_loop_test(all, test_never_kept_when_rejected, 0, LENGTH(rejected));
	suite_add_tcase(suite, all);
	return unit_main(suite);
}
