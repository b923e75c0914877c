// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * Whether the system that booted does its work: services are online since this boot, the cloud can be reached, and the executables of
 * the device's maker succeed. Until all of it holds at once, it is tried again; the deadline is for the whole.
 */
#ifndef FIRMWARE_HEALTH_H
#define FIRMWARE_HEALTH_H

#include "settings.h"

struct health;

struct health_host {
	struct devbus *bus;
	/* What is waited for, when that changes. */
	void (*tell)(void *userdata, const char *message);
	/* The end, once: all is well (NULL), or what was not when the time was over. health_free() is allowed in it. */
	void (*done)(void *userdata, const struct devbus_error *error);
	void *userdata;
};

/* Both borrowed until health_free(). @timeout_ms: 1..2^31-1. Returns 0 or a negative errno. */
int health_start(const struct firmware_settings *settings, uint32_t timeout_ms,
	const struct health_host *host, struct health **ret_health);

/* NULL is fine. */
void health_free(struct health *health);

#endif
