// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * The first reason for giving up is the one that is told: a failing disk makes the download fail as well, and only
 * the former is worth reading. So a reason is kept where it arises, and the download's own comes second.
 */
#include "update.h"
#include "image.h"
#include "progress.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct update {
	struct order order;
	struct update_options options;
	struct update_place place;
	const struct update_host *host;
	struct fetch_host fetch_host;
	struct fetch *fetch;
	struct image *image;
	struct progress progress;
	uint64_t size; /* bytes to come; 0: not known */
	struct devbus_error error; /* code "": none yet */
};

/* ---- reasons */

static int give_up(struct update *update, int result, const char *code, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

static int give_up(struct update *update, int result, const char *code, const char *format, ...)
{
	va_list args;
	if (*update->error.code)
		return result;
	va_start(args, format);
	snprintf(update->error.code, sizeof(update->error.code), "%s", code);
	vsnprintf(update->error.message, sizeof(update->error.message), format, args);
	va_end(args);
	return result;
}

static int give_up_errno(struct update *update, int r, const char *what)
{
	bool full = r == -ENOSPC || r == -EDQUOT || r == -EFBIG;
	return give_up(update, r, full ? DEVBUS_E_NO_SPACE : DEVBUS_E_IO_ERROR, "%s: %s", what, strerror(-r));
}

/* ---- while it comes in */

static void tell(struct update *update)
{
	uint64_t bytes = update->image ? image_bytes(update->image) : 0;
	int percent = progress_percent(bytes, update->size);
	if (progress_due(&update->progress, percent, update->host->now_ms(update->host->userdata)))
		update->host->tell(update->host->userdata, percent, bytes, update->size);
}

static int check_space(struct update *update, uint64_t size)
{
	uint64_t free_bytes = 0, needed = size + update->options.reserve_bytes;
	int r = slots_free_bytes(update->place.slots, &free_bytes);
	if (r < 0)
		return give_up_errno(update, r, "free space");
	if (free_bytes < needed)
		return give_up(update, -ENOSPC, DEVBUS_E_NO_SPACE,
			"%" PRIu64 " bytes are needed, %" PRIu64 " are free", needed, free_bytes);
	r = image_reserve(update->image, size);
	return r < 0 ? give_up_errno(update, r, "setting space aside") : 0;
}

static int check_limit(struct update *update, uint64_t size)
{
	if (size <= update->options.max_size_bytes)
		return 0;
	return give_up(update, -EFBIG, DEVBUS_E_REFUSED,
		"the image is larger than the %" PRIu64 " bytes that are allowed",
		update->options.max_size_bytes);
}

static int on_watch(void *userdata, int fd, uint32_t events)
{
	struct update *update = userdata;
	return update->host->watch(update->host->userdata, fd, events);
}

static int on_arm(void *userdata, int64_t delay_ms)
{
	struct update *update = userdata;
	return update->host->arm(update->host->userdata, delay_ms);
}

static int on_announce(void *userdata, uint64_t size)
{
	struct update *update = userdata;
	if (update->order.size > 0 && size != update->order.size)
		return give_up(update, -EBADMSG, DEVBUS_E_CHECKSUM,
			"the sender announces %" PRIu64 " bytes, the order %" PRIu64, size,
			update->order.size);
	int r = check_limit(update, size);
	if (r == 0 && update->order.size == 0)
		r = check_space(update, size);
	update->size = size;
	return r;
}

static int on_write(void *userdata, const void *data, size_t size)
{
	struct update *update = userdata;
	uint64_t bytes = image_bytes(update->image) + size;
	int r = check_limit(update, bytes);
	if (r < 0)
		return r;
	if (update->order.size > 0 && bytes > update->order.size)
		return give_up(update, -EBADMSG, DEVBUS_E_CHECKSUM, "more than the %" PRIu64 " bytes ordered",
			update->order.size);
	r = image_write(update->image, data, size);
	if (r < 0)
		return give_up_errno(update, r, "writing the image");
	tell(update);
	return 0;
}

/* ---- the end */

static void drop(struct update *update)
{
	fetch_free(update->fetch);
	image_free(update->image);
	update->fetch = NULL;
	update->image = NULL;
}

/*
 * A part file goes first, because it may be what fills the disk; but once the state says "installing" it is what the next start
 * would finish with, so then it goes last. If the state cannot be written, the next start acts on the phase before.
 */
static void record_failure(struct update *update)
{
	drop(update);
	if (state_phase(update->place.state) != PHASE_INSTALLING)
		slots_drop_part(update->place.slots);
	state_set_error(update->place.state, &update->error);
	int r = state_enter(update->place.state_dir_fd, update->place.state, PHASE_FAILED);
	if (r < 0)
		devbus_log(DEVBUS_LOG_ERROR, "state.json: %s", strerror(-r));
	slots_drop_part(update->place.slots);
}

static int verify(struct update *update)
{
	struct state *state = update->place.state;
	uint64_t bytes = image_bytes(update->image);
	if (update->order.size > 0 && bytes != update->order.size)
		return give_up(update, -EBADMSG, DEVBUS_E_CHECKSUM,
			"%" PRIu64 " bytes came, %" PRIu64 " were ordered", bytes, update->order.size);
	int r = image_finish(update->image, state->sha256);
	if (r == 0 && fsync(update->place.slots->dir_fd) < 0)
		r = -errno;
	if (r < 0)
		return give_up_errno(update, r, "syncing the image");
	state->bytes = bytes;
	if (!order_matches(&update->order, state->sha256))
		return give_up(
			update, -EBADMSG, DEVBUS_E_CHECKSUM, "the image has SHA-256 %s", state->sha256);
	return 0;
}

static int install(struct update *update)
{
	const struct update_place *place = &update->place;
	int r = state_enter(place->state_dir_fd, place->state, PHASE_INSTALLING);
	if (r == 0)
		r = state_install(place->state_dir_fd, place->slots, place->state);
	return r < 0 ? give_up_errno(update, r, "switching the slot") : 0;
}

static void on_done(void *userdata, const struct devbus_error *error)
{
	struct update *update = userdata;
	if (error)
		give_up(update, -EIO, error->code, "%s", error->message);
	else if (verify(update) == 0)
		install(update);
	bool failed = *update->error.code != '\0';
	if (failed)
		record_failure(update);
	update->host->finished(update->host->userdata, failed ? &update->error : NULL);
}

/* ---- the beginning */

static int open_image(struct update *update)
{
	int r = image_create(update->place.slots->dir_fd, SLOTS_PART_NAME, &update->image);
	if (r < 0)
		return give_up_errno(update, r, "creating the image");
	update->size = update->order.size;
	return update->size > 0 ? check_space(update, update->size) : 0;
}

static int open_fetch(struct update *update)
{
	struct devbus_error error;
	update->fetch_host = (struct fetch_host) { on_watch, on_arm, on_announce, on_write, on_done, update };
	update->options.fetch.url = update->order.url;
	int r = fetch_start(&update->options.fetch, &update->fetch_host, &update->fetch, &error);
	return r < 0 ? give_up(update, r, error.code, "%s", error.message) : 0;
}

static int write_state(struct update *update, const char *id)
{
	struct state *state = update->place.state;
	char active;
	int r = slots_active(update->place.slots, &active);
	if (r < 0)
		return give_up_errno(update, r, "active slot");
	memset(state, 0, sizeof(*state));
	snprintf(state->id, sizeof(state->id), "%s", id ? id : "");
	snprintf(state->version, sizeof(state->version), "%s", update->order.version);
	state->slot[0] = slots_inactive(active);
	r = state_enter(update->place.state_dir_fd, state, PHASE_DOWNLOADING);
	return r < 0 ? give_up_errno(update, r, "state.json") : 0;
}

int update_start(const struct order *order, const char *id, const struct update_options *options,
	const struct update_place *place, const struct update_host *host, struct update **ret_update,
	struct devbus_error *ret_error)
{
	struct update *update = calloc(1, sizeof(*update));
	if (!update) {
		*ret_error = (struct devbus_error) { DEVBUS_E_INTERNAL, "out of memory" };
		return -ENOMEM;
	}
	update->order = *order;
	update->options = *options;
	update->place = *place;
	update->host = host;
	int r = write_state(update, id);
	if (r == 0)
		r = open_image(update);
	if (r == 0)
		r = open_fetch(update);
	if (r < 0) {
		record_failure(update);
		*ret_error = update->error;
		update_free(update);
		return r;
	}
	tell(update);
	*ret_update = update;
	return 0;
}

void update_ready(struct update *update, int fd, uint32_t events)
{
	fetch_ready(update->fetch, fd, events);
}

void update_tick(struct update *update)
{
	fetch_tick(update->fetch);
}

void update_cancel(struct update *update)
{
	give_up(update, -ECANCELED, DEVBUS_E_CANCELLED, "cancelled on request");
	record_failure(update);
	update->host->finished(update->host->userdata, &update->error);
}

void update_free(struct update *update)
{
	if (!update)
		return;
	drop(update);
	free(update);
}
