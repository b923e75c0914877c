// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * One update from its first byte to the switch: fetch -> image -> verify -> install. It knows nothing of the bus; what it
 * needs of a loop and whom it tells is struct update_host.
 */
#ifndef FIRMWARE_UPDATE_H
#define FIRMWARE_UPDATE_H

#include "fetch.h"
#include "order.h"
#include "state.h"

struct update_host {
	int (*watch)(void *userdata, int fd, uint32_t events); /* as in struct fetch_host: */
	int (*arm)(void *userdata, int64_t delay_ms);
	int64_t (*now_ms)(void *userdata); /* monotonic */
	/* How far it is, at the pace of progress.h. @percent is negative while the size is not known. */
	void (*tell)(void *userdata, int percent, uint64_t bytes, uint64_t size_bytes);
	/* The end (NULL: succeeded), when the state is on disk. Once, and update_free() is allowed in it. */
	void (*finished)(void *userdata, const struct devbus_error *error);
	void *userdata;
};

struct update_options {
	struct fetch_options fetch; /* without the URL */
	uint64_t max_size_bytes; /* of an image */
	uint64_t reserve_bytes; /* that stay free on the disk */
};

/* Where it works; all borrowed until update_free(). */
struct update_place {
	int state_dir_fd;
	const struct slots *slots;
	struct state *state;
};

struct update;

/*
 * Begins: state "downloading" is on disk when it returns 0. The order must have passed order_check(). On a negative errno @ret_error says why,
 * the failure is in the state, and `finished` is not called.
 */
int update_start(const struct order *order, const char *id, const struct update_options *options,
	const struct update_place *place, const struct update_host *host, struct update **ret_update,
	struct devbus_error *ret_error);

void update_ready(struct update *update, int fd, uint32_t events);
void update_tick(struct update *update);

/* Fails it as "cancelled": part file gone, state on disk, `finished` called. */
void update_cancel(struct update *update);

/* Stops without a word; the state stays "downloading", for a resume. NULL is fine. */
void update_free(struct update *update);

#endif
