// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * One file from a URL onto the disk, whole and with the hash that was ordered, however often the link breaks or this process ends: what is there is
 * kept and continued. It knows nothing of the bus; what it needs of a loop and whom it tells is struct download_host.
 */
#ifndef FIRMWARE_DOWNLOAD_H
#define FIRMWARE_DOWNLOAD_H

#include "fetch.h"
#include "order.h"

#define DOWNLOAD_NAME "image" /* in its folder; beside it what is known of it */

struct download_host {
	int (*watch)(void *userdata, int fd, uint32_t events); /* as in struct fetch_host: */
	int (*arm)(void *userdata, int64_t delay_ms);
	int64_t (*now_ms)(void *userdata); /* monotonic */
	/* How far it is, at the pace of progress.h. @percent is negative while the size is not known. @trouble: why it waits; NULL: it does not. */
	void (*tell)(void *userdata, int percent, uint64_t bytes, uint64_t size_bytes, const char *trouble);
	/* The end (NULL: whole, on disk, and with the hash). Once; download_free() is allowed in it. */
	void (*finished)(void *userdata, const struct devbus_error *error);
	void *userdata;
};

struct download_options {
	struct fetch_options fetch; /* without URL, offset and validator */
	uint64_t max_size_bytes;
	uint64_t reserve_bytes; /* that stay free on the disk */
	uint32_t retry_ms; /* until the second attempt; later ones wait longer */
	uint32_t patience_s; /* without a new byte, then it fails; 0: at the first failure */
};

struct download;

/*
 * Begins, or continues what is in the folder @dir_fd if it is from the same URL and for the same hash. All is borrowed until download_free(). The order
 * must have passed order_check(). On a negative errno @ret_error says why, and `finished` is not called.
 */
int download_start(int dir_fd, const struct order *order, const struct download_options *options,
	const struct download_host *host, struct download **ret_download, struct devbus_error *ret_error);

void download_ready(struct download *download, int fd, uint32_t events);
void download_tick(struct download *download);

/* Stops without a word; what is there stays. NULL is fine. */
void download_free(struct download *download);

/* Removes what is there. Returns 0 or a negative errno. */
int download_drop(int dir_fd);

#endif
