// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* The order in which the parts come and go. */
#include "bridge.h"
#include "watcher.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

int64_t watcher_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void find_cloud_conf(struct watcher *watcher)
{
	const char *folder = getenv("DEVBUS_CONFIG_DIR"), *name = watcher->settings.cloud_conf;

	if (name[0] == '/')
		snprintf(watcher->cloud_conf, sizeof watcher->cloud_conf, "%s", name);
	else
		snprintf(watcher->cloud_conf, sizeof watcher->cloud_conf, "%s/%s",
			folder ? folder : DEVBUS_CONFIG_DIR_DEFAULT, name);
}

int bridge_start(struct devbus *bus, void **ret_service)
{
	static const struct devbus_method none[] = { { 0 } };
	struct watcher *watcher = calloc(1, sizeof *watcher);
	int r;

	if (!watcher)
		return -ENOMEM;
	*ret_service = watcher;
	watcher->bus = bus;
	/* A thread that is in the midst of TLS when the service ends goes on until the process is gone, so nothing may be taken from beneath it. */
	OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL);
	r = devbus_settings(bus, bridge_settings_fields, &watcher->settings);
	if (r == 0)
		r = devbus_serve(bus, none, watcher);
	find_cloud_conf(watcher);
	if (r == 0)
		r = tunnel_start(watcher);
	if (r == 0)
		r = diagnosis_start(watcher);
	if (r == 0)
		r = beat_start(watcher);
	return r < 0 ? r : judge_start(watcher);
}

void bridge_stop(void *service)
{
	struct watcher *watcher = service;

	if (!watcher)
		return;
	judge_stop(watcher);
	diagnosis_stop(watcher);
	tunnel_stop(watcher);
	free(watcher);
}
