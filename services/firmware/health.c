// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * A retained status may be of the boot before, of a service that does not start any more. So only one with the boot id of our own status
 * counts, and that one, coming back from the broker, also proves that the broker works.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "health.h"
#include "reason.h"

#include <devbus/host.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STATUS_FILTER "service/+/status"
#define BRIDGE "bridge"
#define PEERS_MAX 256

struct peer {
	char name[65];
	char state[16];
	char boot_id[DEVBUS_BOOT_ID_SIZE];
};

struct health {
	const struct firmware_settings *settings;
	const struct health_host *host;
	struct peer *peers;
	size_t peer_count;
	struct dirent **checks; /* executables, in the order of their names */
	int check_count, next_check;
	struct devbus_program *program;
	struct devbus_timer *deadline, *retry;
	char reason[256]; /* why not yet */
	char told[256];
};

static void begin_round(struct health *health);

/* ---- the end */

static void drop_checks(struct health *health)
{
	for (int i = 0; i < health->check_count; i++)
		free(health->checks[i]);
	free(health->checks);
	health->checks = NULL;
	health->check_count = 0;
}

void health_free(struct health *health)
{
	if (!health)
		return;
	devbus_unsubscribe(health->host->bus, STATUS_FILTER);
	devbus_timer_stop(health->deadline);
	devbus_timer_stop(health->retry);
	devbus_program_kill(health->program);
	drop_checks(health);
	free(health->peers);
	free(health);
}

static void on_deadline(struct devbus *bus, void *userdata)
{
	struct health *health = userdata;
	struct devbus_error error;
	(void)bus;
	health->deadline = NULL;
	reason_set(&error, -ETIMEDOUT, DEVBUS_E_TIMEOUT, "%s", health->reason);
	health->host->done(health->host->userdata, &error);
}

/* ---- services and the cloud */

static const struct peer *find_peer(const struct health *health, const char *name, size_t size)
{
	for (size_t i = 0; i < health->peer_count; i++)
		if (strncmp(health->peers[i].name, name, size) == 0 && !health->peers[i].name[size])
			return &health->peers[i];
	return NULL;
}

/* Whether it is online since this boot; else why not goes to health->reason. */
static bool is_online(struct health *health, const char *name, size_t size)
{
	const struct peer *peer = find_peer(health, name, size);
	const struct peer *own =
		find_peer(health, devbus_name(health->host->bus), strlen(devbus_name(health->host->bus)));
	const char *why = NULL;
	if (!own)
		why = "is not known: the broker does not answer";
	else if (!peer)
		why = "has no status";
	else if (strcmp(peer->boot_id, own->boot_id) != 0)
		why = "has not been online since the boot";
	else if (strcmp(peer->state, "online") != 0)
		why = peer->state;
	if (why)
		snprintf(health->reason, sizeof(health->reason), "service %.*s: %s", (int)size, name, why);
	return !why;
}

static bool chosen_are_online(struct health *health, const char *names)
{
	for (names += strspn(names, ", "); *names; names += strspn(names, ", ")) {
		size_t size = strcspn(names, ", ");
		if (!is_online(health, names, size))
			return false;
		names += size;
	}
	return true;
}

/* Those that were stopped on purpose do not count, and the bridge has a setting of its own. */
static bool all_are_online(struct health *health)
{
	const char *own = devbus_name(health->host->bus);
	if (!find_peer(health, own, strlen(own)))
		return is_online(health, own, strlen(own));
	for (size_t i = 0; i < health->peer_count; i++) {
		const struct peer *peer = &health->peers[i];
		if (strcmp(peer->name, BRIDGE) == 0 || strcmp(peer->name, own) == 0 ||
			strcmp(peer->state, "offline") == 0)
			continue;
		if (!is_online(health, peer->name, strlen(peer->name)))
			return false;
	}
	return true;
}

static bool peers_are_well(struct health *health)
{
	const char *chosen = health->settings->health_services;
	if (*chosen ? !chosen_are_online(health, chosen) : !all_are_online(health))
		return false;
	return !health->settings->health_cloud || is_online(health, BRIDGE, strlen(BRIDGE));
}

static struct peer *add_peer(struct health *health, const char *name, size_t size)
{
	struct peer *peer = (struct peer *)find_peer(health, name, size);
	if (peer || size >= sizeof(peer->name) || health->peer_count == PEERS_MAX)
		return peer;
	struct peer *more = reallocarray(health->peers, health->peer_count + 1, sizeof(*more));
	if (!more)
		return NULL;
	health->peers = more;
	peer = &more[health->peer_count++];
	memset(peer, 0, sizeof(*peer));
	memcpy(peer->name, name, size);
	return peer;
}

static void on_status(struct devbus *bus, const struct devbus_message *message, void *userdata)
{
	struct health *health = userdata;
	const char *name = strchr(message->topic, '/') + 1;
	const char *state = devbus_json_string(devbus_json_get(message->object, "state"));
	const char *boot_id = devbus_json_string(devbus_json_get(message->object, "boot_id"));
	struct peer *peer = state ? add_peer(health, name, strcspn(name, "/")) : NULL;
	(void)bus;
	if (!peer)
		return;
	snprintf(peer->state, sizeof(peer->state), "%s", state);
	if (boot_id) /* a will has none */
		snprintf(peer->boot_id, sizeof(peer->boot_id), "%s", boot_id);
	if (!health->program)
		begin_round(health);
}

/* ---- executables */

static void wait_for_retry(struct health *health);
static void next_check(struct health *health);

static void on_check(struct devbus *bus, const struct devbus_program_end *end, void *userdata)
{
	struct health *health = userdata;
	(void)bus;
	health->program = NULL;
	if (end->good) {
		next_check(health);
		return;
	}
	snprintf(health->reason, sizeof(health->reason), "health check %.240s", end->summary);
	wait_for_retry(health);
}

static void next_check(struct health *health)
{
	char path[PATH_MAX];
	if (health->next_check == health->check_count) {
		if (peers_are_well(health))
			health->host->done(health->host->userdata, NULL);
		else
			wait_for_retry(health);
		return;
	}
	const char *name = health->checks[health->next_check++]->d_name;
	int n = snprintf(path, sizeof(path), "%s/%s", health->settings->health_dir, name);
	const char *words[] = { path, NULL };
	struct devbus_program_options options = { .words = words, .handler = on_check, .userdata = health };
	int r = n >= (int)sizeof(path) ? -ENAMETOOLONG
				       : devbus_program_start(health->host->bus, &options, &health->program);
	if (r == 0)
		return;
	snprintf(health->reason, sizeof(health->reason), "health check %.100s: %s", name, strerror(-r));
	wait_for_retry(health);
}

static int is_check(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* A folder that is not there has no checks in it. One that cannot be read is a failure: nobody knows what it asks for. */
static int list_checks(struct health *health)
{
	drop_checks(health);
	int n = scandir(health->settings->health_dir, &health->checks, is_check, alphasort);
	if (n < 0 && errno != ENOENT)
		return -errno;
	health->check_count = n < 0 ? 0 : n;
	health->next_check = 0;
	return 0;
}

/* ---- rounds */

static void on_retry(struct devbus *bus, void *userdata)
{
	struct health *health = userdata;
	(void)bus;
	health->retry = NULL;
	begin_round(health);
}

static void wait_for_retry(struct health *health)
{
	if (strcmp(health->told, health->reason) != 0) {
		memcpy(health->told, health->reason, sizeof(health->told));
		health->host->tell(health->host->userdata, health->reason);
	}
	if (!health->retry && devbus_after(health->host->bus, health->settings->health_retry_s * 1000,
				      on_retry, health, &health->retry) < 0)
		devbus_log(DEVBUS_LOG_ERROR, "timer: out of memory");
}

static void begin_round(struct health *health)
{
	if (!peers_are_well(health)) {
		wait_for_retry(health);
		return;
	}
	devbus_timer_stop(health->retry);
	health->retry = NULL;
	int r = list_checks(health);
	if (r == 0) {
		next_check(health);
		return;
	}
	snprintf(health->reason, sizeof(health->reason), "%.200s: %s", health->settings->health_dir,
		strerror(-r));
	wait_for_retry(health);
}

int health_start(const struct firmware_settings *settings, uint32_t timeout_ms,
	const struct health_host *host, struct health **ret_health)
{
	struct health *health = calloc(1, sizeof(*health));
	if (!health)
		return -ENOMEM;
	health->settings = settings;
	health->host = host;
	snprintf(health->reason, sizeof(health->reason), "no service has told its status");
	int r = devbus_after(host->bus, timeout_ms, on_deadline, health, &health->deadline);
	if (r == 0)
		r = devbus_after(host->bus, 1, on_retry, health, &health->retry);
	if (r == 0)
		r = devbus_subscribe(host->bus, STATUS_FILTER, NULL, 0, on_status, health);
	if (r < 0) {
		health_free(health);
		return r;
	}
	*ret_health = health;
	return 0;
}
