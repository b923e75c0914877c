// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* What the files of the machine share: machine.c has its states, machine-start.c how it begins and ends, machine-download.c the download,
 * machine-roll-back.c the way back. */
#ifndef FIRMWARE_MACHINE_INTERNAL_H
#define FIRMWARE_MACHINE_INTERNAL_H

#include "health.h"
#include "machine.h"
#include "progress.h"
#include "restart.h"

#include <limits.h>

typedef void machine_job_done(struct machine *machine, const struct devbus_error *error);

struct machine {
	const struct firmware_settings *settings;
	const struct machine_host *host;
	int state_fd, download_fd; /* folders */
	char image_path[PATH_MAX];
	char boot_id[DEVBUS_BOOT_ID_SIZE];
	struct record record;
	enum state next; /* to be tried again, if it could not be entered */
	bool unwritten;
	bool expected; /* as given to machine_start() */
	uint64_t started_ms; /* of CLOCK_BOOTTIME */

	/* what is going on */
	struct backend_host backend_host;
	struct backend *backend;
	machine_job_done *then; /* what follows the job of the backend; NULL: none runs */
	struct download_host download_host;
	struct download *download;
	struct devbus_timer *download_timer;
	struct health_host health_host;
	struct health *health;
	struct restart *restart;
	struct devbus_timer *timer;
	struct progress progress;
};

/* Writes the state and acts on it. */
void machine_enter(struct machine *machine, enum state state);

/* What machine_enter() does once the state is written. */
void machine_act(struct machine *machine);

/* Calls @handler later, unless a state is entered before. */
void machine_after(struct machine *machine, uint32_t delay_ms, devbus_timer_handler *handler);

/* Ends the update for this reason: at once, or by rolling back. */
void machine_fail(struct machine *machine, const char *code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Passes it on at the pace of progress.h. */
void machine_tell(struct machine *machine, const struct machine_progress *progress);

/* Opens the backend; one that is open is dropped with its job, on success. Returns 0 or a negative errno, then @ret_error says why. */
int machine_open_backend(struct machine *machine, struct devbus_error *ret_error);

/* Has the backend look; the job ends in @then. */
void machine_look(struct machine *machine, machine_job_done *then);

/* The end of a look that is only for `status`. */
void machine_looked(struct machine *machine, const struct devbus_error *error);

void machine_do_downloading(struct machine *machine);
void machine_stop_download(struct machine *machine);
void machine_do_rebooting(struct machine *machine);
void machine_do_rolling_back(struct machine *machine);

#endif
