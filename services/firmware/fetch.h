// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * Brings the bytes of a URL without ever waiting: http and https by libcurl's multi-socket interface, file:// by
 * reading a piece per turn. One thread does all of it: the reactor's. The price of a download thread
 * would be a lock or queue between it and the rest; what would block here (name look-ups) libcurl
 * does in a thread of its own, and the disk is dealt with in image.c. libcurl's own file:// is not used, because it
 * reads the whole file in one call.
 *
 * The outside world is struct fetch_host, so that tests drive it with poll(2) and services with devbus_watch().
 */
#ifndef FIRMWARE_FETCH_H
#define FIRMWARE_FETCH_H

#include <devbus/devbus.h>

/* What the sender is going to send. */
struct fetch_answer {
	uint64_t size_bytes; /* of the whole; 0: not told */
	uint64_t offset; /* where it begins: as in the options, or 0 */
	const char *
		validator; /* a strong entity tag (RFC 9110, 8.8.3), with its quotes; "": none. Borrowed during the call */
};

enum fetch_end {
	FETCH_DONE, /* all bytes came */
	FETCH_FAILED, /* and would fail again */
	FETCH_AGAIN, /* the link or the server, which may be better next time */
	FETCH_FROM_START, /* what was there is not the beginning of what the sender has now */
};

struct fetch_host {
	/* Call fetch_ready() when @fd is ready for @events (EPOLLIN, EPOLLOUT), in place of what was asked before; 0: no longer. */
	int (*watch)(void *userdata, int fd, uint32_t events);
	/* Call fetch_tick() once after @delay_ms, in place of what was asked before; negative: not at all. */
	int (*arm)(void *userdata, int64_t delay_ms);
	/* What comes is known, before the first byte of it, and once. Negative: give up. */
	int (*begin)(void *userdata, const struct fetch_answer *answer);
	/* Some bytes. Negative: give up. */
	int (*write)(void *userdata, const void *data, size_t size);
	/* The end, once, as the last thing that fetch_ready() or fetch_tick() does, so fetch_free() is allowed in it. @error: NULL for FETCH_DONE. */
	void (*done)(void *userdata, enum fetch_end end, const struct devbus_error *error);
	void *userdata;
};

struct fetch_options {
	const char *url;
	const char *user_agent;
	uint64_t offset; /* bytes that are there already */
	const char *validator; /* of what they are from; needed if @offset is not 0 */
	const char *ca_file; /* "": the system's */
	const char *client_certificate; /* "": none */
	const char *client_key; /* "": in the same file */
	const char *proxy; /* "": what the environment says; "none": none */
	const char *http_proxy; /* for http:// URLs if @proxy is ""; NULL: none */
	uint64_t rate_limit_bytes_s; /* 0: none */
	uint32_t connect_timeout_s;
	uint32_t low_speed_bytes_s; /* slower than this ... */
	uint32_t low_speed_s; /* ... for so long: "timeout" */
	uint32_t redirects_max;
};

struct fetch;

/* Everything in @options and *@host is borrowed until fetch_free(). A retry is the caller's, by another fetch. Returns 0, -EINVAL or another negative errno, with @ret_error set. */
int fetch_start(const struct fetch_options *options, const struct fetch_host *host, struct fetch **ret_fetch,
	struct devbus_error *ret_error);

void fetch_ready(struct fetch *fetch, int fd, uint32_t events);
void fetch_tick(struct fetch *fetch);

/* Stops; no call back of `done` follows, fds and timer are given back. NULL is fine. */
void fetch_free(struct fetch *fetch);

#endif
