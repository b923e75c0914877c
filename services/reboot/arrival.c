// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
#include "arrival.h"
#include "wall.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const struct devbus_field boot_event_fields[] = {
	DEVBUS_FIELD(struct boot_event, cause),
	DEVBUS_FIELD(struct boot_event, id, .flags = DEVBUS_OMIT_EMPTY),
	DEVBUS_FIELD(struct boot_event, reason, .flags = DEVBUS_OMIT_EMPTY),
	DEVBUS_FIELD(struct boot_event, evidence, .flags = DEVBUS_OMIT_EMPTY),
	DEVBUS_FIELD(struct boot_event, old_boot_id, .flags = DEVBUS_OMIT_EMPTY),
	DEVBUS_FIELD(struct boot_event, new_boot_id),
	DEVBUS_FIELD(struct boot_event, down_ms, .flags = DEVBUS_OMIT_EMPTY),
	DEVBUS_FIELD(struct boot_event, short_boots, .flags = DEVBUS_OMIT_EMPTY),
	{ 0 },
};

void arrival_event(struct boot_event *ret_event, const struct record *record, const char *old_boot_id,
	const char *boot_id, const struct evidence *evidence, uint64_t wall_ms)
{
	bool ordered = record_caused_boot(record, old_boot_id, boot_id);
	const char *cause = cause_words[ordered ? CAUSE_ORDERED : evidence->cause];
	memset(ret_event, 0, sizeof(*ret_event));
	snprintf(ret_event->cause, sizeof(ret_event->cause), "%s", cause);
	snprintf(ret_event->evidence, sizeof(ret_event->evidence), "%s", evidence->text);
	snprintf(ret_event->old_boot_id, sizeof(ret_event->old_boot_id), "%s", old_boot_id);
	snprintf(ret_event->new_boot_id, sizeof(ret_event->new_boot_id), "%s", boot_id);
	if (!ordered)
		return;
	snprintf(ret_event->id, sizeof(ret_event->id), "%s", record->id);
	snprintf(ret_event->reason, sizeof(ret_event->reason), "%s", record->reason);
	if (record->wall_ms > 0 && wall_ms > record->wall_ms)
		ret_event->down_ms = wall_ms - record->wall_ms;
}

/* ---- while the boot grows old */

static int save(struct arrival *arrival)
{
	int r = devbus_file_save(arrival->state_dir_fd, HISTORY_FILE, history_fields, &arrival->history);
	if (r < 0)
		devbus_log(DEVBUS_LOG_ERROR, HISTORY_FILE ": %s", strerror(-r));
	return r;
}

static void show_loop(struct arrival *arrival, uint64_t now_ms)
{
	char text[128];
	bool loops = history_loops(&arrival->history, &arrival->guards, now_ms);
	snprintf(text, sizeof(text), "%" PRIu32 " boots in a row were shorter than %" PRIu32 " s",
		arrival->history.short_boots, arrival->guards.short_boot_s);
	devbus_degraded(arrival->bus, loops ? text : NULL);
}

static int set_mark(struct arrival *arrival, uint64_t now_ms);

static void on_mark(struct devbus *bus, void *userdata)
{
	struct arrival *arrival = userdata;
	uint64_t now_ms = boot_clock_ms();
	(void)bus;
	arrival->history.last_ms = now_ms;
	save(arrival);
	show_loop(arrival, now_ms);
	set_mark(arrival, now_ms);
}

static int set_mark(struct arrival *arrival, uint64_t now_ms)
{
	uint64_t rest_ms = history_next_mark_ms(&arrival->guards, now_ms);
	return rest_ms > 0 ? alarm_set(&arrival->mark, arrival->bus, rest_ms, on_mark, arrival) : 0;
}

/* ---- the start */

static int load(struct arrival *arrival)
{
	int r = devbus_file_load(arrival->state_dir_fd, HISTORY_FILE, history_fields, &arrival->history);
	if (r == -EBADMSG)
		devbus_log(
			DEVBUS_LOG_ERROR, HISTORY_FILE " is damaged or newer than this program: begun anew");
	if (r == -EBADMSG || r == -ENOENT) {
		memset(&arrival->history, 0, sizeof(arrival->history));
		r = 0;
	}
	return r;
}

/* Told first and noted afterwards: after a crash in between it is told twice, not never. */
static int tell_boot(
	struct arrival *arrival, const struct record *record, const char *boot_id, const char *root)
{
	struct history *history = &arrival->history;
	struct evidence evidence;
	struct boot_event event;
	evidence_read(root, history->crash, &evidence);
	arrival_event(&event, record, history->boot_id, boot_id, &evidence, wall_trusted_ms(arrival->bus));
	int r = history_boot(history, record, boot_id, &arrival->guards);
	if (r < 0)
		return r;
	snprintf(history->crash, sizeof(history->crash), "%s", evidence.crash);
	event.short_boots = history->short_boots;
	r = devbus_publish(arrival->bus, DEVBUS_CLOUD_DURABLE, "boot", boot_event_fields, &event);
	if (r < 0) {
		devbus_log(DEVBUS_LOG_WARNING, "event boot: %s", strerror(-r));
		return 0; /* the next start tells it */
	}
	return save(arrival);
}

int arrival_begin(struct arrival *arrival, const struct record *record, const char *boot_id, const char *root)
{
	uint64_t now_ms = boot_clock_ms();
	int r = load(arrival);
	if (r == 0 && strcmp(arrival->history.boot_id, boot_id) != 0)
		r = tell_boot(arrival, record, boot_id, root);
	if (r == 0)
		r = set_mark(arrival, now_ms);
	if (r == 0)
		show_loop(arrival, now_ms);
	return r;
}

void arrival_free(struct arrival *arrival)
{
	alarm_stop(&arrival->mark);
	devbus_fields_clear(history_fields, &arrival->history);
}
