// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * RAUC as the installer, over its D-Bus interface as of 1.8 (Debian 12): https://rauc.readthedocs.io, "D-Bus API".
 *
 * RAUC verifies the signature and whether the bundle is for this device; the order of versions is not its business, it is ours. What
 * cannot be relied upon, and what is done instead:
 *
 *	its slot status keeps "ok" and the old version after a crash in the middle	the version that runs is read from the running system
 *	when it dies it sends no Completed						its name on D-Bus goes away
 *	a second installation is refused with an error without a code of its own	Operation is read first, and waited for
 *	Completed(0) says that all went well, not that the slot will boot		GetPrimary must name the slot
 */
#include "backend.h"
#include "error.h"
#include "os-release.h"
#include "rauc-client.h"
#include "rauc-slots.h"

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
	bool at_work; /* a job is under way */
	bool installing; /* RAUC was told to install: Completed, or the end of RAUC, follows */
	char path[PATH_MAX], slot[SLOT_SIZE]; /* of `install` */
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
	rauc->at_work = rauc->installing = false;
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

/* RAUC's errors are sentences; these of them mean something for the one who sent the update. */
static const struct {
	const char *words, *code;
} meanings[] = {
	{ "signature", DEVBUS_E_SIGNATURE },
	{ "certificate", DEVBUS_E_SIGNATURE },
	{ "Compatible mismatch", DEVBUS_E_INCOMPATIBLE },
	{ "No space left", DEVBUS_E_NO_SPACE },
	{ "checksum", DEVBUS_E_CHECKSUM },
	{ "Bundle rejected", DEVBUS_E_REFUSED },
};

static const char *code_of(const char *sentence)
{
	for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++)
		if (strstr(sentence, meanings[i].words))
			return meanings[i].code;
	return DEVBUS_E_IO_ERROR;
}

/* Whether @answer is an error; the job has then failed. */
static bool failed(struct rauc *rauc, sd_bus_message *answer, const char *what)
{
	const sd_bus_error *error = sd_bus_message_get_error(answer);
	if (!error)
		return false;
	const char *why = error->message ? error->message : error->name;
	fail(rauc, code_of(why), what, why);
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

static void get(struct rauc *rauc, rauc_client_handler *handler, const char *property)
{
	check_asked(rauc, rauc_client_get(rauc->client, handler, property), property);
}

static void start_timer(struct rauc *rauc, uint32_t delay_ms, devbus_timer_handler *handler)
{
	devbus_timer_stop(rauc->timer);
	rauc->timer = NULL;
	int r = devbus_after(rauc->base.host->bus, delay_ms, handler, rauc, &rauc->timer);
	if (r < 0)
		fail(rauc, DEVBUS_E_INTERNAL, "timer", strerror(-r));
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

/* ---- install: wait until RAUC is free, begin, wait for Completed, see that the slot is the one that boots next */

static void see_whether_free(struct rauc *rauc);

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
		fail(rauc, code_of(why), "RAUC", *why ? why : "the installation failed");
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
		get(rauc, on_last_error, "LastError");
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
	const sd_bus_error *error = sd_bus_message_get_error(answer);
	if (!error)
		return;
	rauc->installing = false;
	/* Somebody was faster: as of 1.8 the error has no name to know it by. */
	if (error->message && strstr(error->message, "Already processing"))
		see_whether_free(rauc);
	else
		failed(rauc, answer, "InstallBundle");
}

static void begin(struct rauc *rauc)
{
	rauc->installing = true; /* Completed may come before the answer */
	start_timer(rauc, rauc->settings->install_timeout_s * UINT32_C(1000), on_late);
	if (rauc->installing)
		ASK(rauc, on_begun, "InstallBundle", "sa{sv}", rauc->path, 0);
}

static void on_poll(struct devbus *bus, void *userdata)
{
	struct rauc *rauc = userdata;
	(void)bus;
	rauc->timer = NULL;
	see_whether_free(rauc);
}

static void on_operation(void *userdata, sd_bus_message *answer)
{
	struct rauc *rauc = userdata;
	const char *operation;
	if (failed(rauc, answer, "Operation"))
		return;
	if (sd_bus_message_read(answer, "v", "s", &operation) < 0) {
		misunderstood(rauc, "Operation");
	} else if (strcmp(operation, "idle") == 0) {
		begin(rauc);
	} else if (rauc->polls_left == 0) {
		fail(rauc, DEVBUS_E_BUSY, "RAUC is busy with another installation", operation);
	} else {
		rauc->polls_left--;
		rauc->base.host->progress(
			rauc->base.host->userdata, -1, "waiting for another installation to end");
		start_timer(rauc, POLL_MS, on_poll);
	}
}

static void see_whether_free(struct rauc *rauc)
{
	get(rauc, on_operation, "Operation");
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
	bool at_work = connection_lost ? rauc->at_work : rauc->installing;
	if (at_work)
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

/* Whether the job can begin; if not, it has failed. */
static bool begin_job(struct backend *backend)
{
	struct rauc *rauc = self(backend);
	int r = 0;
	if (!rauc->client)
		r = rauc_client_open(backend->host->bus, &client_events, rauc, &rauc->client);
	rauc->at_work = true;
	if (r < 0)
		fail(rauc, DEVBUS_E_IO_ERROR, "the system's D-Bus", strerror(-r));
	return r == 0;
}

/* ---- the jobs */

static void rauc_look(struct backend *backend)
{
	if (begin_job(backend))
		ASK(self(backend), on_slots, "GetSlotStatus", NULL);
}

static void rauc_check(struct backend *backend, const char *path)
{
	if (begin_job(backend))
		ASK(self(backend), on_info, "Info", "s", path);
}

static void rauc_install(struct backend *backend, const char *path, const char *slot)
{
	struct rauc *rauc = self(backend);
	if (!begin_job(backend))
		return;
	snprintf(rauc->path, sizeof(rauc->path), "%s", path);
	snprintf(rauc->slot, sizeof(rauc->slot), "%s", slot);
	rauc->polls_left = rauc->settings->install_timeout_s * UINT32_C(1000) / POLL_MS;
	see_whether_free(rauc);
}

static void rauc_activate(struct backend *backend, const char *slot)
{
	if (begin_job(backend))
		ASK(self(backend), on_marked, "Mark", "ss", "active", slot);
}

static void rauc_mark_good(struct backend *backend, const char *slot)
{
	if (begin_job(backend))
		ASK(self(backend), on_marked, "Mark", "ss", "good", slot);
}

static void rauc_mark_bad(struct backend *backend, const char *slot)
{
	if (begin_job(backend))
		ASK(self(backend), on_marked, "Mark", "ss", "bad", slot);
}

static int rauc_open(const struct firmware_settings *settings, const struct backend_host *host,
	struct backend **ret_backend, struct devbus_error *ret_error)
{
	struct rauc *rauc = calloc(1, sizeof(*rauc));
	if (!rauc)
		return error_set(ret_error, -ENOMEM, DEVBUS_E_INTERNAL, "out of memory");
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
