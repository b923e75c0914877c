// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * RAUC as the installer, over its D-Bus interface as of 1.8 (Debian 12): https://rauc.readthedocs.io, "D-Bus API".
 *
 * RAUC verifies the signature and whether the bundle is for this device; the order of versions is not its business, it is ours. What
 * cannot be relied upon, and what is done instead:
 *
 *	its slot status keeps "ok" and the old version after a crash in the middle	the version that runs is read from the running system
 *	when it dies it sends no Completed						its name on D-Bus goes away
 *	while it installs it refuses whatever it is asked, with an error without a code	each job waits until Operation is idle
 *	Completed(0) says that all went well, not that the slot will boot		GetPrimary must name the slot
 */
#include "backend.h"
#include "os-release.h"
#include "rauc-client.h"
#include "rauc-slots.h"
#include "reason.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POLL_MS 1000 /* between two looks whether RAUC is free */

struct rauc {
	struct backend base;
	const struct firmware_settings *settings;
	struct rauc_client *client; /* NULL: not connected */
	struct devbus_timer *timer; /* of the job */
	uint32_t polls_left; /* for RAUC to be free */
	void (*job)(struct rauc *rauc); /* begins it, once RAUC is free; NULL: none */
	bool installing; /* RAUC was told to install: Completed, or the end of RAUC, follows */
	char path[PATH_MAX], slot[SLOT_SIZE]; /* of the job */
	const char *mark;
};

static struct rauc *self(struct backend *backend)
{
	return (struct rauc *)backend;
}

/* ---- the end of a job */

static void clean(struct rauc *rauc)
{
	rauc_client_forget(rauc->client);
	devbus_timer_stop(rauc->timer);
	rauc->timer = NULL;
	rauc->job = NULL;
	rauc->installing = false;
}

static void succeed(struct rauc *rauc)
{
	clean(rauc);
	backend_finish(&rauc->base, NULL, NULL);
}

static void fail(struct rauc *rauc, const char *code, const char *what, const char *why)
{
	clean(rauc);
	backend_finish(&rauc->base, code, "%s: %s", what, why);
}

static void wait_until_free(struct rauc *rauc);

/* Whether @answer is an error; the job has then failed, or waits. */
static bool failed(struct rauc *rauc, sd_bus_message *answer, const char *what)
{
	const sd_bus_error *error = sd_bus_message_get_error(answer);
	if (!error)
		return false;
	const char *why = error->message ? error->message : error->name;
	if (rauc_says_busy(why))
		wait_until_free(rauc);
	else
		fail(rauc, rauc_error_code(why), what, why);
	return true;
}

static void misunderstood(struct rauc *rauc, const char *what)
{
	fail(rauc, DEVBUS_E_IO_ERROR, what, "RAUC's answer is not that of its interface");
}

/* The question was asked, or could not be. */
static void check_asked(struct rauc *rauc, int r, const char *what)
{
	if (r < 0)
		fail(rauc, DEVBUS_E_IO_ERROR, what, strerror(-r));
}

#define ASK(rauc, handler, method, ...)                                                                      \
	check_asked((rauc), rauc_client_call((rauc)->client, (handler), (method), __VA_ARGS__), (method))

#define GET(rauc, handler, property)                                                                         \
	check_asked((rauc), rauc_client_get((rauc)->client, (handler), (property)), (property))

static void start_timer(struct rauc *rauc, uint32_t delay_ms, devbus_timer_handler *handler)
{
	devbus_timer_stop(rauc->timer);
	rauc->timer = NULL;
	int r = devbus_after(rauc->base.host->bus, delay_ms, handler, rauc, &rauc->timer);
	if (r < 0)
		fail(rauc, DEVBUS_E_INTERNAL, "timer", strerror(-r));
}

/* ---- RAUC does one thing at a time, and others use it too */

static void see_whether_free(struct rauc *rauc);

static void on_poll(struct devbus *bus, void *userdata)
{
	struct rauc *rauc = userdata;
	(void)bus;
	rauc->timer = NULL;
	see_whether_free(rauc);
}

static void wait_until_free(struct rauc *rauc)
{
	if (rauc->polls_left == 0) {
		fail(rauc, DEVBUS_E_BUSY, "RAUC", "it is busy with another installation");
		return;
	}
	rauc->polls_left--;
	rauc->base.host->progress(rauc->base.host->userdata, -1, "waiting for another installation to end");
	start_timer(rauc, POLL_MS, on_poll);
}

static void on_operation(void *userdata, sd_bus_message *answer)
{
	struct rauc *rauc = userdata;
	const char *operation;
	if (failed(rauc, answer, "Operation"))
		return;
	if (sd_bus_message_read(answer, "v", "s", &operation) < 0)
		misunderstood(rauc, "Operation");
	else if (strcmp(operation, "idle") == 0)
		rauc->job(rauc);
	else
		wait_until_free(rauc);
}

static void see_whether_free(struct rauc *rauc)
{
	GET(rauc, on_operation, "Operation");
}

/* ---- look */

static void on_slots(void *userdata, sd_bus_message *answer)
{
	struct rauc *rauc = userdata;
	struct backend_view view;
	if (failed(rauc, answer, "GetSlotStatus"))
		return;
	if (rauc_read_slots(answer, &view) < 0) {
		misunderstood(rauc, "GetSlotStatus");
	} else if (!*view.booted.name || !*view.other.name) {
		fail(rauc, DEVBUS_E_IO_ERROR, "GetSlotStatus",
			"RAUC knows no two slots with a bootname, one of them booted; see its system.conf");
	} else {
		os_release_version(rauc->settings->os_release, view.booted.version);
		rauc->base.view = view;
		succeed(rauc);
	}
}

/* ---- check: RAUC verifies the signature before it says anything of a bundle */

static void on_info(void *userdata, sd_bus_message *answer)
{
	struct rauc *rauc = userdata;
	struct backend_image image = { 0 };
	const sd_bus_error *error = sd_bus_message_get_error(answer);
	const char *compatible, *version;
	/* RAUC 1.8 says no more than "rauc info error": what it cannot open is damaged, or signed by somebody else. */
	if (error)
		fail(rauc, DEVBUS_E_SIGNATURE, "the bundle is damaged or not signed by a key of this device",
			error->message ? error->message : error->name);
	else if (sd_bus_message_read(answer, "ss", &compatible, &version) < 0)
		misunderstood(rauc, "Info");
	else if (!version_valid(version))
		fail(rauc, DEVBUS_E_INCOMPATIBLE, "what the bundle's manifest gives as version is none",
			version);
	else {
		snprintf(image.version, sizeof(image.version), "%s", version);
		snprintf(image.compatible, sizeof(image.compatible), "%s", compatible);
		rauc->base.image = image;
		succeed(rauc);
	}
}

/* ---- install: begin, wait for Completed, see that the slot is the one that boots next */

static void on_primary(void *userdata, sd_bus_message *answer)
{
	struct rauc *rauc = userdata;
	const char *primary;
	if (failed(rauc, answer, "GetPrimary"))
		return;
	if (sd_bus_message_read(answer, "s", &primary) < 0)
		misunderstood(rauc, "GetPrimary");
	else if (strcmp(primary, rauc->slot) != 0)
		fail(rauc, DEVBUS_E_IO_ERROR, "after the installation another slot boots next", primary);
	else
		succeed(rauc);
}

static void on_last_error(void *userdata, sd_bus_message *answer)
{
	struct rauc *rauc = userdata;
	const char *why;
	if (failed(rauc, answer, "LastError"))
		return;
	if (sd_bus_message_read(answer, "v", "s", &why) < 0)
		misunderstood(rauc, "LastError");
	else
		fail(rauc, rauc_error_code(why), "RAUC", *why ? why : "the installation failed");
}

static void on_completed(void *userdata, int result)
{
	struct rauc *rauc = userdata;
	if (!rauc->installing)
		return;
	rauc->installing = false;
	if (result == 0)
		ASK(rauc, on_primary, "GetPrimary", NULL);
	else
		GET(rauc, on_last_error, "LastError");
}

static void on_late(struct devbus *bus, void *userdata)
{
	struct rauc *rauc = userdata;
	(void)bus;
	rauc->timer = NULL;
	fail(rauc, DEVBUS_E_TIMEOUT, "RAUC", "the installation takes longer than install_timeout_s");
}

static void on_begun(void *userdata, sd_bus_message *answer)
{
	struct rauc *rauc = userdata;
	if (!sd_bus_message_get_error(answer))
		return;
	rauc->installing = false;
	failed(rauc, answer, "InstallBundle");
}

static void begin_install(struct rauc *rauc)
{
	rauc->installing = true; /* Completed may come before the answer */
	start_timer(rauc, rauc->settings->install_timeout_s * UINT32_C(1000), on_late);
	if (rauc->installing)
		ASK(rauc, on_begun, "InstallBundle", "sa{sv}", rauc->path, 0);
}

/* ---- marks */

static void on_marked(void *userdata, sd_bus_message *answer)
{
	struct rauc *rauc = userdata;
	if (!failed(rauc, answer, "Mark"))
		succeed(rauc);
}

/* ---- the connection */

static void on_progress(void *userdata, int percent, const char *step)
{
	struct rauc *rauc = userdata;
	if (rauc->installing)
		rauc->base.host->progress(rauc->base.host->userdata, percent, step);
}

static void on_gone(void *userdata, bool connection_lost, const char *why)
{
	struct rauc *rauc = userdata;
	if (rauc->job && (connection_lost || rauc->installing))
		fail(rauc, DEVBUS_E_IO_ERROR,
			rauc->installing
				? "in the middle of the installation; the slot that runs is untouched"
				: "D-Bus",
			why);
	if (connection_lost) {
		rauc_client_free(rauc->client);
		rauc->client = NULL;
	}
}

static const struct rauc_client_events client_events = {
	.progress = on_progress,
	.completed = on_completed,
	.gone = on_gone,
};

static void start_job(struct backend *backend, void (*job)(struct rauc *rauc))
{
	struct rauc *rauc = self(backend);
	int r = rauc->client ? 0 : rauc_client_open(backend->host->bus, &client_events, rauc, &rauc->client);
	rauc->job = job;
	rauc->polls_left = rauc->settings->install_timeout_s * UINT32_C(1000) / POLL_MS;
	if (r < 0)
		fail(rauc, DEVBUS_E_IO_ERROR, "the system's D-Bus", strerror(-r));
	else
		see_whether_free(rauc);
}

/* ---- the jobs */

static void begin_look(struct rauc *rauc)
{
	ASK(rauc, on_slots, "GetSlotStatus", NULL);
}

static void begin_check(struct rauc *rauc)
{
	ASK(rauc, on_info, "Info", "s", rauc->path);
}

static void begin_mark(struct rauc *rauc)
{
	ASK(rauc, on_marked, "Mark", "ss", rauc->mark, rauc->slot);
}

static void rauc_look(struct backend *backend)
{
	start_job(backend, begin_look);
}

static void rauc_check(struct backend *backend, const char *path)
{
	snprintf(self(backend)->path, sizeof(self(backend)->path), "%s", path);
	start_job(backend, begin_check);
}

static void rauc_install(struct backend *backend, const char *path, const char *slot)
{
	snprintf(self(backend)->path, sizeof(self(backend)->path), "%s", path);
	snprintf(self(backend)->slot, sizeof(self(backend)->slot), "%s", slot);
	start_job(backend, begin_install);
}

static void mark(struct backend *backend, const char *state, const char *slot)
{
	self(backend)->mark = state;
	snprintf(self(backend)->slot, sizeof(self(backend)->slot), "%s", slot);
	start_job(backend, begin_mark);
}

static void rauc_activate(struct backend *backend, const char *slot)
{
	mark(backend, "active", slot);
}

static void rauc_mark_good(struct backend *backend, const char *slot)
{
	mark(backend, "good", slot);
}

static void rauc_mark_bad(struct backend *backend, const char *slot)
{
	mark(backend, "bad", slot);
}

static int rauc_open(const struct firmware_settings *settings, const struct backend_host *host,
	struct backend **ret_backend, struct devbus_error *ret_error)
{
	struct rauc *rauc = calloc(1, sizeof(*rauc));
	if (!rauc)
		return reason_set(ret_error, -ENOMEM, DEVBUS_E_INTERNAL, "out of memory");
	backend_init(&rauc->base, &backend_rauc, host);
	rauc->settings = settings;
	*ret_backend = &rauc->base;
	return 0;
}

static void rauc_free(struct backend *backend)
{
	struct rauc *rauc = self(backend);
	clean(rauc);
	rauc_client_free(rauc->client);
	free(rauc);
}

const struct backend_kind backend_rauc = {
	.name = "rauc",
	.open = rauc_open,
	.free = rauc_free,
	.look = rauc_look,
	.check = rauc_check,
	.install = rauc_install,
	.activate = rauc_activate,
	.mark_good = rauc_mark_good,
	.mark_bad = rauc_mark_bad,
};
