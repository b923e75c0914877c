// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * A table says what each state does; enter() is the only way from one to the next. What fails before the target could boot fails at once; from then on it is
 * undone first, by the state rolling-back. A state that cannot be written is not acted on: it is tried again until the disk takes it.
 */
#include "machine-internal.h"
#include "reason.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define RETRY_MS 2000
#define ROLL_BACK_WRITES 4 /* beyond the limit: a loop is to be left in the old system */
#define TEST_BOOTS_MAX 3 /* of a target that reboots before its checks have ended */

/* ---- from state to state */

static void drop_result(struct machine *machine, const struct devbus_error *error)
{
	(void)machine, (void)error;
}

/* Whatever goes on belongs to the state before. A job that nobody waits for any more (a look, or that of a cancelled update) is dropped. */
static int stop_activities(struct machine *machine, struct devbus_error *ret_error)
{
	devbus_timer_stop(machine->timer);
	machine->timer = NULL;
	machine_stop_download(machine);
	health_free(machine->health);
	machine->health = NULL;
	restart_free(machine->restart);
	machine->restart = NULL;
	if (!machine->then)
		return 0;
	machine->then = drop_result;
	return machine_open_backend(machine, ret_error);
}

void machine_after(struct machine *machine, uint32_t delay_ms, devbus_timer_handler *handler)
{
	int r = devbus_after(machine->host->bus, delay_ms, handler, machine, &machine->timer);
	if (r < 0)
		machine->host->trouble(
			machine->host->userdata, "no timer: the update stands still until a restart");
}

static void on_later(struct devbus *bus, void *userdata)
{
	struct machine *machine = userdata;
	(void)bus;
	machine->timer = NULL;
	machine_enter(machine, machine->next);
}

static void try_later(struct machine *machine, const char *message)
{
	machine->host->trouble(machine->host->userdata, message);
	machine->unwritten = true;
	machine_after(machine, RETRY_MS, on_later);
}

/* Against loops: a state too many ends the update, in the old system if it can be had. */
static enum state break_loop(struct machine *machine, enum state state)
{
	uint32_t limit = machine->settings->state_writes_max;
	if (!state_is_active(state) || machine->record.writes < limit)
		return state;
	if (!*machine->record.error_code)
		record_set_error(&machine->record, "state-loop", "it went through %" PRIu32 " states", limit);
	if (machine->record.writes < limit + ROLL_BACK_WRITES && machine_state(machine) >= STATE_INSTALLED)
		return STATE_ROLLING_BACK;
	return STATE_FAILED;
}

void machine_enter(struct machine *machine, enum state state)
{
	struct devbus_error error;
	machine->next = state;
	if (stop_activities(machine, &error) < 0) {
		try_later(machine, error.message);
		return;
	}
	machine->next = state = break_loop(machine, state);
	if (state >= STATE_SUCCEEDED)
		download_drop(machine->download_fd); /* it may be what fills the disk */
	int r = record_save(machine->state_fd, &machine->record, state, machine->boot_id);
	if (r < 0) {
		char message[128];
		snprintf(message, sizeof(message), "state.json cannot be written: %s", strerror(-r));
		machine->record.writes--;
		try_later(machine, message);
		return;
	}
	if (machine->unwritten)
		machine->host->trouble(machine->host->userdata, NULL);
	machine->unwritten = false;
	machine->progress = (struct progress) { 0 };
	machine_act(machine);
}

void machine_fail(struct machine *machine, const char *code, const char *format, ...)
{
	char message[sizeof(machine->record.error_message)];
	va_list args;
	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	record_set_error(&machine->record, code, "%s", message);
	enum state state = machine_state(machine);
	/* A failed installation too may have changed what boots next: RAUC does that in the same breath. */
	machine_enter(machine,
		state < STATE_INSTALLING || state == STATE_ROLLING_BACK ? STATE_FAILED : STATE_ROLLING_BACK);
}

/* ---- jobs of the backend */

static void on_job(void *userdata, const struct devbus_error *error)
{
	struct machine *machine = userdata;
	machine_job_done *then = machine->then;
	machine->then = NULL;
	then(machine, error);
}

static void on_job_progress(void *userdata, int percent, const char *message)
{
	machine_tell(userdata, &(struct machine_progress) { .percent = percent, .message = message });
}

/* What was seen stays known: nothing has changed by being asked again. */
int machine_open_backend(struct machine *machine, struct devbus_error *ret_error)
{
	struct backend *fresh = NULL;
	machine->backend_host =
		(struct backend_host) { machine->host->bus, on_job_progress, on_job, machine };
	int r = backend_open(machine->settings, &machine->backend_host, &fresh, ret_error);
	if (r < 0)
		return r;
	if (machine->backend)
		fresh->view = machine->backend->view;
	backend_free(machine->backend);
	machine->backend = fresh;
	machine->then = NULL;
	return 0;
}

void machine_look(struct machine *machine, machine_job_done *then)
{
	machine->then = then;
	machine->backend->kind->look(machine->backend);
}

void machine_looked(struct machine *machine, const struct devbus_error *error)
{
	machine->host->trouble(machine->host->userdata, error ? error->message : NULL);
}

void machine_tell(struct machine *machine, const struct machine_progress *progress)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	int64_t now_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
	if (progress_due(&machine->progress, progress->percent, now_ms))
		machine->host->tell(machine->host->userdata, progress);
}

/* ---- what the states do */

static void on_looked(struct machine *machine, const struct devbus_error *error)
{
	struct record *record = &machine->record;
	const struct backend_view *view = &machine->backend->view;
	struct order order;
	struct devbus_error reason;
	if (error) {
		machine_fail(machine, error->code, "%s", error->message);
		return;
	}
	snprintf(record->source, sizeof(record->source), "%s", view->booted.name);
	snprintf(record->target, sizeof(record->target), "%s", view->other.name);
	snprintf(record->from_version, sizeof(record->from_version), "%s", view->booted.version);
	record_order(record, &order);
	if (order_check_newer(&order, record->from_version, &reason) < 0)
		machine_fail(machine, reason.code, "%s", reason.message);
	else
		machine_enter(machine, STATE_DOWNLOADING);
}

static void do_accepted(struct machine *machine)
{
	machine_look(machine, on_looked);
}

/* What is signed decides; what the command says must be the same, or somebody mixed up two images. */
static int check_image(
	struct machine *machine, const struct backend_image *image, struct devbus_error *ret_error)
{
	const char *compatible = machine->settings->compatible;
	struct order order;
	record_order(&machine->record, &order);
	if (strcmp(image->version, order.version) != 0)
		return reason_set(ret_error, -EINVAL, DEVBUS_E_INCOMPATIBLE,
			"the image is version %s, ordered was %s", image->version, order.version);
	if (*compatible && *image->compatible && strcmp(image->compatible, compatible) != 0)
		return reason_set(ret_error, -EINVAL, DEVBUS_E_INCOMPATIBLE,
			"the image is for %s, this device is %s", image->compatible, compatible);
	return order_check_newer(&order, machine->record.from_version, ret_error);
}

static void on_checked(struct machine *machine, const struct devbus_error *error)
{
	struct devbus_error reason;
	const struct backend_image *image = &machine->backend->image;
	if (error)
		machine_fail(machine, error->code, "%s", error->message);
	else if (check_image(machine, image, &reason) < 0)
		machine_fail(machine, reason.code, "%s", reason.message);
	else {
		machine->record.bytes = image->bytes;
		machine_enter(machine, STATE_INSTALLING);
	}
}

static void do_verifying(struct machine *machine)
{
	machine->then = on_checked;
	machine->backend->kind->check(machine->backend, machine->image_path);
}

static void on_installed(struct machine *machine, const struct devbus_error *error)
{
	if (error)
		machine_fail(machine, error->code, "%s", error->message);
	else
		machine_enter(machine, STATE_INSTALLED);
}

static void do_installing(struct machine *machine)
{
	machine->then = on_installed;
	machine->backend->kind->install(machine->backend, machine->image_path, machine->record.target);
}

static void on_activated(struct machine *machine, const struct devbus_error *error)
{
	if (error)
		machine_fail(machine, error->code, "%s", error->message);
	else
		machine_enter(machine, STATE_REBOOTING);
}

static void do_installed(struct machine *machine)
{
	machine->then = on_activated;
	machine->backend->kind->activate(machine->backend, machine->record.target);
}

static void on_not_rebooted(void *userdata, const struct devbus_error *error)
{
	machine_fail(userdata, error->code, "%s", error->message);
}

/* The time that is left of @timeout_s since this state was entered, also by a process before this one. */
static uint32_t time_left_ms(const struct machine *machine, uint32_t timeout_s)
{
	uint64_t passed_ms = record_clock_ms() - machine->record.entered_ms,
		 all_ms = (uint64_t)timeout_s * 1000;
	return passed_ms < all_ms ? (uint32_t)(all_ms - passed_ms) : 1;
}

void machine_do_rebooting(struct machine *machine)
{
	char reason[160];
	snprintf(reason, sizeof(reason), "firmware %s from %s to %s",
		*machine->record.error_code ? "rolled back" : "update", machine->record.from_version,
		machine->record.version);
	int r = restart_start(machine->host->bus, reason,
		time_left_ms(machine, machine->settings->reboot_timeout_s), on_not_rebooted, machine,
		&machine->restart);
	if (r < 0)
		machine_fail(machine, DEVBUS_E_INTERNAL, "reboot: %s", strerror(-r));
}

static void on_health_message(void *userdata, const char *message)
{
	struct machine *machine = userdata;
	machine->progress = (struct progress) { 0 }; /* it tells what changed, and must be heard */
	machine_tell(machine, &(struct machine_progress) { .percent = -1, .message = message });
}

static void on_health(void *userdata, const struct devbus_error *error)
{
	if (error)
		machine_fail(userdata, DEVBUS_E_ROLLED_BACK, "version %s failed its checks: %s",
			machine_record(userdata)->version, error->message);
	else
		machine_enter(userdata, STATE_COMMITTING);
}

/* The other slot booting proves little if an installer said yes and wrote nothing: the old content of it boots too. */
static bool runs_another_version(const struct machine *machine)
{
	const char *version = machine->backend->view.booted.version;
	return *version && version_compare(version, machine->record.version) != 0;
}

static void do_testing(struct machine *machine)
{
	if (runs_another_version(machine)) {
		machine_fail(machine, DEVBUS_E_ROLLED_BACK,
			"slot %s has booted, but it runs version %s, not %s", machine->record.target,
			machine->backend->view.booted.version, machine->record.version);
		return;
	}
	if (machine->record.boots > TEST_BOOTS_MAX) {
		machine_fail(machine, DEVBUS_E_ROLLED_BACK,
			"version %s rebooted %d times before its checks ended", machine->record.version,
			TEST_BOOTS_MAX);
		return;
	}
	machine->health_host =
		(struct health_host) { machine->host->bus, on_health_message, on_health, machine };
	int r = health_start(machine->settings, time_left_ms(machine, machine->settings->health_timeout_s),
		&machine->health_host, &machine->health);
	if (r < 0)
		machine_fail(machine, DEVBUS_E_INTERNAL, "health checks: %s", strerror(-r));
}

static void on_marked(struct machine *machine, const struct devbus_error *error)
{
	if (error)
		machine_fail(machine, DEVBUS_E_ROLLED_BACK, "version %s cannot be marked good: %s",
			machine->record.version, error->message);
	else
		machine_enter(machine, STATE_SUCCEEDED);
}

static void do_committing(struct machine *machine)
{
	machine->then = on_marked;
	machine->backend->kind->mark_good(machine->backend, machine->record.target);
}

static void do_final(struct machine *machine)
{
	machine->host->finished(machine->host->userdata);
	machine_look(machine, machine_looked); /* a slot has another version now */
}

static void (*const actions[])(struct machine *machine) = {
	[STATE_ACCEPTED] = do_accepted,
	[STATE_DOWNLOADING] = machine_do_downloading,
	[STATE_VERIFYING] = do_verifying,
	[STATE_INSTALLING] = do_installing,
	[STATE_INSTALLED] = do_installed,
	[STATE_REBOOTING] = machine_do_rebooting,
	[STATE_TESTING] = do_testing,
	[STATE_COMMITTING] = do_committing,
	[STATE_ROLLING_BACK] = machine_do_rolling_back,
	[STATE_SUCCEEDED] = do_final,
	[STATE_FAILED] = do_final,
	[STATE_CANCELLED] = do_final,
};

void machine_act(struct machine *machine)
{
	enum state state = machine_state(machine);
	if (state_is_active(state))
		machine->host->tell(machine->host->userdata, NULL);
	actions[state](machine);
}
