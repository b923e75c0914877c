// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * A plugin of Mosquitto that decides under which client id, and from where, a user may come in. The client id is the key to a session and
 * its queue, and Mosquitto gives both to whoever brings the id and any valid password. Here the name of a user, taken as a client id, is that
 * user's alone, at every listener; so is the id of the bridge nobody's. Passwords and rights stay with Mosquitto's own files: what
 * is not refused here is left to them. Callers keep ids of their own choice, which clientid_prefixes would not let them.
 *
 * The password file is read at each connect, so that a user who was added by SIGHUP is known: it is ten lines long, and the hash that
 * Mosquitto is about to compute takes longer.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mosquitto.h>
#include <mosquitto_broker.h>
#include <mosquitto_plugin.h>

enum { PLUGIN_VERSION = 5 };

static mosquitto_plugin_id_t *plugin;
static char *password_file; /* whose user names are ids of their owners */
static char *reserved_id; /* nobody's, nor what begins with it: bridges come in without being asked for */
static char *remote_user; /* the only one from other machines; NULL: none */

static const struct option {
	const char *key;
	char **value;
	bool required;
} known_options[] = {
	{ "password_file", &password_file, true },
	{ "reserved_id", &reserved_id, true },
	{ "remote_user", &remote_user, false },
};
enum { OPTIONS = sizeof known_options / sizeof known_options[0] };

/* ---- judging */

static bool is_equal(const char *a, const char *b)
{
	return a && b && strcmp(a, b) == 0;
}

/* At a Unix socket there is none, in later versions of Mosquitto its path. */
static bool is_of_this_machine(const char *address)
{
	return !address || !*address || *address == '/' || strncmp(address, "127.", 4) == 0 ||
	       strcmp(address, "::1") == 0;
}

/* 1, 0, or the negative errno of a file that cannot be read. */
static int is_user(const char *id)
{
	FILE *file = fopen(password_file, "re");
	char *line = NULL;
	size_t size = 0, length = strlen(id);
	int found = 0;

	if (!file)
		return -errno;
	while (!found && getline(&line, &size, file) >= 0)
		found = strncmp(line, id, length) == 0 && line[length] == ':';
	if (!found && ferror(file))
		found = -EIO;
	free(line);
	fclose(file);
	return found;
}

static const char *objection(const char *id, const char *user, const char *address)
{
	int r;

	if (!is_of_this_machine(address) && !is_equal(user, remote_user))
		return "this user may not come from another machine";
	if (id && strncmp(id, reserved_id, strlen(reserved_id)) == 0)
		return "this client id is a bridge's";
	if (is_equal(id, user))
		return NULL;
	r = id ? is_user(id) : -EINVAL;
	if (r < 0)
		return "the password file cannot be read";
	return r ? "this client id is the name of another user" : NULL;
}

static int on_connect(int event, void *data, void *userdata)
{
	const struct mosquitto_evt_basic_auth *connecting = data;
	const char *id = mosquitto_client_id(connecting->client);
	const char *user = mosquitto_client_username(connecting->client);
	const char *address = mosquitto_client_address(connecting->client);
	const char *why = objection(id, user, address);

	(void)event;
	(void)userdata;
	if (!why)
		return MOSQ_ERR_PLUGIN_DEFER;
	mosquitto_log_printf(MOSQ_LOG_NOTICE, "admission: client %s of user %s from %s is refused: %s",
		id ? id : "(none)", user ? user : "(none)", address ? address : "(unknown)", why);
	return MOSQ_ERR_AUTH;
}

/* ---- what Mosquitto calls */

static void forget_options(void)
{
	for (size_t i = 0; i < OPTIONS; i++) {
		free(*known_options[i].value);
		*known_options[i].value = NULL;
	}
}

static int keep_option(const struct mosquitto_opt *given)
{
	for (size_t i = 0; i < OPTIONS; i++) {
		const struct option *option = &known_options[i];

		if (strcmp(given->key, option->key) == 0 && !*option->value) {
			*option->value = strdup(given->value);
			return *option->value ? MOSQ_ERR_SUCCESS : MOSQ_ERR_NOMEM;
		}
	}
	mosquitto_log_printf(MOSQ_LOG_ERR, "admission: plugin_opt_%s is unknown or given twice", given->key);
	return MOSQ_ERR_INVAL;
}

static int keep_options(const struct mosquitto_opt *given, int count)
{
	int r = MOSQ_ERR_SUCCESS;

	for (int i = 0; r == MOSQ_ERR_SUCCESS && i < count; i++)
		r = keep_option(&given[i]);
	for (size_t i = 0; r == MOSQ_ERR_SUCCESS && i < OPTIONS; i++) {
		if (known_options[i].required && !*known_options[i].value) {
			mosquitto_log_printf(
				MOSQ_LOG_ERR, "admission: plugin_opt_%s is missing", known_options[i].key);
			r = MOSQ_ERR_INVAL;
		}
	}
	return r;
}

int mosquitto_plugin_version(int count, const int *versions)
{
	for (int i = 0; i < count; i++) {
		if (versions[i] == PLUGIN_VERSION)
			return PLUGIN_VERSION;
	}
	return -1;
}

int mosquitto_plugin_init(
	mosquitto_plugin_id_t *identifier, void **userdata, struct mosquitto_opt *options, int count)
{
	int r = keep_options(options, count);

	*userdata = NULL;
	plugin = identifier;
	if (r == MOSQ_ERR_SUCCESS)
		r = mosquitto_callback_register(plugin, MOSQ_EVT_BASIC_AUTH, on_connect, NULL, NULL);
	if (r != MOSQ_ERR_SUCCESS)
		forget_options();
	return r;
}

int mosquitto_plugin_cleanup(void *userdata, struct mosquitto_opt *options, int count)
{
	(void)userdata;
	(void)options;
	(void)count;
	mosquitto_callback_unregister(plugin, MOSQ_EVT_BASIC_AUTH, on_connect, NULL);
	forget_options();
	return MOSQ_ERR_SUCCESS;
}
