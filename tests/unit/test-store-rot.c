// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * The store's files cut or changed at every single byte, and in blocks, as flash does it: the store opens, what it hands out is
 * what was written, it has a new stream when something may be missing, and it works. What is kept of each damage is counted and printed.
 * DEVBUS_LONG=1 takes every byte (minutes); else every so many.
 */
#include "store-folder.h"
#include "store.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/wait.h>

enum {
	EVENTS = 32,
	CONFIRMED = 4, /* of these, before the end */
	COMMANDS = 12,
	LONG_EVENT = 11, /* goes on over several pages, */
	LONG_COMMAND = 5, /* and so do its arguments */
	LONG_BYTES = 2500,
	STATES = 3, /* of a command: accepted, running, final */
	CHUNK = 64, /* damages for one child process */
	STEP_SHORT = 251, /* bytes between two damages; a prime, so that all places in a page are met */
	INDEX_BYTES = 256, /* of the index: what is behind is only looked at by SQLite, which makes it anew */
	HANGS_S = 60,
};

static const char *const files[] = { "", "-wal", "-shm" };
enum { FILES = LENGTH(files) };

/* ---- what is written */

static void make_payload(uint64_t seq, char payload[LONG_BYTES + 100])
{
	int length = sprintf(payload, "{\"n\":%" PRIu64 ",\"text\":\"", seq);
	int padding = seq == LONG_EVENT ? LONG_BYTES : 40 + (int)(seq * 7 % 60);

	for (int i = 0; i < padding; i++)
		payload[length++] = (char)('a' + (seq + (uint64_t)i) % 26);
	strcpy(payload + length, "\"}");
}

static struct store_event make_event(uint64_t seq, char payload[LONG_BYTES + 100])
{
	make_payload(seq, payload);
	return (struct store_event) { .seq = seq,
		.class = 1,
		.wall_ms = 1000 + (int64_t)seq,
		.topic = "cloud/event/unit/x",
		.payload = payload };
}

static void add_events(struct store *store, int count)
{
	char payload[LONG_BYTES + 100];

	for (int i = 0; i < count; i++) {
		const struct store_event event = make_event(store_next_seq(store), payload);

		ck_assert_int_eq(store_events_add(store, &event, 1), 0);
	}
}

/* Command @number after its change number @state, 0 for accepted. */
struct command_text {
	char id[16], event[64], args[LONG_BYTES + 100];
	bool has_args;
};

static void make_command(int number, int state, struct command_text *text)
{
	sprintf(text->id, "id-%d", number);
	sprintf(text->event, "{\"id\":\"id-%d\",\"state\":%d}", number, state);
	text->has_args = number % 3 != 0;
	make_payload(number == LONG_COMMAND ? LONG_EVENT : 100 + (uint64_t)number, text->args);
}

/* The last state that command @number gets. */
static int last_state(int number)
{
	return number % STATES;
}

static void tell_command(struct store *store, int number, int state)
{
	struct command_text text;

	make_command(number, state, &text);
	const struct store_command record = { .id = text.id,
		.method = "m",
		.args = text.has_args ? text.args : NULL,
		.event = text.event,
		.seq = store_next_seq(store),
		.final = state == STATES - 1,
		.wall_ms = number };

	ck_assert_int_eq(
		state == 0 ? store_command_add(store, &record) : store_command_update(store, &record), 0);
}

static void add_commands(struct store *store, int from, int to)
{
	for (int number = from; number < to; number++)
		for (int state = 0; state <= last_state(number); state++)
			tell_command(store, number, state);
}

/* ---- the files as they were */

struct sample {
	char *bytes[FILES];
	size_t sizes[FILES];
	char stream[17];
	uint64_t next_seq, incarnation;
	uint64_t seqs[EVENTS]; /* of the events */
};
static struct sample sample;

static void note_seq(const struct store_event *event, void *userdata)
{
	size_t *count = userdata;

	sample.seqs[(*count)++] = event->seq;
}

static void take_sample(const struct store *store)
{
	strcpy(sample.stream, store_stream(store));
	sample.next_seq = store_next_seq(store);
	for (int i = 0; i < FILES; i++)
		sample.bytes[i] = read_store(files[i], &sample.sizes[i]);
}

/* In memory where that can be had: the disk is not what is tested. */
static void make_folder(void)
{
	if (access("/dev/shm", W_OK | X_OK) == 0)
		strcpy(store_folder, "/dev/shm/devbus-store-XXXXXX");
	make_store_folder();
}

static void write_back_log(void)
{
	change_store("PRAGMA wal_checkpoint(RESTART)");
}

/*
 * All kinds of pages: rows that are there, that were changed and forgotten, long ones; and as of a kill -9, with a log that was begun again
 * over an older one. Or closed: all of that in one file.
 */
static void make_sample(bool killed)
{
	struct store *store = open_store();
	size_t count = 0;

	ck_assert_int_eq(store_next_incarnation(store, &sample.incarnation), 0);
	add_events(store, EVENTS - 9);
	add_commands(store, 0, COMMANDS - 3);
	store_close(store);
	store = open_store();
	ck_assert_int_eq(store_events_read(store, 0, EVENTS, note_seq, &count), 0);
	ck_assert_int_eq(store_events_confirm(store, sample.seqs[CONFIRMED - 1], NULL), 0);
	add_events(store, 6);
	write_back_log();
	add_events(store, 3);
	add_commands(store, COMMANDS - 3, COMMANDS);
	ck_assert_int_eq(store_next_incarnation(store, &sample.incarnation), 0);
	count = CONFIRMED;
	ck_assert_int_eq(store_events_read(store, 0, EVENTS, note_seq, &count), 0);
	ck_assert_uint_eq(count, EVENTS);
	if (killed)
		take_sample(store);
	store_close(store);
	if (!killed) {
		store = open_store();
		strcpy(sample.stream, store_stream(store));
		sample.next_seq = store_next_seq(store);
		store_close(store);
		for (int i = 0; i < FILES; i++)
			sample.bytes[i] = read_store(files[i], &sample.sizes[i]);
	}
}

/* ---- damages */

enum how { CUT, ZERO, ONES, FLIP, ZERO_512, ZERO_4096, HOWS };
static const struct {
	const char *name;
	size_t step, length; /* bytes */
} hows[HOWS] = {
	[CUT] = { "cut", 1, 0 },
	[ZERO] = { "byte = 0x00", 1, 1 },
	[ONES] = { "byte = 0xff", 1, 1 },
	[FLIP] = { "one bit turned", 1, 1 },
	[ZERO_512] = { "512 bytes = 0", 512, 512 },
	[ZERO_4096] = { "4096 bytes = 0", 4096, 4096 },
};

static void damage(char *bytes, size_t *size, enum how how, size_t at)
{
	size_t length = hows[how].length < *size - at ? hows[how].length : *size - at;

	if (how == CUT)
		*size = at;
	else if (how == FLIP)
		bytes[at] = (char)(bytes[at] ^ 1 << at % 8);
	else
		memset(bytes + at, how == ONES ? 0xff : 0, length);
}

static void lay_out(int file, enum how how, size_t at, char *room, size_t *ret_size)
{
	remove_store_files();
	for (int i = 0; i < FILES; i++) {
		size_t size = sample.sizes[i];

		if (size == 0)
			continue;
		memcpy(room, sample.bytes[i], size);
		if (i == file)
			damage(room, &size, how, at);
		write_store_file(files[i], room, size);
		if (i == file)
			*ret_size = size;
	}
}

/* ---- what is found */

struct found {
	int events, again, commands,
		older; /* kept; of events: confirmed ones that came again; of commands: not the last state */
};

static int index_of(uint64_t seq)
{
	for (int i = 0; i < EVENTS; i++)
		if (sample.seqs[i] == seq)
			return i;
	ck_abort_msg("event %" PRIu64 " was never written", seq);
}

static void check_event(const struct store_event *event, void *userdata)
{
	char payload[LONG_BYTES + 100];
	const struct store_event wanted = make_event(event->seq, payload);
	struct found *found = userdata;

	ck_assert_str_eq(event->topic, wanted.topic);
	ck_assert_str_eq(event->payload, wanted.payload);
	ck_assert_int_eq(event->class, wanted.class);
	ck_assert_int_eq(event->wall_ms, wanted.wall_ms);
	if (index_of(event->seq) < CONFIRMED)
		found->again++;
	else
		found->events++;
}

struct wanted_command {
	int number;
	struct found *found;
};

static void check_command(const struct store_command *record, void *userdata)
{
	const struct wanted_command *wanted = userdata;
	struct command_text text;
	int state = record->event[strlen(record->event) - 2] - '0';

	ck_assert(state >= 0 && state <= last_state(wanted->number));
	make_command(wanted->number, state, &text);
	ck_assert_str_eq(record->id, text.id);
	ck_assert_str_eq(record->event, text.event);
	ck_assert_int_eq(record->args != NULL, text.has_args);
	if (record->args)
		ck_assert_str_eq(record->args, text.args);
	ck_assert_int_eq(record->final, state == STATES - 1);
	wanted->found->commands++;
	wanted->found->older += state != last_state(wanted->number);
}

static struct found look(struct store *store)
{
	struct found found = { 0 };

	ck_assert_int_eq(store_events_read(store, 0, 1000, check_event, &found), 0);
	for (int number = 0; number < COMMANDS; number++) {
		struct wanted_command wanted = { number, &found };
		struct command_text text;
		int r;

		make_command(number, 0, &text);
		r = store_command_find(store, text.id, check_command, &wanted);
		ck_assert_msg(r == 0 || r == -ENOENT, "%d", r);
	}
	return found;
}

static void check_whole(struct store *store, const struct found *found)
{
	ck_assert_str_eq(store_stream(store), sample.stream);
	ck_assert_uint_eq(store_next_seq(store), sample.next_seq);
	ck_assert_int_eq(found->events, EVENTS - CONFIRMED);
	ck_assert_int_eq(found->again, 0);
	ck_assert_int_eq(found->commands, COMMANDS);
	ck_assert_int_eq(found->older, 0);
}

static void check_replaced(struct store *store, const struct store_report *report, const struct found *found)
{
	ck_assert_str_ne(store_stream(store), sample.stream);
	ck_assert_uint_eq(report->events, (size_t)(found->events + found->again));
	ck_assert_uint_eq(report->commands, (size_t)found->commands);
}

/* That @file is as it was damaged, beside the new one. */
static void check_aside(int file, const char *bytes, size_t size)
{
	char suffix[32];
	size_t kept_size;
	char *kept;

	snprintf(suffix, sizeof suffix, ".damaged-1%s", files[file]);
	kept = read_store(suffix, &kept_size);
	ck_assert_uint_eq(kept_size, size);
	ck_assert_mem_eq(kept, bytes, size);
	free(kept);
}

static void check_works(struct store *store)
{
	char payload[LONG_BYTES + 100];
	uint64_t incarnation = 0;
	const struct store_event event = make_event(store_next_seq(store), payload);

	ck_assert_int_eq(store_next_incarnation(store, &incarnation), 0);
	ck_assert_int_eq(store_events_add(store, &event, 1), 0);
}

static struct found open_damaged(int file, enum how how, size_t at, char *room, int *ret_damaged)
{
	struct store_report report = { 0 };
	struct store *store = NULL;
	struct found found;
	size_t size = 0;
	int r;

	lay_out(file, how, at, room, &size);
	r = store_open(store_path(""), &store, &report);
	ck_assert_msg(r == 0, "it does not open: %d", r);
	found = look(store);
	if (!report.damaged) {
		check_whole(store, &found);
	} else {
		check_replaced(store, &report, &found);
		memcpy(room, sample.bytes[file], sample.sizes[file]);
		size = sample.sizes[file];
		damage(room, &size, how, at);
		if (file < 2) /* the index is no witness once SQLite has had the file */
			check_aside(file, room, size);
	}
	check_works(store);
	store_close(store);
	*ret_damaged = report.damaged;
	return found;
}

/* ---- many of them; what the children count is shared with us */

struct count {
	size_t damages, replaced, all_kept, events, commands, again, older;
	int fewest_events, fewest_commands;
	size_t at; /* under way */
};

static void count_one(struct count *count, const struct found *found, int damaged)
{
	count->damages++;
	count->replaced += damaged != 0;
	count->all_kept +=
		found->events == EVENTS - CONFIRMED && found->commands == COMMANDS && found->older == 0;
	count->events += (size_t)found->events;
	count->commands += (size_t)found->commands;
	count->again += (size_t)found->again;
	count->older += (size_t)found->older;
	if (found->events < count->fewest_events)
		count->fewest_events = found->events;
	if (found->commands < count->fewest_commands)
		count->fewest_commands = found->commands;
}

static void damage_some(struct count *count, int file, enum how how, size_t step, size_t end)
{
	char *room = malloc(1 << 20);

	alarm(HANGS_S);
	for (; count->at < end; count->at += step) {
		int damaged = 0;
		const struct found found = open_damaged(file, how, count->at, room, &damaged);

		count_one(count, &found, damaged);
	}
	free(room);
	_exit(0);
}

static void damage_all(struct count *count, int file, enum how how)
{
	size_t size = file == 2 ? INDEX_BYTES : sample.sizes[file];
	size_t step = hows[how].step * (getenv("DEVBUS_LONG") || hows[how].step > 1 ? 1 : STEP_SHORT);
	int status = 0;

	*count = (struct count) { .fewest_events = EVENTS, .fewest_commands = COMMANDS };
	while (count->at < size) {
		size_t end = count->at + step * CHUNK < size ? count->at + step * CHUNK : size;
		pid_t child = fork();

		if (child == 0)
			damage_some(count, file, how, step, end);
		ck_assert_int_eq(waitpid(child, &status, 0), child);
		ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0,
			"store.db%s, %s at %zu: status %x", files[file], hows[how].name, count->at,
			(unsigned)status);
	}
}

static void print_count(const struct count *count, const char *state, int file, enum how how)
{
	const char *path = getenv("DEVBUS_FIGURES");
	FILE *figures = path ? fopen(path, "a") : NULL;
	char name[100];

	snprintf(name, sizeof name, "%s, store.db%s, %s", state, files[file], hows[how].name);
	printf("# %-38s %6zu damages, %6zu replaced, %6zu all kept; events kept %.2f of %d, fewest %d; commands %.2f "
	       "of %d, fewest %d, older state %zu; came again %zu\n",
		name, count->damages, count->replaced, count->all_kept,
		(double)count->events / (double)count->damages, EVENTS - CONFIRMED, count->fewest_events,
		(double)count->commands / (double)count->damages, COMMANDS, count->fewest_commands,
		count->older, count->again);
	fflush(stdout);
	if (!figures)
		return;
	fprintf(figures,
		"{\"title\":\"store damaged: of %d events and %d commands\",\"name\":\"%s\",\"damages\":%zu,"
		"\"replaced\":%zu,\"all_kept\":%zu,\"events_mean\":%.2f,\"events_fewest\":%d,\"commands_mean\":%.2f,"
		"\"commands_fewest\":%d,\"older_state\":%zu,\"came_again\":%zu}\n",
		EVENTS - CONFIRMED, COMMANDS, name, count->damages, count->replaced, count->all_kept,
		(double)count->events / (double)count->damages, count->fewest_events,
		(double)count->commands / (double)count->damages, count->fewest_commands, count->older,
		count->again);
	fclose(figures);
}

static const struct {
	bool killed;
	int file;
} cases[] = { { false, 0 }, { true, 0 }, { true, 1 }, { true, 2 } };

START_TEST(test_damage_anywhere)
{
	struct count *count =
		mmap(NULL, sizeof *count, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	bool killed = cases[_i / HOWS].killed;
	enum how how = (enum how)(_i % HOWS);
	int file = cases[_i / HOWS].file;

	make_sample(killed);
	damage_all(count, file, how);
	print_count(count, killed ? "killed" : "closed", file, how);
	/* One page of 1024 bytes has no more of them than this. */
	if (hows[how].length == 1) {
		ck_assert_int_ge(count->fewest_events, EVENTS - CONFIRMED - 8);
		ck_assert_int_ge(count->fewest_commands, COMMANDS - 6);
	}
	munmap(count, sizeof *count);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("store-rot");
	TCase *tests = tcase_create("store-rot");

	suite_add_tcase(suite, tests);
	tcase_set_timeout(tests, 3600);
	tcase_add_checked_fixture(tests, make_folder, remove_store_folder);
	tcase_add_loop_test(tests, test_damage_anywhere, 0, LENGTH(cases) * HOWS);
	return unit_main(suite);
}
