// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* The service's own folder: one process at a time has it, and what is found in it is said. */
#include "bus.h"
#include <devbus/file.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum { FILE_MODE = 0600 };

static int lock_name(struct devbus *bus)
{
	char path[PATH_MAX + 8];

	snprintf(path, sizeof path, "%s/lock", bus->state_dir);
	bus->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, FILE_MODE);
	if (bus->lock_fd < 0)
		return -errno;
	if (flock(bus->lock_fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno != EWOULDBLOCK)
		return -errno;
	log_error("a service named %s runs already (%s is locked)", bus->name, path);
	return -EADDRINUSE;
}

static int open_store(struct devbus *bus, struct store_report *ret_report)
{
	char path[PATH_MAX + 16];
	int r;

	snprintf(path, sizeof path, "%s/devbus.db", bus->state_dir);
	r = store_open(path, &bus->store, ret_report);
	if (r == -EPROTONOSUPPORT)
		log_error(
			"%s has schema %d, written by a newer devbus; this one knows up to %d: install the newer "
			"one again, or move the file away and lose what is in it",
			path, ret_report->schema, STORE_SCHEMA);
	else if (r < 0)
		log_error("cannot open %s: %s", path, strerror(-r));
	else if (ret_report->damaged)
		log_error(
			"%s was damaged and is %s.damaged-%d now; %zu events and %zu commands could be read and are "
			"kept, others may be lost: a new stream begins",
			path, path, ret_report->damaged, ret_report->events, ret_report->commands);
	return r;
}

/* Until the next start: what was lost stays lost, and somebody should look why. */
static int tell_damage(struct devbus *bus, const struct store_report *report)
{
	char reason[BUS_REASON_SIZE];

	if (!report->damaged)
		return 0;
	snprintf(reason, sizeof reason,
		"devbus.db was damaged: %zu events and %zu commands are kept, others may be lost",
		report->events, report->commands);
	return status_problem(bus, STATUS_DAMAGE, reason);
}

int state_open(struct devbus *bus)
{
	struct store_report report = { 0 };
	int r;

	if (snprintf(bus->state_dir, sizeof bus->state_dir, "%s/%s", bus->settings.state_dir, bus->name) >=
		(int)sizeof bus->state_dir)
		return -ENAMETOOLONG;
	r = devbus_folder(AT_FDCWD, bus->state_dir);
	if (r < 0) {
		log_error("cannot make the folder %s: %s (setting state_dir)", bus->state_dir, strerror(-r));
		return r;
	}
	close(r);
	r = lock_name(bus);
	if (r < 0 && r != -EADDRINUSE)
		log_error("cannot lock %s/lock: %s", bus->state_dir, strerror(-r));
	if (r == 0)
		r = open_store(bus, &report);
	return r < 0 ? r : tell_damage(bus, &report);
}
