// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * file:// in pieces: a regular file is always "ready", so epoll cannot pace it; a timer of 1 ms does, and leaves the
 * reactor free between two pieces. It always begins at the start: a local copy is quick, and a file has no entity tag.
 */
#include "fetch-kinds.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE_BYTES ((size_t)64 << 10) /* progress is told after each at the earliest */
#define PIECES_PER_TURN 16 /* 1 MiB per ms: faster than most disks, and a short turn */

struct file_fetch {
	struct fetch base;
	int fd;
	uint64_t size;
	bool begun;
	char *piece;
};

static struct file_fetch *self(struct fetch *fetch)
{
	return (struct file_fetch *)fetch;
}

static void file_free(struct fetch *fetch)
{
	struct file_fetch *file = self(fetch);
	fetch->host->arm(fetch->host->userdata, -1);
	if (file->fd >= 0)
		close(file->fd);
	free(file->piece);
	free(file);
}

static void fail(struct fetch *fetch, const char *what, int error)
{
	struct devbus_error reason;
	reason_set(&reason, -error, DEVBUS_E_IO_ERROR, "%s: %s", what, strerror(error));
	fetch->host->done(fetch->host->userdata, FETCH_FAILED, &reason);
}

static void end(struct fetch *fetch)
{
	struct stat status;
	if (fstat(self(fetch)->fd, &status) == 0 && (uint64_t)status.st_size != self(fetch)->size)
		fail(fetch, "the file changed while it was read", EIO);
	else
		fetch->host->done(fetch->host->userdata, FETCH_DONE, NULL);
}

/* Returns 1 if there may be more, 0 at the end, or a negative errno with *@ret_what. */
static int pass_piece(struct file_fetch *file, const char **ret_what)
{
	const struct fetch_host *host = file->base.host;
	ssize_t n = read(file->fd, file->piece, PIECE_BYTES);
	if (n < 0) {
		*ret_what = "read";
		return -errno;
	}
	int r = n > 0 ? host->write(host->userdata, file->piece, (size_t)n) : 0;
	return r < 0 ? r : n > 0;
}

static void file_tick(struct fetch *fetch)
{
	struct file_fetch *file = self(fetch);
	const struct fetch_host *host = fetch->host;
	const char *what = "could not go on";
	int r = 1;
	if (!file->begun) {
		file->begun = true;
		r = host->begin(
			host->userdata, &(struct fetch_answer) { .size_bytes = file->size, .validator = "" });
		r = r < 0 ? -ECANCELED : 1;
	}
	for (int i = 0; r > 0 && i < PIECES_PER_TURN; i++)
		r = pass_piece(file, &what);
	if (r > 0 && host->arm(host->userdata, 1) < 0)
		r = -ENOMEM;
	if (r < 0)
		fail(fetch, what, -r);
	else if (r == 0)
		end(fetch);
}

static void file_ready(struct fetch *fetch, int fd, uint32_t events)
{
	(void)fetch, (void)fd, (void)events;
}

/* The path in a file URL may be percent-encoded, and its host must be this one (RFC 8089). */
static char *path_of(const char *url)
{
	char *path = NULL, *host = NULL;
	CURLU *parts = curl_url();
	if (parts && curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK) {
		curl_url_get(parts, CURLUPART_HOST, &host, 0);
		if (!host || !*host || strcmp(host, "localhost") == 0)
			curl_url_get(parts, CURLUPART_PATH, &path, CURLU_URLDECODE);
	}
	curl_free(host);
	curl_url_cleanup(parts);
	return path;
}

static int open_regular(const char *path, int *ret_fd, uint64_t *ret_size)
{
	/* O_NONBLOCK: opening a named pipe would wait for its other end. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return -errno;
	struct stat status;
	int r = fstat(fd, &status) < 0 ? -errno : 0;
	if (r == 0 && !S_ISREG(status.st_mode))
		r = -EISDIR;
	if (r < 0) {
		close(fd);
		return r;
	}
	*ret_fd = fd;
	*ret_size = (uint64_t)status.st_size;
	return 0;
}

static int open_url(struct file_fetch *file, const char *url, struct devbus_error *ret_error)
{
	char *path = path_of(url);
	if (!path)
		return reason_set(
			ret_error, -EINVAL, DEVBUS_E_INVALID_ARGS, "url: not a file of this device");
	int r = open_regular(path, &file->fd, &file->size);
	if (r < 0)
		reason_set(ret_error, r, r == -ENOENT ? DEVBUS_E_NOT_FOUND : DEVBUS_E_IO_ERROR, "%s: %s",
			path, r == -EISDIR ? "not a regular file" : strerror(-r));
	curl_free(path);
	return r;
}

static int file_start(const struct fetch_options *options, const struct fetch_host *host,
	struct fetch **ret_fetch, struct devbus_error *ret_error)
{
	struct file_fetch *file = calloc(1, sizeof(*file));
	if (!file)
		return reason_set(ret_error, -ENOMEM, DEVBUS_E_INTERNAL, "out of memory");
	*file = (struct file_fetch) { .base = { &fetch_file, host }, .fd = -1 };
	int r = open_url(file, options->url, ret_error);
	if (r == 0 && !(file->piece = malloc(PIECE_BYTES)))
		r = reason_set(ret_error, -ENOMEM, DEVBUS_E_INTERNAL, "out of memory");
	if (r == 0 && (r = host->arm(host->userdata, 0)) < 0)
		reason_set(ret_error, r, DEVBUS_E_INTERNAL, "timer: %s", strerror(-r));
	if (r < 0) {
		file_free(&file->base);
		return r;
	}
	*ret_fetch = &file->base;
	return 0;
}

const struct fetch_kind fetch_file = { file_start, file_ready, file_tick, file_free };
