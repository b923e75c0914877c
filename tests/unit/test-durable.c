// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* Durable events: from the disk to beyond the bridge, and what confirms them there (protocol 6.2, 6.5). */
#include "durable-kit.h"
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WINDOW = BRIDGE_WINDOW_EVENTS };

/* ---- on disk first */

static const struct link_functions *real;
static int seen_by_link;

/* What another process would find in the file, while the link is asked to send. */
static void count_one(const struct store_event *event, void *userdata)
{
	(void)event;
	++*(int *)userdata;
}

static int on_disk(void)
{
	char path[128];
	struct store *store;
	int count = 0;

	snprintf(path, sizeof path, "%s/state/unit/devbus.db", kit.folder);
	require(store_open(path, &store, NULL) == 0);
	require(store_events_read(store, 0, 1000, count_one, &count) == 0);
	store_close(store);
	return count;
}

static int looking_publish(struct link *link, const struct link_message *message, uint32_t *ret_token)
{
	if (strcmp(message->topic, EVENT_TOPIC) == 0)
		require(on_disk() == ++seen_by_link);
	return real->publish(link, message, ret_token);
}

START_TEST(test_on_disk_before_it_is_sent)
{
	struct link_functions looking;

	kit_start();
	real = fake_link->link.functions;
	looking = *real;
	looking.publish = looking_publish;
	fake_link->link.functions = &looking;
	publish_durable(3);
	fake_link->link.functions = real;
	ck_assert_int_eq(seen_by_link, 3);
	ck_assert_int_eq(on_disk(), 3);
	assert_sent(1, 3);
}
END_TEST

/* Tells after each publish how many there are, until it is killed. */
static void publish_for_ever(int fd)
{
	kit_open(0);
	for (int count = 1;; count++)
		if (publish_one(DEVBUS_CLOUD_DURABLE, 100) < 0 || write(fd, &count, sizeof count) < 0)
			_exit(1);
}

START_TEST(test_killed)
{
	int ends[2], count = 0, status;
	pid_t child;

	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
	child = fork();
	if (child == 0)
		publish_for_ever(ends[1]);
	close(ends[1]);
	while (read(ends[0], &count, sizeof count) > 0)
		if (count == 20 + 7 * _i)
			kill(child, SIGKILL);
	close(ends[0]);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFSIGNALED(status));
	kit_start();
	ck_assert_uint_ge(store_next_seq(kit.bus->store), (uint64_t)count + 1);
	ck_assert_uint_eq(kit.bus->stats.events_confirmed, store_next_seq(kit.bus->store) - 1);
}
END_TEST

/* ---- in order */

START_TEST(test_sent_in_order)
{
	struct fake_record *record;

	kit_open(0);
	publish_durable(70);
	kit_dispatch();
	fake_link_finish();
	kit_bridge_works();
	ck_assert_uint_le(fake_link_count(FAKE_PUBLISH, NULL), LINK_WINDOW);
	acknowledge_all();
	record = kit_published(EVENT_TOPIC);
	kit_assert_member(record, "seq", "1");
	kit_assert_member(record, "time", "2027-01-15T08:00:00.000Z");
	kit_assert_member(record, "dropped", "(absent)");
	ck_assert_uint_eq(strlen(kit_member(record, "stream")), 16);
	assert_sent(2, 70);
}
END_TEST

START_TEST(test_sent_again_until_confirmed)
{
	kit_start();
	publish_durable(5);
	for (int i = 0; i < 3; i++)
		fake_link_acknowledge(kit_published(EVENT_TOPIC), 0);
	for (int i = 0; i < 3; i++) {
		if (_i == 0)
			reconnect();
		else
			reopen();
		acknowledge_all();
		assert_sent(1, 5);
	}
	echo(token_of(":5"));
	assert_waiting(0);
	if (_i == 0)
		reconnect();
	else
		reopen();
	acknowledge_all();
	assert_sent(1, 0);
	publish_durable(1);
	assert_sent(6, 6);
}
END_TEST

/* ---- tokens */

START_TEST(test_token_after_all_before_it)
{
	struct fake_record *sent[3];

	kit_start();
	publish_durable(3);
	for (int i = 0; i < 3; i++)
		sent[i] = kit_published(EVENT_TOPIC);
	fake_link_acknowledge(sent[2], 0);
	fake_link_acknowledge(sent[0], 0);
	no_token();
	fake_link_acknowledge(sent[1], 0);
	token_of(":3");
	no_token();
}
END_TEST

/* One acknowledgement that stays away holds back the token, however much follows. */
START_TEST(test_token_waits_for_the_slowest)
{
	struct fake_record *slow;

	kit_start();
	publish_durable(150);
	slow = kit_published(EVENT_TOPIC);
	slow->acknowledged = true;
	acknowledge_all();
	slow->acknowledged = false;
	no_token();
	fake_link_acknowledge(slow, 0);
	acknowledge_all();
	token_of(":150");
}
END_TEST

START_TEST(test_tokens_while_events_keep_coming)
{
	kit_open(0);
	publish_durable(250);
	kit_dispatch();
	fake_link_finish();
	kit_bridge_works();
	acknowledge_all();
	echo(token_of(":100"));
	assert_waiting(150);
	token_of(":200");
	echo(token_of(":250"));
	assert_waiting(0);
	no_token();
}
END_TEST

START_TEST(test_echo_confirms_exactly)
{
	struct fake_record *token;

	kit_start();
	publish_durable(3);
	acknowledge_all();
	token = token_of(":3");
	publish_durable(2);
	echo(token);
	assert_waiting(2);
	ck_assert_uint_eq(kit.bus->stats.events_confirmed, 3);
	echo(token); /* a repeat says nothing new */
	assert_waiting(2);
	ck_assert_int_eq(on_disk(), 2);
	acknowledge_all();
	echo(token_of(":5"));
	assert_waiting(0);
	ck_assert_uint_eq(kit.bus->stats.events_confirmed, 5);
	ck_assert_uint_eq(kit.bus->stats.events_dropped, 0);
}
END_TEST

START_TEST(test_token_of_an_earlier_connection)
{
	struct fake_record *old, *token;

	kit_start();
	publish_durable(3);
	acknowledge_all();
	old = token_of(":3");
	reconnect();
	acknowledge_all();
	token = token_of(":3");
	ck_assert_str_ne(token->payload, old->payload);
	echo(old);
	assert_waiting(3);
	echo(token);
	assert_waiting(0);
}
END_TEST

/* @pattern with @value in place of its $. */
static void put_in(char *text, size_t size, const char *pattern, const char *value)
{
	int before = (int)strcspn(pattern, "$");

	snprintf(text, size, "%.*s%s%s", before, pattern, pattern[before] ? value : "",
		pattern[before] ? pattern + before + 1 : "");
}

/* $: the word of this connection. */
static const char *const tampered[] = { "", "x", ":", ":3", "0:3", "$", "$:", "$:4", "$:-1",
	"$:99999999999999999999999", "$:x3", "$:r3", "$:p3", "0$:3",
	"$:00000000000000000000000000000003000000000000000000" };

START_TEST(test_tampered_tokens)
{
	struct fake_record *token;
	char text[100], generation[17];

	kit_start();
	publish_durable(3);
	acknowledge_all();
	token = token_of(":3");
	publish_durable(1);
	snprintf(generation, sizeof generation, "%.16s", token->payload);
	put_in(text, sizeof text, tampered[_i], generation);
	echo_text(text);
	assert_waiting(4);
	echo(token);
	assert_waiting(1);
}
END_TEST

/* An adapter that may have lost some asks for it; what is on its way to the broker is not sent beside itself. */
START_TEST(test_all_again_when_asked)
{
	struct fake_record *earlier, *under_way;

	kit_start();
	publish_durable(2);
	assert_sent(1, 2);
	acknowledge_all();
	earlier = token_of(":2");
	publish_durable(1);
	under_way = kit_published(EVENT_TOPIC);
	echo_text("again");
	publish_durable(1);
	ck_assert_int_eq(take_sent(), 0);
	fake_link_acknowledge(under_way, 0);
	fake_link_acknowledge(
		token_of(":3"), 0); /* of the earlier generation, and as good as the answer to it */
	acknowledge_all();
	assert_sent(1, 4);
	echo(earlier);
	assert_waiting(4);
	echo(token_of(":4"));
	assert_waiting(0);
	echo_text("again"); /* and again there is nothing */
	ck_assert_int_eq(take_sent(), 0);
	publish_durable(1);
	acknowledge_all();
	assert_sent(5, 5);
	echo(token_of(":5"));
	assert_waiting(0);
}
END_TEST

START_TEST(test_lost_token_is_sent_again)
{
	static const int64_t pauses_s[] = { 30, 60, 120, 240, 480, 960, 1920, 3600, 3600 };
	struct fake_record *first, *again;

	kit_start();
	publish_durable(2);
	acknowledge_all();
	first = token_of(":2");
	for (size_t i = 0; i < sizeof pauses_s / sizeof *pauses_s; i++) {
		kit_turn(1000 * pauses_s[i] - 1);
		no_token();
		kit_turn(1);
		acknowledge_all();
		again = token_of(":2");
		ck_assert_str_eq(again->payload, first->payload);
	}
	echo(first);
	assert_waiting(0);
	kit_turn(3600 * 1000);
	acknowledge_all();
	no_token();
	assert_sent(1, 2); /* once, a token that is lost does not repeat events */
}
END_TEST

/* ---- the window */

START_TEST(test_window_of_events)
{
	kit_open(0);
	publish_durable(2 * WINDOW + 50);
	kit_dispatch();
	fake_link_finish();
	kit_bridge_works();
	acknowledge_all();
	assert_sent(1, WINDOW);
	publish_durable(1); /* nor does one more open it */
	acknowledge_all();
	assert_sent(1, 0);
	echo(token_of(":100"));
	acknowledge_all();
	assert_sent(WINDOW + 1, WINDOW + 100);
	for (struct fake_record *token; (token = kit_published(TOKEN_TOPIC)); acknowledge_all())
		echo(token);
	assert_sent(WINDOW + 101, 2 * WINDOW + 51);
	assert_waiting(0);
}
END_TEST

START_TEST(test_window_of_bytes)
{
	enum { SIZE = 20000, COUNT = 120 };
	struct fake_record *token;
	struct mark mark;
	int sent = 0;

	kit_open(0);
	for (int i = 0; i < COUNT; i++)
		ck_assert_int_eq(publish_one(DEVBUS_CLOUD_DURABLE, SIZE), 0);
	kit_dispatch();
	mark = mark_here();
	fake_link_finish();
	kit_bridge_works();
	for (int i = 0; i < COUNT; i++) /* far more turns than there are windows of the link */
		acknowledge_all();
	sent = take_sent();
	ck_assert_int_ge(sent, BRIDGE_WINDOW_BYTES / (SIZE + 300));
	ck_assert_int_le(sent, BRIDGE_WINDOW_BYTES / SIZE + 1);
	while ((token = kit_published(TOKEN_TOPIC))) {
		char payload[64];

		strcpy(payload, token->payload);
		forget_sent_since(mark);
		echo_text(payload);
		acknowledge_all();
		sent += take_sent();
	}
	ck_assert_int_eq(sent, COUNT);
	assert_waiting(0);
}
END_TEST

/* What an earlier connection gave the bridge may still be in its queue. */
START_TEST(test_first_window)
{
	kit_open(0);
	publish_durable(WINDOW + 50);
	for (int i = 0; i < 3; i++) {
		if (i == 0)
			kit_dispatch();
		else
			fake_link_lose("gone"), fake_link_take_all(), kit_turn(60000);
		fake_link_finish();
		fake_link_acknowledge_all();
		assert_sent(1, BRIDGE_WINDOW_FIRST);
	}
	echo(token_of(":16"));
	fake_link_acknowledge_all();
	assert_sent(BRIDGE_WINDOW_FIRST + 1, BRIDGE_WINDOW_FIRST + WINDOW);
}
END_TEST

/* The cloud's own word may be about what an earlier connection sent: the bridge's queue need not be empty. */
START_TEST(test_first_window_and_the_cloud)
{
	char payload[100];

	kit_open(0);
	serve();
	publish_durable(WINDOW);
	kit_dispatch();
	fake_link_finish();
	fake_link_acknowledge_all();
	assert_sent(1, BRIDGE_WINDOW_FIRST);
	snprintf(payload, sizeof payload, "{\"stream\":\"%s\",\"seq\":%d}", store_stream(kit.bus->store),
		_i * BRIDGE_WINDOW_FIRST);
	command("ack", payload);
	fake_link_acknowledge_all();
	assert_sent(BRIDGE_WINDOW_FIRST + 1, (_i + 1) * BRIDGE_WINDOW_FIRST);
}
END_TEST

/* ---- the other ways to confirm */

static const char *const modes[] = { "echo", "ack", "time" };

static const struct {
	const char *payload; /* $: the stream */
	size_t left; /* of five */
	unsigned malformed;
} acks[] = {
	{ "{\"stream\":\"$\",\"seq\":3}", 2, 0 },
	{ "{\"stream\":\"$\",\"seq\":5}", 0, 0 },
	{ "{\"stream\":\"$\",\"seq\":5,\"more\":[1]}", 0, 0 },
	{ "{\"stream\":\"$\",\"seq\":0}", 5, 0 },
	{ "{\"stream\":\"$\",\"seq\":6}", 5, 1 }, /* beyond the end */
	{ "{\"stream\":\"$\",\"seq\":1e300}", 5, 1 },
	{ "{\"stream\":\"$\",\"seq\":-1}", 5, 1 },
	{ "{\"stream\":\"$\",\"seq\":\"3\"}", 5, 1 },
	{ "{\"stream\":\"$\"}", 5, 1 },
	{ "{\"stream\":\"0123456789abcdef\",\"seq\":3}", 5, 1 },
	{ "{\"stream\":\"$0\",\"seq\":3}", 5, 1 },
	{ "{\"stream\":7,\"seq\":3}", 5, 1 },
	{ "{\"seq\":3}", 5, 1 },
	{ "{}", 5, 1 },
	{ "[]", 5, 1 },
	{ "x", 5, 1 },
	{ "", 5, 1 },
};

/* The cloud's own, whatever else is set; it is no command and gets no answer. */
START_TEST(test_confirmed_by_the_cloud)
{
	const int i = _i % LENGTH(acks);
	char payload[100];

	kit_setting("confirm", modes[_i / LENGTH(acks)]);
	serve_and_start();
	publish_durable(5);
	acknowledge_all();
	fake_link_take_all();
	put_in(payload, sizeof payload, acks[i].payload, store_stream(kit.bus->store));
	command("ack", payload);
	assert_waiting(acks[i].left);
	ck_assert_uint_eq(kit.bus->stats.events_confirmed, 5 - acks[i].left);
	ck_assert_uint_eq(kit.bus->stats.messages_malformed, acks[i].malformed);
	ck_assert_uint_eq(kit.bus->stats.commands_received, 0);
	ck_assert_uint_eq(fake_link_count(FAKE_PUBLISH, NULL), 0);
}
END_TEST

START_TEST(test_only_the_cloud_confirms)
{
	char payload[100];

	kit_setting("confirm", "ack");
	serve_and_start();
	publish_durable(WINDOW + 30);
	acknowledge_all();
	kit_turn(86400 * 1000);
	assert_waiting(WINDOW + 30);
	assert_sent(1, WINDOW);
	snprintf(payload, sizeof payload, "{\"stream\":\"%s\",\"seq\":%d}", store_stream(kit.bus->store), 20);
	command("ack", payload);
	acknowledge_all();
	assert_sent(WINDOW + 1, WINDOW + 20);
	reconnect();
	acknowledge_all();
	assert_sent(21, WINDOW + 20);
}
END_TEST

START_TEST(test_time_confirms)
{
	kit_setting("confirm", "time");
	kit_setting("confirm_after_s", "60");
	kit_start();
	publish_durable(2);
	kit_turn(100000);
	assert_waiting(2); /* the local broker has not even acknowledged them */
	acknowledge_all();
	no_token();
	kit_turn(30000);
	publish_durable(1);
	acknowledge_all();
	kit_turn(29999);
	assert_waiting(3);
	kit_turn(1);
	assert_waiting(1);
	kit_turn(59999);
	assert_waiting(1);
	kit_turn(1);
	assert_waiting(0);
	publish_durable(1);
	acknowledge_all();
	reconnect(); /* begins anew */
	kit_turn(60000);
	assert_waiting(1);
	acknowledge_all();
	kit_turn(60000);
	assert_waiting(0);
}
END_TEST

/* The time is over while the disk takes nothing: they are forgotten later, and the window opens. */
START_TEST(test_confirmed_on_a_full_disk)
{
	kit_setting("confirm", _i ? "time" : "echo");
	kit_start();
	publish_durable(WINDOW + 5);
	acknowledge_all();
	ck_assert_int_eq(take_sent(), WINDOW);
	fill_disk();
	kit_turn(60000);
	for (struct fake_record *token; (token = kit_published(TOKEN_TOPIC));)
		echo(token);
	acknowledge_all();
	assert_waiting(WINDOW + 5);
	free_disk();
	for (int i = 0; i < 3; i++) {
		kit_turn(60000);
		for (struct fake_record *token; (token = kit_published(TOKEN_TOPIC));)
			echo(token);
		acknowledge_all();
	}
	assert_sent(WINDOW + 1, WINDOW + 5);
	assert_waiting(0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("durable");
	TCase *all = tcase_create("durable");

	tcase_add_checked_fixture(all, serve_set_up, kit_tear_down);
	tcase_set_timeout(all, 60);
	tcase_add_test(all, test_on_disk_before_it_is_sent);
	tcase_add_loop_test(all, test_killed, 0, 5);
	tcase_add_test(all, test_sent_in_order);
	tcase_add_loop_test(all, test_sent_again_until_confirmed, 0, 2);
	tcase_add_test(all, test_token_after_all_before_it);
	tcase_add_test(all, test_token_waits_for_the_slowest);
	tcase_add_test(all, test_tokens_while_events_keep_coming);
	tcase_add_test(all, test_echo_confirms_exactly);
	tcase_add_test(all, test_token_of_an_earlier_connection);
	tcase_add_loop_test(all, test_tampered_tokens, 0, LENGTH(tampered));
	tcase_add_test(all, test_all_again_when_asked);
	tcase_add_test(all, test_lost_token_is_sent_again);
	tcase_add_test(all, test_window_of_events);
	tcase_add_test(all, test_window_of_bytes);
	tcase_add_test(all, test_first_window);
	tcase_add_loop_test(all, test_first_window_and_the_cloud, 0, 2);
	tcase_add_loop_test(all, test_confirmed_by_the_cloud, 0, LENGTH(modes) * LENGTH(acks));
	tcase_add_test(all, test_only_the_cloud_confirms);
	tcase_add_test(all, test_time_confirms);
	tcase_add_loop_test(all, test_confirmed_on_a_full_disk, 0, 2);
	suite_add_tcase(suite, all);
	return unit_main(suite);
}
