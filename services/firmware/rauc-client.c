// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* When RAUC dies it sends nothing; the D-Bus daemon tells that its name has no owner any more. */
#include "rauc-client.h"

#include "../dbus/dbus.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define RAUC_NAME "de.pengutronix.rauc"
#define RAUC_PATH "/"
#define RAUC_INTERFACE "de.pengutronix.rauc.Installer"
#define PROPERTIES_INTERFACE "org.freedesktop.DBus.Properties"

struct rauc_client {
	struct dbus *dbus;
	const struct rauc_client_events *events;
	void *userdata;
	sd_bus_slot *question;
	rauc_client_handler *handler; /* of its answer */
};

/* ---- what RAUC says by itself */

static int on_completed(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
	struct rauc_client *client = userdata;
	int32_t result;
	(void)ret_error;
	if (sd_bus_message_read(message, "i", &result) >= 0)
		client->events->completed(client->userdata, result);
	return 0;
}

/* Progress in the dictionary of PropertiesChanged. Returns 1, 0 if it is not in it, or a negative errno. */
static int find_progress(sd_bus_message *message, int *ret_percent, const char **ret_step)
{
	const char *interface, *name;
	int32_t percent, depth;
	int r = sd_bus_message_read(message, "s", &interface);
	if (r >= 0)
		r = sd_bus_message_enter_container(message, 'a', "{sv}");
	while (r >= 0 && (r = sd_bus_message_enter_container(message, 'e', "sv")) > 0) {
		r = sd_bus_message_read(message, "s", &name);
		if (r >= 0 && strcmp(name, "Progress") == 0) {
			r = sd_bus_message_read(message, "v", "(isi)", &percent, ret_step, &depth);
			*ret_percent = percent;
			return r < 0 ? r : 1;
		}
		if (r >= 0)
			r = sd_bus_message_skip(message, "v");
		if (r >= 0)
			r = sd_bus_message_exit_container(message);
	}
	return r;
}

static int on_properties(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
	struct rauc_client *client = userdata;
	int percent = -1;
	const char *step = NULL;
	(void)ret_error;
	if (find_progress(message, &percent, &step) > 0)
		client->events->progress(client->userdata, percent, step);
	return 0;
}

static int on_owner(sd_bus_message *message, void *userdata, sd_bus_error *ret_error)
{
	struct rauc_client *client = userdata;
	const char *name, *before, *now;
	(void)ret_error;
	if (sd_bus_message_read(message, "sss", &name, &before, &now) >= 0 && !*now)
		client->events->gone(client->userdata, false, "RAUC ended");
	return 0;
}

static void on_lost(void *userdata, int error)
{
	struct rauc_client *client = userdata;
	client->events->gone(client->userdata, true, strerror(-error));
}

/* ---- questions */

void rauc_client_forget(struct rauc_client *client)
{
	if (client)
		client->question = sd_bus_slot_unref(client->question);
}

static int on_answer(sd_bus_message *answer, void *userdata, sd_bus_error *ret_error)
{
	struct rauc_client *client = userdata;
	(void)ret_error;
	rauc_client_forget(client);
	client->handler(client->userdata, answer);
	return 1;
}

static int asked(struct rauc_client *client, rauc_client_handler *handler, int r)
{
	if (r < 0)
		return r;
	client->handler = handler;
	dbus_pump(client->dbus);
	return 0;
}

int rauc_client_call(
	struct rauc_client *client, rauc_client_handler *handler, const char *method, const char *types, ...)
{
	va_list args;
	rauc_client_forget(client);
	va_start(args, types);
	int r = sd_bus_call_method_asyncv(dbus_connection(client->dbus), &client->question, RAUC_NAME,
		RAUC_PATH, RAUC_INTERFACE, method, on_answer, client, types, args);
	va_end(args);
	return asked(client, handler, r);
}

int rauc_client_get(struct rauc_client *client, rauc_client_handler *handler, const char *property)
{
	rauc_client_forget(client);
	int r = sd_bus_call_method_async(dbus_connection(client->dbus), &client->question, RAUC_NAME,
		RAUC_PATH, PROPERTIES_INTERFACE, "Get", on_answer, client, "ss", RAUC_INTERFACE, property);
	return asked(client, handler, r);
}

/* ---- errors */

/* RAUC's errors are sentences; these of them mean something for the one who sent the update. */
static const struct {
	const char *words, *code;
} meanings[] = {
	{ "signature", DEVBUS_E_SIGNATURE },
	{ "rauc info error", DEVBUS_E_SIGNATURE }, /* all that Info says, as of 1.8 */
	{ "certificate", DEVBUS_E_SIGNATURE },
	{ "Compatible mismatch", DEVBUS_E_INCOMPATIBLE },
	{ "No space left", DEVBUS_E_NO_SPACE },
	{ "checksum", DEVBUS_E_CHECKSUM },
	{ "Bundle rejected", DEVBUS_E_REFUSED },
};

const char *rauc_error_code(const char *sentence)
{
	for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++)
		if (strstr(sentence, meanings[i].words))
			return meanings[i].code;
	return DEVBUS_E_IO_ERROR;
}

bool rauc_says_busy(const char *sentence)
{
	return strstr(sentence, "rocessing a different method") != NULL;
}

/* ---- open and free */

static int listen(struct rauc_client *client)
{
	static const char owner_rule[] =
		"type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop.DBus',"
		"member='NameOwnerChanged',arg0='" RAUC_NAME "'";
	sd_bus *connection = dbus_connection(client->dbus);
	int r = sd_bus_match_signal_async(connection, NULL, RAUC_NAME, RAUC_PATH, RAUC_INTERFACE, "Completed",
		on_completed, NULL, client);
	if (r >= 0)
		r = sd_bus_match_signal_async(connection, NULL, RAUC_NAME, RAUC_PATH, PROPERTIES_INTERFACE,
			"PropertiesChanged", on_properties, NULL, client);
	if (r >= 0)
		r = sd_bus_add_match_async(connection, NULL, owner_rule, on_owner, NULL, client);
	return r;
}

int rauc_client_open(struct devbus *bus, const struct rauc_client_events *events, void *userdata,
	struct rauc_client **ret_client)
{
	struct rauc_client *client = calloc(1, sizeof(*client));
	if (!client)
		return -ENOMEM;
	*client = (struct rauc_client) { .events = events, .userdata = userdata };
	int r = dbus_open(bus, on_lost, client, &client->dbus);
	if (r >= 0)
		r = listen(client);
	if (r < 0) {
		rauc_client_free(client);
		return r;
	}
	*ret_client = client;
	return 0;
}

void rauc_client_free(struct rauc_client *client)
{
	if (!client)
		return;
	rauc_client_forget(client);
	dbus_free(client->dbus);
	free(client);
}
