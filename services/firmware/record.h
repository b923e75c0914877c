// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * The last update, as it stands on disk: each state is written before it is acted on, so that after a crash, a power cut or the reboot that
 * the update itself ordered the next start knows what was being done. What it makes of that is record_resume(), pure.
 */
#ifndef FIRMWARE_RECORD_H
#define FIRMWARE_RECORD_H

#include "backend.h"
#include "order.h"

#include <devbus/host.h>

enum state {
	STATE_IDLE, /* no update yet */
	STATE_ACCEPTED, /* what runs is looked at, and where the update would go */
	STATE_DOWNLOADING, /* up to here the slots are untouched, and it can be cancelled: */
	STATE_VERIFYING, /* size, hash, signature, version */
	STATE_INSTALLING, /* the target is being written */
	STATE_INSTALLED, /* it is whole; it is made the one that boots next */
	STATE_REBOOTING, /* the reboot is ordered */
	STATE_TESTING, /* the target runs; health checks */
	STATE_COMMITTING, /* they were good; it is marked so */
	STATE_ROLLING_BACK, /* the source is made the one that boots next, and booted if it does not run */
	STATE_SUCCEEDED, /* final ones from here on: */
	STATE_FAILED,
	STATE_CANCELLED,
};

#define RECORD_SCHEMA 2

struct record {
	uint32_t schema;
	char state[16];
	char id[65]; /* of the command; "": a local call */
	char url[URL_MAX + 1]; /* the order: */
	char sha256[SHA256_TEXT_SIZE];
	char version[VERSION_MAX + 1];
	uint64_t size;
	bool force;
	char source[SLOT_SIZE]; /* the slot that ran, and its version */
	char from_version[VERSION_MAX + 1];
	char target[SLOT_SIZE]; /* the slot that is written */
	uint64_t bytes; /* of the image in it */
	char boot_id[DEVBUS_BOOT_ID_SIZE]; /* of the boot in which this was written, */
	uint64_t entered_ms; /* and when: CLOCK_BOOTTIME of that boot */
	uint32_t writes; /* states that this update went through */
	uint32_t boots; /* of the target while it is tested */
	char error_code[32]; /* why it fails; "": it does not */
	char error_message[256];
	char changed[DEVBUS_TIME_SIZE]; /* wall clock, for people */
};

const char *state_name(enum state state);
enum state record_state(const struct record *record); /* STATE_IDLE for a word that is not known */
bool state_is_active(enum state state); /* neither idle nor final */
bool state_is_cancellable(enum state state);

/* Whether a reboot now does no harm: it neither breaks off work nor leaves a half-written slot behind. */
bool state_is_reboot_safe(enum state state);

/* Begins a record: no state yet. @id may be NULL. */
void record_begin(struct record *record, const struct order *order, const char *id);
void record_order(const struct record *record, struct order *ret_order);
void record_set_error(struct record *record, const char *code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Sets state, boot and times, counts, and writes the file. Returns 0 or a negative errno; *@record is changed in any case. */
int record_save(int dir_fd, struct record *record, enum state state, const char *boot_id);

/* Reads it; a missing file is STATE_IDLE. Returns 0, -EBADMSG (damaged, or of another schema) or another negative errno. */
int record_load(int dir_fd, struct record *ret_record);

/*
 * What to do about @record in the boot @boot_id with the slot @booted: the state to enter, which may be the one it has. When that is a
 * failure, the reason is set in *@record, unless it had one.
 */
enum state record_resume(struct record *record, const char *boot_id, const char *booted);

/* Milliseconds of CLOCK_BOOTTIME: counts on while the device sleeps, and starts anew at each boot. */
uint64_t record_clock_ms(void);

#endif
