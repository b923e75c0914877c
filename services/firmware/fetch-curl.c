// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * http and https by curl's multi-socket interface: curl says which fds and which timer it needs, and is called when
 * they are due. What a device in the field needs is set here once: certificates verified, few redirects and
 * never from https to http, time-outs for a dead or crawling link, no signals.
 */
#include "fetch-kinds.h"

#include <curl/curl.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>

#define BUFFER_BYTES (128L << 10)
#define VALIDATOR_SIZE 256

struct curl_fetch {
	struct fetch base;
	CURLM *multi;
	CURL *easy;
	struct curl_slist *headers;
	uint64_t offset; /* as asked for */
	char range[32];
	char validator[VALIDATOR_SIZE]; /* of the answer */
	char content_range[96];
	bool added, begun;
	bool from_start; /* the answer does not go on where we are */
	int host_error; /* what begin, write, watch or arm returned */
	char reason[CURL_ERROR_SIZE];
};

static struct curl_fetch *self(struct fetch *fetch)
{
	return (struct curl_fetch *)fetch;
}

/* ---- what curl asks of us */

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *userdata, void *socket_data)
{
	static const uint32_t events[] = {
		[CURL_POLL_NONE] = 0,
		[CURL_POLL_IN] = EPOLLIN,
		[CURL_POLL_OUT] = EPOLLOUT,
		[CURL_POLL_INOUT] = EPOLLIN | EPOLLOUT,
		[CURL_POLL_REMOVE] = 0,
	};
	struct curl_fetch *fetch = userdata;
	(void)easy, (void)socket_data;
	int r = fetch->base.host->watch(fetch->base.host->userdata, fd, events[what]);
	if (r < 0)
		fetch->host_error = r;
	return r < 0 ? -1 : 0;
}

static int on_timer(CURLM *multi, long delay_ms, void *userdata)
{
	struct curl_fetch *fetch = userdata;
	(void)multi;
	int r = fetch->base.host->arm(fetch->base.host->userdata, delay_ms);
	if (r < 0)
		fetch->host_error = r;
	return r < 0 ? -1 : 0;
}

/* If @line is the header @name, its value goes to @ret_value; one that is too long counts as absent. */
static void take_header(const char *line, size_t size, const char *name, char *ret_value, size_t value_size)
{
	size_t skip = strlen(name);
	if (size < skip || strncasecmp(line, name, skip) != 0)
		return;
	while (skip < size && (line[skip] == ' ' || line[skip] == '\t'))
		skip++;
	while (size > skip && strchr(" \t\r\n", line[size - 1]))
		size--;
	snprintf(ret_value, value_size, "%.*s", size - skip < value_size ? (int)(size - skip) : 0,
		line + skip);
}

static size_t on_header(char *line, size_t one, size_t size, void *userdata)
{
	struct curl_fetch *fetch = userdata;
	size *= one;
	if (size >= 5 && strncmp(line, "HTTP/", 5) == 0) /* another answer, behind a redirect or a proxy */
		*fetch->validator = *fetch->content_range = '\0';
	take_header(line, size, "ETag:", fetch->validator, sizeof(fetch->validator));
	take_header(line, size, "Content-Range:", fetch->content_range, sizeof(fetch->content_range));
	return size;
}

/* "bytes 100-199/200" (RFC 9110, 14.4). Returns 0, or -EBADMSG if that is not the rest that was asked for. */
static int parse_range(const struct curl_fetch *fetch, uint64_t *ret_size)
{
	uint64_t first = 0, last = 0, size = 0;
	int n = sscanf(fetch->content_range, "bytes %" SCNu64 "-%" SCNu64 "/%" SCNu64, &first, &last, &size);
	if (n != 3 || first != fetch->offset || last + 1 != size)
		return -EBADMSG;
	*ret_size = size;
	return 0;
}

/* A weak entity tag does not promise the same bytes. */
static const char *strong(const char *validator)
{
	return *validator == '"' ? validator : "";
}

static int begin(struct curl_fetch *fetch)
{
	struct fetch_answer answer = { .validator = strong(fetch->validator) };
	curl_off_t size = -1;
	long status = 0;
	if (fetch->begun)
		return 0;
	fetch->begun = true;
	curl_easy_getinfo(fetch->easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(fetch->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &size);
	if (status == 206) {
		answer.offset = fetch->offset;
		fetch->from_start = parse_range(fetch, &answer.size_bytes) < 0;
	} else if (size > 0) {
		answer.size_bytes = (uint64_t)size;
	}
	return fetch->from_start ? -EBADMSG : fetch->base.host->begin(fetch->base.host->userdata, &answer);
}

static size_t on_data(char *data, size_t one, size_t size, void *userdata)
{
	struct curl_fetch *fetch = userdata;
	int r = begin(fetch);
	if (r == 0)
		r = fetch->base.host->write(fetch->base.host->userdata, data, size * one);
	if (r < 0)
		fetch->host_error = r;
	return r < 0 ? 0 : size * one;
}

/* ---- how it ends */

/* What curl reports, in our words. Anything else is an io-error of the link, which may be better next time. */
static const struct {
	CURLcode result;
	const char *code;
	enum fetch_end end;
} results[] = {
	{ CURLE_OPERATION_TIMEDOUT, DEVBUS_E_TIMEOUT, FETCH_AGAIN },
	{ CURLE_URL_MALFORMAT, DEVBUS_E_INVALID_ARGS, FETCH_FAILED },
	{ CURLE_UNSUPPORTED_PROTOCOL, DEVBUS_E_IO_ERROR, FETCH_FAILED },
	{ CURLE_TOO_MANY_REDIRECTS, DEVBUS_E_IO_ERROR, FETCH_FAILED },
	{ CURLE_PEER_FAILED_VERIFICATION, DEVBUS_E_IO_ERROR, FETCH_FAILED },
	{ CURLE_SSL_CACERT_BADFILE, DEVBUS_E_IO_ERROR, FETCH_FAILED },
	{ CURLE_SSL_CERTPROBLEM, DEVBUS_E_IO_ERROR, FETCH_FAILED },
	{ CURLE_OUT_OF_MEMORY, DEVBUS_E_INTERNAL, FETCH_FAILED },
	{ CURLE_FAILED_INIT, DEVBUS_E_INTERNAL, FETCH_FAILED },
};

/* The same for the server's refusals (RFC 9110, 15); others of 4xx would be the same next time, 5xx may not. */
static const struct {
	long status;
	const char *code;
	enum fetch_end end;
} refusals[] = {
	{ 404, DEVBUS_E_NOT_FOUND, FETCH_FAILED },
	{ 410, DEVBUS_E_NOT_FOUND, FETCH_FAILED },
	{ 408, DEVBUS_E_TIMEOUT, FETCH_AGAIN },
	{ 425, DEVBUS_E_IO_ERROR, FETCH_AGAIN },
	{ 429, DEVBUS_E_IO_ERROR, FETCH_AGAIN },
	{ 416, DEVBUS_E_IO_ERROR, FETCH_FROM_START },
};

static enum fetch_end judge_status(long status, const char **ret_code)
{
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		if (refusals[i].status == status) {
			*ret_code = refusals[i].code;
			return refusals[i].end;
		}
	}
	return status < 500 ? FETCH_FAILED : FETCH_AGAIN;
}

static enum fetch_end judge(struct curl_fetch *fetch, CURLcode result, const char **ret_code)
{
	long status = 0;
	*ret_code = DEVBUS_E_IO_ERROR;
	if (result == CURLE_HTTP_RETURNED_ERROR) {
		curl_easy_getinfo(fetch->easy, CURLINFO_RESPONSE_CODE, &status);
		return judge_status(status, ret_code);
	}
	for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++) {
		if (results[i].result == result) {
			*ret_code = results[i].code;
			return results[i].end;
		}
	}
	return FETCH_AGAIN;
}

static void finish(struct curl_fetch *fetch, CURLcode result)
{
	const struct fetch_host *host = fetch->base.host;
	struct devbus_error error;
	const char *code;
	enum fetch_end end = fetch->from_start ? FETCH_FROM_START : FETCH_FAILED;
	if (result == CURLE_OK && fetch->host_error == 0)
		fetch->host_error = begin(fetch); /* an answer without a byte */
	if (result == CURLE_OK && fetch->host_error == 0) {
		host->done(host->userdata, FETCH_DONE, NULL);
		return;
	}
	if (fetch->host_error < 0) {
		reason_set(&error, fetch->host_error, DEVBUS_E_IO_ERROR, "could not go on: %s",
			strerror(-fetch->host_error));
	} else {
		end = judge(fetch, result, &code);
		reason_set(&error, -EIO, code, "download: %s",
			*fetch->reason ? fetch->reason : curl_easy_strerror(result));
	}
	host->done(host->userdata, end, &error);
}

/* Last in each entry: `done` may free us. */
static void act(struct curl_fetch *fetch, curl_socket_t fd, int events)
{
	int running = 0, left = 0;
	CURLMcode r = curl_multi_socket_action(fetch->multi, fd, events, &running);
	const CURLMsg *message = curl_multi_info_read(fetch->multi, &left);
	if (message && message->msg == CURLMSG_DONE)
		finish(fetch, message->data.result);
	else if (r != CURLM_OK || fetch->host_error < 0)
		finish(fetch, CURLE_FAILED_INIT);
}

static void curl_ready(struct fetch *fetch, int fd, uint32_t events)
{
	int flags = 0;
	if (events & EPOLLIN)
		flags |= CURL_CSELECT_IN;
	if (events & EPOLLOUT)
		flags |= CURL_CSELECT_OUT;
	if (events & ~(uint32_t)(EPOLLIN | EPOLLOUT))
		flags |= CURL_CSELECT_ERR;
	act(self(fetch), fd, flags);
}

static void curl_tick(struct fetch *fetch)
{
	act(self(fetch), CURL_SOCKET_TIMEOUT, 0);
}

static void curl_free_fetch(struct fetch *fetch)
{
	struct curl_fetch *curl = self(fetch);
	if (curl->added)
		curl_multi_remove_handle(curl->multi, curl->easy);
	curl_easy_cleanup(curl->easy);
	curl_slist_free_all(curl->headers);
	curl_multi_cleanup(curl->multi);
	fetch->host->arm(fetch->host->userdata, -1);
	free(curl);
	curl_global_cleanup();
}

/* ---- how it begins */

/*
 * https_proxy and no_proxy are left to curl. http_proxy is gone from the environment by now (devbus_open() takes it out),
 * so it comes as an option.
 */
static const char *proxy_for(const struct fetch_options *options)
{
	if (strcmp(options->proxy, "none") == 0)
		return "";
	if (*options->proxy)
		return options->proxy;
	return strncasecmp(options->url, "http://", 7) == 0 ? options->http_proxy : NULL;
}

static bool set_limits(CURL *easy, const struct fetch_options *options)
{
	bool secure = strncasecmp(options->url, "https://", 8) == 0;
	return curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, secure ? "https" : "http,https") ==
		       CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 1L) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_MAXREDIRS, (long)options->redirects_max) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, (long)options->connect_timeout_s) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, (long)options->low_speed_bytes_s) ==
		       CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, (long)options->low_speed_s) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_MAX_RECV_SPEED_LARGE,
		       (curl_off_t)options->rate_limit_bytes_s) == CURLE_OK;
}

/*
 * Range and not CURLOPT_RESUME_FROM_LARGE, with which curl takes it for an error that a server sends everything. If-Range makes it send
 * everything when the file is another one now.
 */
static bool set_up_range(struct curl_fetch *fetch, const struct fetch_options *options)
{
	char condition[VALIDATOR_SIZE + 16];
	if (options->offset == 0)
		return true;
	fetch->offset = options->offset;
	snprintf(fetch->range, sizeof(fetch->range), "%" PRIu64 "-", options->offset);
	snprintf(condition, sizeof(condition), "If-Range: %.255s", options->validator);
	fetch->headers = curl_slist_append(NULL, condition);
	return fetch->headers && curl_easy_setopt(fetch->easy, CURLOPT_RANGE, fetch->range) == CURLE_OK &&
	       curl_easy_setopt(fetch->easy, CURLOPT_HTTPHEADER, fetch->headers) == CURLE_OK;
}

static bool set_text(CURL *easy, CURLoption option, const char *text)
{
	return !*text || curl_easy_setopt(easy, option, text) == CURLE_OK;
}

static bool set_up_tls(CURL *easy, const struct fetch_options *options)
{
	return curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK &&
	       set_text(easy, CURLOPT_CAINFO, options->ca_file) &&
	       set_text(easy, CURLOPT_SSLCERT, options->client_certificate) &&
	       set_text(easy, CURLOPT_SSLKEY, options->client_key);
}

static bool set_up_transfer(struct curl_fetch *fetch, const struct fetch_options *options)
{
	CURL *easy = fetch->easy;
	const char *proxy = proxy_for(options);
	return curl_easy_setopt(easy, CURLOPT_URL, options->url) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_USERAGENT, options->user_agent) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_FAILONERROR, 1L) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, BUFFER_BYTES) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, fetch->reason) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_data) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_WRITEDATA, fetch) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_HEADERDATA, fetch) == CURLE_OK &&
	       (!proxy || curl_easy_setopt(easy, CURLOPT_PROXY, proxy) == CURLE_OK);
}

static bool set_up_multi(struct curl_fetch *fetch)
{
	return curl_multi_setopt(fetch->multi, CURLMOPT_SOCKETFUNCTION, on_socket) == CURLM_OK &&
	       curl_multi_setopt(fetch->multi, CURLMOPT_SOCKETDATA, fetch) == CURLM_OK &&
	       curl_multi_setopt(fetch->multi, CURLMOPT_TIMERFUNCTION, on_timer) == CURLM_OK &&
	       curl_multi_setopt(fetch->multi, CURLMOPT_TIMERDATA, fetch) == CURLM_OK;
}

static int curl_start(const struct fetch_options *options, const struct fetch_host *host,
	struct fetch **ret_fetch, struct devbus_error *ret_error)
{
	struct curl_fetch *fetch = calloc(1, sizeof(*fetch));
	if (!fetch || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		free(fetch);
		return reason_set(ret_error, -ENOMEM, DEVBUS_E_INTERNAL, "out of memory");
	}
	fetch->base = (struct fetch) { &fetch_curl, host };
	fetch->easy = curl_easy_init();
	fetch->multi = curl_multi_init();
	if (fetch->easy && fetch->multi && set_up_transfer(fetch, options) &&
		set_up_tls(fetch->easy, options) && set_up_range(fetch, options) &&
		set_limits(fetch->easy, options) && set_up_multi(fetch))
		fetch->added = curl_multi_add_handle(fetch->multi, fetch->easy) == CURLM_OK;
	if (!fetch->added) {
		curl_free_fetch(&fetch->base);
		return reason_set(ret_error, -ENOTSUP, DEVBUS_E_INTERNAL,
			"libcurl lacks an option, or memory is short");
	}
	*ret_fetch = &fetch->base;
	return 0;
}

const struct fetch_kind fetch_curl = { curl_start, curl_ready, curl_tick, curl_free_fetch };
