// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * systemd-logind over D-Bus. Its block inhibitors do not bind everyone (not root, nor the uid that holds them), so they are looked at
 * here before; its delay inhibitors it waits for itself. Scheduling is not left to it either: it counts by the wall clock, and the
 * first step of that one would reboot the device at once, or never.
 */
#include "backend.h"

#ifdef HAVE_LIBSYSTEMD
#include "../dbus/dbus.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ANSWER_TIMEOUT_US 10000000

static void stop(struct backends *backends)
{
	dbus_free(backends->dbus);
	backends->dbus = NULL;
}

/* One connection for one question. */
static void conclude(struct backends *backends, enum answer answer)
{
	stop(backends);
	backend_answer(backends, answer);
}

static bool is_absence(const char *name)
{
	static const char *const names[] = {
		"org.freedesktop.DBus.Error.ServiceUnknown",
		"org.freedesktop.DBus.Error.NameHasNoOwner",
		"org.freedesktop.DBus.Error.Spawn.",
		"org.freedesktop.systemd1.NoSuchUnit",
		"org.freedesktop.systemd1.UnitMasked",
	};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strncmp(name, names[i], strlen(names[i])) == 0)
			return true;
	return false;
}

static enum answer refused(struct backends *backends, const sd_bus_error *error)
{
	const char *message = error->message ? error->message : "";
	if (is_absence(error->name))
		return backend_say(backends, ANSWER_ABSENT, DEVBUS_E_IO_ERROR, "logind: %s", message);
	if (strstr(error->name, "Inhibit"))
		return backend_say(backends, ANSWER_NO, REBOOT_E_INHIBITED, "logind: %s", message);
	if (strcmp(error->name, SD_BUS_ERROR_NO_REPLY) == 0)
		return backend_say(backends, ANSWER_NO, DEVBUS_E_TIMEOUT, "logind does not answer");
	if (strcmp(error->name, SD_BUS_ERROR_ACCESS_DENIED) == 0 ||
		strcmp(error->name, SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED) == 0)
		return backend_say(backends, ANSWER_NO, DEVBUS_E_REFUSED,
			"logind: %s; the polkit rule of devbus-reboot(8) is missing", message);
	return backend_say(backends, ANSWER_NO, DEVBUS_E_IO_ERROR, "logind: %s: %s", error->name, message);
}

static bool blocks_shutdown(const char *what, const char *mode)
{
	const char *found = strstr(what, "shutdown");
	return found && strncmp(mode, "block", strlen("block")) == 0;
}

static enum answer read_inhibitors(struct backends *backends, sd_bus_message *reply)
{
	const char *what, *who, *why, *mode;
	enum answer answer = ANSWER_YES;
	int r = sd_bus_message_enter_container(reply, 'a', "(ssssuu)");
	while (r >= 0 &&
		(r = sd_bus_message_read(reply, "(ssssuu)", &what, &who, &why, &mode, NULL, NULL)) > 0)
		if (blocks_shutdown(what, mode))
			answer = backend_say(backends, ANSWER_NO, REBOOT_E_INHIBITED,
				"%s holds a reboot up: %s", who, why);
	if (r < 0)
		return backend_say(backends, ANSWER_NO, DEVBUS_E_IO_ERROR,
			"logind: its list of inhibitors cannot be read");
	return answer;
}

static int on_inhibitors(sd_bus_message *reply, void *userdata, sd_bus_error *unused)
{
	const sd_bus_error *error = sd_bus_message_get_error(reply);
	(void)unused;
	conclude(userdata, error ? refused(userdata, error) : read_inhibitors(userdata, reply));
	return 0;
}

/* That it is under way already is as good; without an answer it may be, and only time tells. */
static bool may_go_down(const sd_bus_error *error)
{
	return strcmp(error->name, "org.freedesktop.login1.OperationInProgress") == 0 ||
	       strcmp(error->name, SD_BUS_ERROR_NO_REPLY) == 0;
}

static int on_reboot(sd_bus_message *reply, void *userdata, sd_bus_error *unused)
{
	const sd_bus_error *error = sd_bus_message_get_error(reply);
	(void)unused;
	conclude(userdata, error && !may_go_down(error) ? refused(userdata, error) : ANSWER_YES);
	return 0;
}

/* Without the bus there is no logind. */
static enum answer unreachable(struct backends *backends, int r)
{
	return backend_say(
		backends, ANSWER_ABSENT, DEVBUS_E_IO_ERROR, "logind: system bus: %s", strerror(-r));
}

static void on_lost(void *userdata, int error)
{
	conclude(userdata, unreachable(userdata, error));
}

static int send(struct backends *backends, const char *method, sd_bus_message_handler_t handler, bool reboot)
{
	sd_bus *connection = dbus_connection(backends->dbus);
	sd_bus_message *call = NULL;
	int r = sd_bus_message_new_method_call(connection, &call, "org.freedesktop.login1",
		"/org/freedesktop/login1", "org.freedesktop.login1.Manager", method);
	if (r >= 0 && reboot)
		r = sd_bus_message_append(call, "b", 0); /* nobody is there to be asked for a password */
	if (r >= 0)
		r = sd_bus_call_async(connection, NULL, call, handler, backends, ANSWER_TIMEOUT_US);
	sd_bus_message_unref(call);
	return r;
}

static enum answer ask(
	struct backends *backends, const char *method, sd_bus_message_handler_t handler, bool reboot)
{
	int r = dbus_open(backends->bus, on_lost, backends, &backends->dbus);
	if (r >= 0)
		r = send(backends, method, handler, reboot);
	if (r < 0) {
		stop(backends);
		return unreachable(backends, r);
	}
	dbus_pump(backends->dbus);
	return ANSWER_LATER;
}

static enum answer check(struct backends *backends)
{
	return ask(backends, "ListInhibitors", on_inhibitors, false);
}

static enum answer run(struct backends *backends)
{
	return ask(backends, "Reboot", on_reboot, true);
}

const struct backend backend_logind = { "logind", check, run, stop };

#else

static enum answer absent(struct backends *backends)
{
	return backend_say(backends, ANSWER_ABSENT, DEVBUS_E_IO_ERROR, "logind: built without libsystemd");
}

const struct backend backend_logind = { "logind", absent, absent, NULL };

#endif
