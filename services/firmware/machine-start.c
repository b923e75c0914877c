// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * How the machine begins after a start of the service, of the device, or with an order, and how it ends. A start without an update in it does what every
 * boot needs, also one without an update before: a boot loader that counts attempts must be told that this one is good.
 */
#include "machine-internal.h"
#include "reason.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOOK_RETRY_MS 5000
#define GOOD_FILE "good.json"

/* ---- an update that was going on */

/* Somebody was told that it failed: then it must have. */
static enum state undo(struct machine *machine, enum state next)
{
	enum state state = machine_state(machine);
	bool local = !*machine->record.id;
	if (machine->expected || !state_is_active(next) || (local && state >= STATE_INSTALLING))
		return next;
	if (!*machine->record.error_code)
		record_set_error(
			&machine->record, DEVBUS_E_INTERRUPTED, "nobody waits for this update any more");
	return state < STATE_INSTALLED && next != STATE_TESTING ? STATE_FAILED : STATE_ROLLING_BACK;
}

static void go_on(struct machine *machine)
{
	enum state state = machine_state(machine), next;
	bool same_boot = strcmp(machine->record.boot_id, machine->boot_id) == 0;
	next = record_resume(&machine->record, machine->boot_id, machine->backend->view.booted.name);
	if (next == STATE_TESTING && !same_boot)
		machine->record.boots++;
	next = undo(machine, next);
	devbus_log(DEVBUS_LOG_INFO, "update to %s: %s before, %s now", machine->record.version,
		state_name(state), state_name(next));
	if (next == state && same_boot)
		machine_act(machine); /* it is written, and its time runs since then */
	else
		machine_enter(machine, next);
}

static void look_again(struct devbus *bus, void *userdata);

static void on_first_look(struct machine *machine, const struct devbus_error *error)
{
	uint64_t waited_ms = record_clock_ms() - machine->started_ms;
	if (!error) {
		machine->host->trouble(machine->host->userdata, NULL);
		go_on(machine);
	} else if (waited_ms > (uint64_t)machine->settings->health_timeout_s * 1000) {
		machine_fail(machine, error->code, "it is not known which slot runs: %s", error->message);
	} else {
		machine->host->trouble(machine->host->userdata, error->message);
		machine_after(machine, LOOK_RETRY_MS, look_again);
	}
}

static void look_again(struct devbus *bus, void *userdata)
{
	struct machine *machine = userdata;
	(void)bus;
	machine->timer = NULL;
	machine_look(machine, on_first_look);
}

/* ---- a boot without an update */

struct good {
	char boot_id[DEVBUS_BOOT_ID_SIZE]; /* that was marked good */
};

static const struct devbus_field good_fields[] = {
	DEVBUS_FIELD(struct good, boot_id, .flags = DEVBUS_REQUIRED),
	{ 0 },
};

static void on_boot_marked(struct machine *machine, const struct devbus_error *error)
{
	struct good good;
	machine->host->trouble(machine->host->userdata, error ? error->message : NULL);
	if (error)
		return;
	snprintf(good.boot_id, sizeof(good.boot_id), "%s", machine->boot_id);
	int r = devbus_file_save(machine->state_fd, GOOD_FILE, good_fields, &good);
	if (r < 0)
		devbus_log(DEVBUS_LOG_WARNING, GOOD_FILE ": %s", strerror(-r));
}

static void on_boot_health(void *userdata, const struct devbus_error *error)
{
	struct machine *machine = userdata;
	char message[320];
	health_free(machine->health);
	machine->health = NULL;
	if (error) {
		snprintf(message, sizeof(message), "this boot is not marked good: %s", error->message);
		machine->host->trouble(machine->host->userdata, message);
		return;
	}
	machine->then = on_boot_marked;
	machine->backend->kind->mark_good(machine->backend, machine->backend->view.booted.name);
}

static void ignore_message(void *userdata, const char *message)
{
	(void)userdata, (void)message;
}

static void check_boot(struct machine *machine)
{
	struct good good = { "" };
	devbus_file_load(machine->state_fd, GOOD_FILE, good_fields, &good);
	if (strcmp(good.boot_id, machine->boot_id) == 0)
		return;
	machine->health_host =
		(struct health_host) { machine->host->bus, ignore_message, on_boot_health, machine };
	int r = health_start(machine->settings, machine->settings->health_timeout_s * 1000,
		&machine->health_host, &machine->health);
	if (r < 0)
		devbus_log(DEVBUS_LOG_ERROR, "health checks: %s", strerror(-r));
}

static void on_idle_look(struct machine *machine, const struct devbus_error *error)
{
	machine_looked(machine, error);
	if (!error)
		check_boot(machine);
}

void machine_start(struct machine *machine, bool expected)
{
	machine->expected = expected;
	machine->started_ms = record_clock_ms();
	machine_look(machine, state_is_active(machine_state(machine)) ? on_first_look : on_idle_look);
}

/* ---- orders */

void machine_order(struct machine *machine, const struct order *order, const char *id)
{
	machine->expected = true;
	record_begin(&machine->record, order, id);
	machine_enter(machine, STATE_ACCEPTED);
}

void machine_cancel(struct machine *machine)
{
	record_set_error(&machine->record, DEVBUS_E_CANCELLED, "cancelled on request");
	machine_enter(machine, STATE_CANCELLED);
}

/* ---- open and close */

/* A damaged record is no reason to refuse work: the backend tells what runs. */
static int load_record(struct machine *machine)
{
	int r = record_load(machine->state_fd, &machine->record);
	if (r == -EBADMSG) {
		devbus_log(DEVBUS_LOG_ERROR, "state.json is damaged or of another version: passed over");
		snprintf(machine->record.state, sizeof(machine->record.state), "%s", state_name(STATE_IDLE));
		r = 0;
	}
	return r;
}

static int open_folders(struct machine *machine, struct devbus_error *ret_error)
{
	const char *chosen = machine->settings->download_dir,
		   *state_dir = devbus_state_dir(machine->host->bus);
	char folder[PATH_MAX - sizeof(DOWNLOAD_NAME)];
	int n = *chosen ? snprintf(folder, sizeof(folder), "%s", chosen)
			: snprintf(folder, sizeof(folder), "%s/download", state_dir);
	if (n >= (int)sizeof(folder))
		return reason_set(ret_error, -ENAMETOOLONG, DEVBUS_E_IO_ERROR, "download_dir is too long");
	machine->state_fd = devbus_folder(AT_FDCWD, state_dir);
	machine->download_fd = devbus_folder(AT_FDCWD, folder);
	snprintf(machine->image_path, sizeof(machine->image_path), "%s/%s", folder, DOWNLOAD_NAME);
	int r = machine->state_fd < 0      ? machine->state_fd
		: machine->download_fd < 0 ? machine->download_fd
					   : 0;
	return r < 0 ? reason_errno(ret_error, r, machine->state_fd < 0 ? state_dir : folder) : 0;
}

static int open_all(struct machine *machine, struct devbus_error *ret_error)
{
	const char *boot_id_file = machine->settings->boot_id_file;
	int r = open_folders(machine, ret_error);
	if (r < 0)
		return r;
	if ((r = devbus_boot_id(boot_id_file, machine->boot_id)) < 0)
		return reason_errno(ret_error, r, boot_id_file);
	if ((r = load_record(machine)) < 0)
		return reason_errno(ret_error, r, "state.json");
	return machine_open_backend(machine, ret_error);
}

int machine_new(const struct firmware_settings *settings, const struct machine_host *host,
	struct machine **ret_machine, struct devbus_error *ret_error)
{
	struct machine *machine = calloc(1, sizeof(*machine));
	if (!machine)
		return reason_set(ret_error, -ENOMEM, DEVBUS_E_INTERNAL, "out of memory");
	machine->settings = settings;
	machine->host = host;
	machine->state_fd = machine->download_fd = -1;
	int r = open_all(machine, ret_error);
	if (r < 0) {
		machine_free(machine);
		return r;
	}
	if (!state_is_active(machine_state(machine)))
		download_drop(machine->download_fd);
	*ret_machine = machine;
	return 0;
}

void machine_free(struct machine *machine)
{
	if (!machine)
		return;
	machine_stop_download(machine);
	health_free(machine->health);
	restart_free(machine->restart);
	devbus_timer_stop(machine->timer);
	backend_free(machine->backend);
	if (machine->state_fd >= 0)
		close(machine->state_fd);
	if (machine->download_fd >= 0)
		close(machine->download_fd);
	free(machine);
}

/* ---- what is known */

const struct record *machine_record(const struct machine *machine)
{
	return &machine->record;
}

enum state machine_state(const struct machine *machine)
{
	return record_state(&machine->record);
}

const struct backend_view *machine_view(const struct machine *machine)
{
	return &machine->backend->view;
}

struct order_rules machine_rules(const struct machine *machine)
{
	const struct firmware_settings *settings = machine->settings;
	return (struct order_rules) { settings->protocols, settings->max_size_bytes,
		machine->backend->view.booted.version };
}
