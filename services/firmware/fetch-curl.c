// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * http and https by curl's multi-socket interface: curl says which fds and which timer it needs, and is called when
 * they are due. What a device in the field needs is set here once: certificates verified, few redirects and
 * never from https to http, time-outs for a dead or crawling link, no signals.
 */
#include "fetch-kinds.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>

#define BUFFER_BYTES (128L << 10)

struct curl_fetch {
	struct fetch base;
	CURLM *multi;
	CURL *easy;
	bool added, announced;
	int host_error; /* what announce, write, watch or arm returned */
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

static int announce(struct curl_fetch *fetch)
{
	curl_off_t size = -1;
	if (fetch->announced)
		return 0;
	fetch->announced = true;
	curl_easy_getinfo(fetch->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &size);
	return size < 0 ? 0 : fetch->base.host->announce(fetch->base.host->userdata, (uint64_t)size);
}

static size_t on_data(char *data, size_t one, size_t size, void *userdata)
{
	struct curl_fetch *fetch = userdata;
	int r = announce(fetch);
	if (r == 0)
		r = fetch->base.host->write(fetch->base.host->userdata, data, size * one);
	if (r < 0)
		fetch->host_error = r;
	return r < 0 ? 0 : size * one;
}

/* ---- how it ends */

/* The code word for what curl reports; anything else is an io-error. */
static const struct {
	CURLcode result;
	const char *code;
} codes[] = {
	{ CURLE_OPERATION_TIMEDOUT, DEVBUS_E_TIMEOUT },
	{ CURLE_URL_MALFORMAT, DEVBUS_E_INVALID_ARGS },
	{ CURLE_OUT_OF_MEMORY, DEVBUS_E_INTERNAL },
};

static const char *code_of(struct curl_fetch *fetch, CURLcode result)
{
	long status = 0;
	curl_easy_getinfo(fetch->easy, CURLINFO_RESPONSE_CODE, &status);
	if (result == CURLE_HTTP_RETURNED_ERROR && (status == 404 || status == 410))
		return DEVBUS_E_NOT_FOUND;
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (codes[i].result == result)
			return codes[i].code;
	return DEVBUS_E_IO_ERROR;
}

static void finish(struct curl_fetch *fetch, CURLcode result)
{
	const struct fetch_host *host = fetch->base.host;
	struct devbus_error error;
	if (result == CURLE_OK && fetch->host_error == 0) {
		host->done(host->userdata, NULL);
		return;
	}
	if (fetch->host_error < 0)
		fetch_error(&error, DEVBUS_E_IO_ERROR, "could not go on: %s", strerror(-fetch->host_error));
	else
		fetch_error(&error, code_of(fetch, result), "download: %s",
			*fetch->reason ? fetch->reason : curl_easy_strerror(result));
	host->done(host->userdata, &error);
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
	       curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, (long)options->low_speed_s) == CURLE_OK;
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
	       curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK &&
	       curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK &&
	       (!*options->ca_file || curl_easy_setopt(easy, CURLOPT_CAINFO, options->ca_file) == CURLE_OK) &&
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
		fetch_error(ret_error, DEVBUS_E_INTERNAL, "out of memory");
		return -ENOMEM;
	}
	fetch->base = (struct fetch) { &fetch_curl, host };
	fetch->easy = curl_easy_init();
	fetch->multi = curl_multi_init();
	if (fetch->easy && fetch->multi && set_up_transfer(fetch, options) &&
		set_limits(fetch->easy, options) && set_up_multi(fetch))
		fetch->added = curl_multi_add_handle(fetch->multi, fetch->easy) == CURLM_OK;
	if (!fetch->added) {
		curl_free_fetch(&fetch->base);
		fetch_error(ret_error, DEVBUS_E_INTERNAL, "libcurl lacks an option, or memory is short");
		return -ENOTSUP;
	}
	*ret_fetch = &fetch->base;
	return 0;
}

const struct fetch_kind fetch_curl = { curl_start, curl_ready, curl_tick, curl_free_fetch };
