// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * Who installs an image and chooses the slot that boots: hooks of the device's maker (backend-script.c), or an installer with an interface
 * of its own. The machine above knows when; a backend knows how. It never waits: each job is begun and ends by a call of `done`, since an
 * installer takes minutes.
 */
#ifndef FIRMWARE_BACKEND_H
#define FIRMWARE_BACKEND_H

#include "digest.h"
#include "settings.h"
#include "version.h"

#include <devbus/devbus.h>

#define SLOT_SIZE 33 /* of a slot's name, with the NUL */
#define COMPATIBLE_SIZE 129

struct backend_slot {
	char name[SLOT_SIZE]; /* "": there is none */
	char version[VERSION_MAX + 1]; /* of what is in it; "": not known */
	char health[8]; /* "good", "bad"; "": the backend does not know */
};

/* What `look` found: the slot that runs, and the one that an update goes to. */
struct backend_view {
	struct backend_slot booted, other;
};

/* What `check` found: what the signed part of the file says, after its signature was verified. */
struct backend_image {
	char version[VERSION_MAX + 1];
	char compatible[COMPATIBLE_SIZE]; /* "": the installer checks it itself */
	char sha256[SHA256_TEXT_SIZE]; /* of what goes into the slot; "": not told */
	uint64_t bytes; /* of what goes into the slot; 0: not told */
};

/* Whom a backend tells. All in the bus's thread, never from inside a function of the backend. */
struct backend_host {
	struct devbus *bus;
	/* How far the job is, for people: 0..100 or negative (not known); @message may be NULL. Any number of times, at any pace. */
	void (*progress)(void *userdata, int percent, const char *message);
	/*
	 * The job is over: NULL, or why it failed (borrowed). Exactly once for each job; it may begin the next one, and may call
	 * backend_free().
	 */
	void (*done)(void *userdata, const struct devbus_error *error);
	void *userdata;
};

struct backend;

/*
 * A kind of backend. After `open`, one job at a time. Every job may be done again after a crash at any point of it, also while what the
 * crashed process began is still at work; it then waits for that, or takes it up. Code words for `done`: signature, incompatible, checksum,
 * no-space, timeout, io-error, internal.
 */
struct backend_kind {
	const char *name; /* in the setting `backend` */
	/* All borrowed until `free`. Begins nothing. Returns 0 or a negative errno, then @ret_error says why. */
	int (*open)(const struct firmware_settings *settings, const struct backend_host *host,
		struct backend **ret_backend, struct devbus_error *ret_error);
	/* Drops a running job without `done`; what it began may be killed. */
	void (*free)(struct backend *backend);

	/* Jobs. @path is absolute; names of slots are those of `view`; all borrowed until the job is done. */
	void (*look)(struct backend *backend); /* fills backend->view */
	void (*check)(
		struct backend *backend, const char *path); /* verifies the file, fills backend->image */
	/* Writes what was checked into @slot, which is on disk when it is done. What boots next stays, or becomes @slot (as RAUC does). */
	void (*install)(struct backend *backend, const char *path, const char *slot);
	void (*activate)(struct backend *backend, const char *slot); /* @slot boots next */
	void (*mark_good)(struct backend *backend, const char *slot); /* and is not fallen back from */
	void (*mark_bad)(struct backend *backend, const char *slot); /* it failed its checks */
};

/* First member of each kind's own struct. */
struct backend {
	const struct backend_kind *kind;
	const struct backend_host *host;
	struct backend_view view; /* of the last `look` that succeeded */
	struct backend_image image; /* of the last `check` that succeeded */
	struct devbus_timer *later; /* backend_finish() */
	struct devbus_error error;
};

/* Opens the kind that settings->backend names. As `open` above; -ENOENT: there is no such kind in this build. */
int backend_open(const struct firmware_settings *settings, const struct backend_host *host,
	struct backend **ret_backend, struct devbus_error *ret_error);

/* NULL is fine. */
void backend_free(struct backend *backend);

/* ---- for kinds */

/* Fills in *@backend, the first member of the kind's own struct. */
void backend_init(struct backend *backend, const struct backend_kind *kind, const struct backend_host *host);

/*
 * Ends the job: calls host->done in the next turn of the loop, so that it may be called from inside the function that begins a job. @code NULL: it
 * succeeded, and @format is not used. backend_free() takes it back.
 */
void backend_finish(struct backend *backend, const char *code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

extern const struct backend_kind backend_script;
extern const struct backend_kind backend_rauc; /* only with libsystemd */

#endif
