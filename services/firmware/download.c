// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * The first reason for giving up is the one that is told: a failing disk makes the transfer fail as well, and only
 * the former is worth reading. So a reason is kept where it arises, and the transfer's own comes second.
 *
 * A part that was left by an earlier process may be damaged (it is not synced all along). Only the hash can tell; so if that is wrong after
 * a continuation, the download begins once more from its first byte.
 */
#include "download.h"
#include "image.h"
#include "progress.h"
#include "reason.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define SOURCE_NAME "image.json"
#define PIECE_BYTES ((size_t)4 << 20) /* hashed in one turn: some ms */
#define RETRY_GROWTH_MAX 60

/* Where the part is from, so that it is continued with nothing else. */
struct source {
	char url[URL_MAX + 1];
	char sha256[SHA256_TEXT_SIZE];
	char validator[256];
	uint64_t size; /* 0: not known */
};

static const struct devbus_field source_fields[] = {
	DEVBUS_FIELD(struct source, url, .flags = DEVBUS_REQUIRED),
	DEVBUS_FIELD(struct source, sha256, .flags = DEVBUS_REQUIRED),
	DEVBUS_FIELD(struct source, validator, .flags = DEVBUS_REQUIRED),
	DEVBUS_FIELD(struct source, size, .flags = DEVBUS_REQUIRED),
	{ 0 },
};

enum activity { TAKING_UP, FETCHING, WAITING };

struct download {
	int dir_fd;
	struct order order;
	struct download_options options;
	const struct download_host *host;
	struct fetch_host fetch_host;
	struct fetch *fetch;
	struct image *image;
	struct source source;
	enum activity activity;
	bool continued; /* bytes of an earlier process count */
	uint64_t size; /* of the whole; 0: not known */
	uint64_t most_bytes; /* that were ever there */
	int64_t news_ms; /* when that last grew */
	uint32_t waits; /* since then */
	struct progress progress;
	struct devbus_error error; /* code "": none yet */
};

/* Keeps the first reason. Returns @result. */
#define GIVE_UP(download, result, ...)                                                                       \
	(*(download)->error.code ? (result) : reason_set(&(download)->error, (result), __VA_ARGS__))

static int give_up_errno(struct download *download, int r, const char *what)
{
	return *download->error.code ? r : reason_errno(&download->error, r, what);
}

static int64_t now(const struct download *download)
{
	return download->host->now_ms(download->host->userdata);
}

/* ---- while it comes in */

static void tell(struct download *download, const char *trouble)
{
	uint64_t bytes = image_bytes(download->image);
	int percent = progress_percent(bytes, download->size);
	if (progress_due(&download->progress, percent, now(download)) || trouble)
		download->host->tell(download->host->userdata, percent, bytes, download->size, trouble);
}

static int check_space(struct download *download, uint64_t size)
{
	uint64_t free_bytes = 0, have = image_bytes(download->image) + image_left_bytes(download->image);
	uint64_t needed = (size > have ? size - have : 0) + download->options.reserve_bytes;
	int r = image_free_bytes(download->dir_fd, &free_bytes);
	if (r < 0)
		return give_up_errno(download, r, "free space");
	if (free_bytes < needed)
		return GIVE_UP(download, -ENOSPC, DEVBUS_E_NO_SPACE,
			"%" PRIu64 " bytes are needed, %" PRIu64 " are free", needed, free_bytes);
	r = image_reserve(download->image, size);
	return r < 0 ? give_up_errno(download, r, "setting space aside") : 0;
}

static int check_limit(struct download *download, uint64_t size)
{
	if (size <= download->options.max_size_bytes)
		return 0;
	return GIVE_UP(download, -EFBIG, DEVBUS_E_REFUSED,
		"the image is larger than the %" PRIu64 " bytes that are allowed",
		download->options.max_size_bytes);
}

static int check_size(struct download *download, uint64_t size)
{
	if (download->order.size > 0 && size != download->order.size)
		return GIVE_UP(download, -EBADMSG, DEVBUS_E_CHECKSUM,
			"the sender announces %" PRIu64 " bytes, the order %" PRIu64, size,
			download->order.size);
	int r = check_limit(download, size);
	return r < 0 ? r : check_space(download, size);
}

static int on_watch(void *userdata, int fd, uint32_t events)
{
	struct download *download = userdata;
	return download->host->watch(download->host->userdata, fd, events);
}

static int on_arm(void *userdata, int64_t delay_ms)
{
	struct download *download = userdata;
	return download->host->arm(download->host->userdata, delay_ms);
}

/* Without a validator the part cannot be continued by another process, and is not. */
static int save_source(struct download *download, const struct fetch_answer *answer)
{
	struct source *source = &download->source;
	if (answer->size_bytes == source->size && strcmp(answer->validator, source->validator) == 0)
		return 0;
	snprintf(source->validator, sizeof(source->validator), "%s", answer->validator);
	source->size = answer->size_bytes;
	int r = devbus_file_save(download->dir_fd, SOURCE_NAME, source_fields, source);
	return r < 0 ? give_up_errno(download, r, SOURCE_NAME) : 0;
}

static int restart(struct download *download)
{
	download->continued = false;
	int r = image_restart(download->image);
	return r < 0 ? give_up_errno(download, r, "emptying the image") : 0;
}

static int on_begin(void *userdata, const struct fetch_answer *answer)
{
	struct download *download = userdata;
	int r = 0;
	if (answer->offset != image_bytes(download->image))
		r = restart(download);
	if (r == 0 && answer->size_bytes > 0)
		r = check_size(download, answer->size_bytes);
	if (r == 0)
		r = save_source(download, answer);
	download->size = answer->size_bytes > 0 ? answer->size_bytes : download->order.size;
	return r;
}

static int on_write(void *userdata, const void *data, size_t size)
{
	struct download *download = userdata;
	uint64_t bytes = image_bytes(download->image) + size;
	int r = check_limit(download, bytes);
	if (r < 0)
		return r;
	if (download->order.size > 0 && bytes > download->order.size)
		return GIVE_UP(download, -EBADMSG, DEVBUS_E_CHECKSUM,
			"more than the %" PRIu64 " bytes ordered", download->order.size);
	r = image_write(download->image, data, size);
	if (r < 0)
		return give_up_errno(download, r, "writing the image");
	if (bytes > download->most_bytes) {
		download->most_bytes = bytes;
		download->news_ms = now(download);
		download->waits = 0;
	}
	tell(download, NULL);
	return 0;
}

/* ---- the end */

static void finish(struct download *download)
{
	fetch_free(download->fetch);
	download->fetch = NULL;
	download->host->arm(download->host->userdata, -1);
	download->host->finished(download->host->userdata, *download->error.code ? &download->error : NULL);
}

static int verify(struct download *download, char ret_sha256[SHA256_TEXT_SIZE])
{
	uint64_t bytes = image_bytes(download->image);
	if (download->order.size > 0 && bytes != download->order.size)
		return GIVE_UP(download, -EBADMSG, DEVBUS_E_CHECKSUM,
			"%" PRIu64 " bytes came, %" PRIu64 " were ordered", bytes, download->order.size);
	int r = image_finish(download->image, ret_sha256);
	if (r == 0 && fsync(download->dir_fd) < 0)
		r = -errno;
	return r < 0 ? give_up_errno(download, r, "syncing the image") : 0;
}

static int open_fetch(struct download *download)
{
	struct devbus_error error;
	struct fetch_options *fetch = &download->options.fetch;
	download->activity = FETCHING;
	fetch->url = download->order.url;
	fetch->validator = download->source.validator;
	fetch->offset = *fetch->validator ? image_bytes(download->image) : 0;
	int r = fetch_start(fetch, &download->fetch_host, &download->fetch, &error);
	return r < 0 ? GIVE_UP(download, r, error.code, "%s", error.message) : 0;
}

static void start_fetch(struct download *download)
{
	if (open_fetch(download) < 0)
		finish(download);
}

/* All bytes are there: right, wrong, or once more. */
static void conclude(struct download *download)
{
	char sha256[SHA256_TEXT_SIZE] = "";
	bool right = verify(download, sha256) == 0 && order_matches(&download->order, sha256);
	if (!right && !*download->error.code && download->continued && restart(download) == 0) {
		devbus_log(DEVBUS_LOG_WARNING, "the download before is damaged: from the start");
		start_fetch(download);
		return;
	}
	if (!right)
		GIVE_UP(download, -EBADMSG, DEVBUS_E_CHECKSUM, "the image has SHA-256 %s", sha256);
	finish(download);
}

/* A random share of half to one and a half, so that a fleet does not come back to a server all at once. */
static int64_t spread(int64_t delay_ms)
{
	uint16_t random = 0;
	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) < 0)
		random = UINT16_MAX / 2;
	return delay_ms / 2 + delay_ms * random / UINT16_MAX;
}

static void wait_and_retry(struct download *download, const struct devbus_error *error)
{
	uint32_t growth = download->waits < 6 ? 1U << download->waits : RETRY_GROWTH_MAX;
	int64_t delay_ms = spread((int64_t)download->options.retry_ms * growth);
	char trouble[sizeof(error->message) + 64];
	download->waits++;
	download->activity = WAITING;
	snprintf(trouble, sizeof(trouble), "%s; tried again in %.1f s", error->message,
		(double)delay_ms / 1000);
	tell(download, trouble);
	if (download->host->arm(download->host->userdata, delay_ms) < 0) {
		GIVE_UP(download, -ENOMEM, DEVBUS_E_INTERNAL, "timer");
		finish(download);
	}
}

static bool is_patient(const struct download *download)
{
	return now(download) - download->news_ms < (int64_t)download->options.patience_s * 1000;
}

static void on_done(void *userdata, enum fetch_end end, const struct devbus_error *error)
{
	struct download *download = userdata;
	fetch_free(download->fetch);
	download->fetch = NULL;
	if (end == FETCH_DONE) {
		conclude(download);
		return;
	}
	bool retry = !*download->error.code && end != FETCH_FAILED && is_patient(download);
	if (retry && end == FETCH_FROM_START)
		retry = restart(download) == 0;
	if (retry) {
		wait_and_retry(download, error);
		return;
	}
	GIVE_UP(download, -EIO, error->code, "%s", error->message);
	finish(download);
}

/* ---- the beginning */

static void take_up(struct download *download)
{
	int r = image_take_up(download->image, PIECE_BYTES);
	tell(download, NULL);
	if (r > 0)
		r = download->host->arm(download->host->userdata, 1);
	if (r < 0) {
		give_up_errno(download, r, "reading what was downloaded");
		finish(download);
	} else if (image_left_bytes(download->image) == 0) {
		download->most_bytes = image_bytes(download->image);
		(download->most_bytes == download->source.size ? conclude : start_fetch)(download);
	}
}

/* Whether what is there is from the same source and worth something. */
static bool knows_source(struct download *download)
{
	struct source found;
	struct source *source = &download->source;
	snprintf(source->url, sizeof(source->url), "%s", download->order.url);
	snprintf(source->sha256, sizeof(source->sha256), "%s", download->order.sha256);
	if (devbus_file_load(download->dir_fd, SOURCE_NAME, source_fields, &found) < 0 ||
		strcmp(found.url, source->url) != 0 || !order_matches(&download->order, found.sha256))
		return false;
	*source = found;
	return *found.validator != '\0';
}

static int begin(struct download *download)
{
	int r = image_open(download->dir_fd, DOWNLOAD_NAME, &download->image);
	if (r < 0)
		return give_up_errno(download, r, "opening the image");
	download->continued = knows_source(download) && image_left_bytes(download->image) > 0;
	if (!download->continued && (r = restart(download)) < 0)
		return r;
	download->size = download->order.size > 0 ? download->order.size : download->source.size;
	if (download->order.size > 0 && (r = check_space(download, download->order.size)) < 0)
		return r;
	if (!download->continued)
		return open_fetch(download);
	download->activity = TAKING_UP;
	r = download->host->arm(download->host->userdata, 0);
	return r < 0 ? give_up_errno(download, r, "timer") : 0;
}

int download_start(int dir_fd, const struct order *order, const struct download_options *options,
	const struct download_host *host, struct download **ret_download, struct devbus_error *ret_error)
{
	struct download *download = calloc(1, sizeof(*download));
	if (!download)
		return reason_set(ret_error, -ENOMEM, DEVBUS_E_INTERNAL, "out of memory");
	download->dir_fd = dir_fd;
	download->order = *order;
	download->options = *options;
	download->host = host;
	download->fetch_host =
		(struct fetch_host) { on_watch, on_arm, on_begin, on_write, on_done, download };
	download->news_ms = now(download);
	int r = begin(download);
	if (r < 0) {
		*ret_error = download->error;
		download_free(download);
		return r;
	}
	tell(download, NULL);
	*ret_download = download;
	return 0;
}

void download_ready(struct download *download, int fd, uint32_t events)
{
	fetch_ready(download->fetch, fd, events);
}

void download_tick(struct download *download)
{
	switch (download->activity) {
	case TAKING_UP:
		take_up(download);
		break;
	case FETCHING:
		fetch_tick(download->fetch);
		break;
	case WAITING:
		start_fetch(download);
		break;
	}
}

void download_free(struct download *download)
{
	if (!download)
		return;
	fetch_free(download->fetch);
	download->host->arm(download->host->userdata, -1);
	image_free(download->image);
	free(download);
}

int download_drop(int dir_fd)
{
	int r = devbus_file_remove(dir_fd, DOWNLOAD_NAME);
	int s = devbus_file_remove(dir_fd, SOURCE_NAME);
	return r < 0 ? r : s;
}
