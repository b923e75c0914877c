// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * One update from its acceptance to its end, across the reboot in between. Each state is on disk before it is acted on; each action ends in a call back
 * and begins the next state; nothing waits. doc/firmware.md has the picture.
 */
#ifndef FIRMWARE_MACHINE_H
#define FIRMWARE_MACHINE_H

#include "download.h"
#include "record.h"

/* How far it is. */
struct machine_progress {
	int percent; /* of the step; negative: not known */
	uint64_t bytes, size; /* of the download; 0: not known */
	const char *message; /* for people; may be NULL */
};

struct machine_host {
	struct devbus *bus;
	const char *user_agent; /* of downloads */
	/* A state was entered (@progress NULL), or is further. The latter at most once per second and at each full ten percent. */
	void (*tell)(void *userdata, const struct machine_progress *progress);
	/* The record is final, and on disk. */
	void (*finished)(void *userdata);
	/* What keeps the machine from working although it tries on; NULL: nothing any more. */
	void (*trouble)(void *userdata, const char *message);
	void *userdata;
};

struct machine;

/* Reads what is on disk. All is borrowed until machine_free(). Returns 0 or a negative errno, then @ret_error says why. */
int machine_new(const struct firmware_settings *settings, const struct machine_host *host,
	struct machine **ret_machine, struct devbus_error *ret_error);

/*
 * Goes on with what was on disk. @expected: somebody waits for the end of it, as machine_order() has promised. Nobody: the command's sender was told
 * that it failed, so it is undone.
 */
void machine_start(struct machine *machine, bool expected);

const struct record *machine_record(const struct machine *machine);
enum state machine_state(const struct machine *machine);
const struct backend_view *machine_view(const struct machine *machine);

/* The rules for orders now. */
struct order_rules machine_rules(const struct machine *machine);

/* Begins an update; machine_state() must not be active. @id NULL: a local call. */
void machine_order(struct machine *machine, const struct order *order, const char *id);

/* Ends it as cancelled; state_is_cancellable() must hold. */
void machine_cancel(struct machine *machine);

/* Stops without a word; what is on disk stays. NULL is fine. */
void machine_free(struct machine *machine);

#endif
