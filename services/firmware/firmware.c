// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * The wiring: methods of the bus on one side, the machine on the other. Whether a request may run is
 * decided in `admit`, so that what cannot run is "rejected" and not "failed".
 */
#include "firmware.h"
#include "report.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct firmware {
	struct devbus *bus;
	struct firmware_settings settings;
	char user_agent[64];
	struct machine_host host;
	struct machine *machine;
	struct devbus_request *request; /* of the running update; NULL: nobody waits for it */
	struct progress_state shown; /* as last published */
};

/* ---- what the machine tells */

/* A local call cannot be answered after the reboot, so it is answered before. */
static void answer_local(struct firmware *firmware)
{
	struct devbus_request *request = firmware->request;
	if (!request || devbus_request_id(request) || machine_state(firmware->machine) != STATE_INSTALLED)
		return;
	firmware->request = NULL;
	report_answer(request, machine_record(firmware->machine));
}

static void tell(void *userdata, const struct machine_progress *progress)
{
	struct firmware *firmware = userdata;
	const struct record *record = machine_record(firmware->machine);
	const char *step = record->state;
	report_progress(firmware->bus, &firmware->shown, record, progress);
	if (!progress)
		devbus_log(DEVBUS_LOG_INFO, "update to %s: %s", record->version, step);
	answer_local(firmware);
	if (!firmware->request || (!progress && machine_state(firmware->machine) == STATE_ACCEPTED))
		return; /* of the latter the library has told */
	if (!progress)
		devbus_progress(firmware->request, -1, step, "version %s", record->version);
	else if (progress->message)
		devbus_progress(firmware->request, progress->percent, step, "%s", progress->message);
	else
		devbus_progress(firmware->request, progress->percent, step,
			"%" PRIu64 " of %" PRIu64 " bytes", progress->bytes, progress->size);
}

static void finished(void *userdata)
{
	struct firmware *firmware = userdata;
	struct devbus_request *request = firmware->request;
	const struct record *record = machine_record(firmware->machine);
	if (*record->error_code)
		devbus_log(DEVBUS_LOG_WARNING, "update to %s %s: %s: %s", record->version, record->state,
			record->error_code, record->error_message);
	else
		devbus_log(DEVBUS_LOG_INFO, "update to %s %s, slot %s", record->version, record->state,
			record->target);
	firmware->request = NULL;
	report_progress(firmware->bus, &firmware->shown, record, NULL);
	if (request)
		report_answer(request, record);
}

static void trouble(void *userdata, const char *message)
{
	struct firmware *firmware = userdata;
	if (message)
		devbus_log(DEVBUS_LOG_WARNING, "%s", message);
	devbus_degraded(firmware->bus, message);
}

/* ---- update */

static int update_admit(struct devbus_request *request, const void *args, void *userdata)
{
	struct firmware *firmware = userdata;
	struct order_rules rules = machine_rules(firmware->machine);
	struct devbus_error error;
	if (state_is_active(machine_state(firmware->machine)))
		return devbus_fail(request, DEVBUS_E_BUSY, "an update to %s is running",
			machine_record(firmware->machine)->version);
	if (order_check(args, &rules, &error) < 0)
		return devbus_fail(request, error.code, "%s", error.message);
	return 0;
}

static int on_update(struct devbus_request *request, const void *args, void *userdata)
{
	struct firmware *firmware = userdata;
	firmware->request = request;
	machine_order(firmware->machine, args, devbus_request_id(request));
	return 0;
}

/*
 * The record knows more than the command's journal: it may be over. If it has never heard of the command, the service ended between the
 * acceptance and the first write, and the command begins now.
 */
static int resume_update(struct devbus_request *request, const void *args, void *userdata)
{
	struct firmware *firmware = userdata;
	const struct record *record = machine_record(firmware->machine);
	enum state state = machine_state(firmware->machine);
	if (state != STATE_IDLE && strcmp(record->id, devbus_request_id(request)) == 0) {
		if (state_is_active(state))
			firmware->request = request;
		else
			report_answer(request, record);
		return 0;
	}
	if (state_is_active(state) || firmware->request)
		return devbus_fail(request, DEVBUS_E_INTERRUPTED, "another update was resumed first");
	return on_update(request, args, firmware);
}

/* ---- cancel and status */

static int cancel_admit(struct devbus_request *request, const void *args, void *userdata)
{
	struct firmware *firmware = userdata;
	enum state state = machine_state(firmware->machine);
	(void)args;
	if (!state_is_active(state))
		return devbus_fail(request, DEVBUS_E_NOT_FOUND, "no update is running");
	if (!state_is_cancellable(state))
		return devbus_fail(request, DEVBUS_E_REFUSED, "too late: it is %s", state_name(state));
	return 0;
}

static int on_cancel(struct devbus_request *request, const void *args, void *userdata)
{
	struct firmware *firmware = userdata;
	(void)args;
	machine_cancel(firmware->machine);
	return devbus_reply(request, NULL, NULL);
}

static int on_status(struct devbus_request *request, const void *args, void *userdata)
{
	struct firmware *firmware = userdata;
	(void)args;
	return report_status(request, firmware->machine, &firmware->shown);
}

static const struct devbus_method methods[] = {
	{ "update", on_update, order_fields, sizeof(struct order), DEVBUS_CLOUD, update_admit, resume_update,
		result_fields,
		"Downloads an image, installs it, reboots into it, and keeps it if it is healthy" },
	{ "status", on_status, NULL, 0, DEVBUS_CLOUD,
		.description = "What runs, what is going on, and how the last update ended" },
	{ "cancel", on_cancel, NULL, 0, DEVBUS_CLOUD, cancel_admit,
		.description = "Ends an update that is not being installed yet" },
	{ 0 },
};

/* ---- open and close */

static int set_up(struct firmware *firmware)
{
	struct devbus_error error;
	int r = devbus_settings(firmware->bus, firmware_settings_fields, &firmware->settings);
	if (r < 0)
		return r;
	if ((r = machine_new(&firmware->settings, &firmware->host, &firmware->machine, &error)) < 0) {
		devbus_log(DEVBUS_LOG_ERROR, "start: %s", error.message);
		return r;
	}
	bool idle = !state_is_active(machine_state(firmware->machine));
	if ((r = devbus_serve(firmware->bus, methods, firmware)) < 0) {
		devbus_log(DEVBUS_LOG_ERROR, "start: %s", strerror(-r));
		return r;
	}
	if (idle && firmware->request)
		return 0; /* the machine was started by a command that was left over */
	report_progress(firmware->bus, &firmware->shown, machine_record(firmware->machine), NULL);
	machine_start(firmware->machine, firmware->request != NULL);
	return 0;
}

int firmware_start(struct devbus *bus, void **ret_service)
{
	struct firmware *firmware = calloc(1, sizeof(*firmware));
	if (!firmware)
		return -ENOMEM;
	firmware->bus = bus;
	snprintf(firmware->user_agent, sizeof(firmware->user_agent), "devbus-firmware/%s", devbus_version());
	firmware->host =
		(struct machine_host) { bus, firmware->user_agent, tell, finished, trouble, firmware };
	int r = set_up(firmware);
	if (r < 0) {
		firmware_stop(firmware);
		return r;
	}
	*ret_service = firmware;
	return 0;
}

void firmware_stop(void *service)
{
	struct firmware *firmware = service;

	if (!firmware)
		return;
	machine_free(firmware->machine);
	free(firmware);
}
