// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * Secret arguments of commands (protocol 4.8). The journal needs them until a command is final, since it may have to be taken up again;
 * after that it only has to recognise the command. A hash would do, were it not that a PIN is found from its hash by trying all of
 * them: so what is left of a secret is that there was one.
 */
#include "command.h"
#include "field.h"
#include "json.h"
#include "server.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Of a command that the service does not know, every argument may be one. */
static int hide_all(struct devbus_json *args)
{
	struct devbus_json *hidden = devbus_json_new_object();
	int r = hidden ? 0 : -ENOMEM;

	for (const struct devbus_json *arg = devbus_json_first(args); r == 0 && arg;
		arg = devbus_json_next(arg))
		r = devbus_json_set(hidden, devbus_json_name(arg), devbus_json_new_bool(true));
	for (const struct devbus_json *arg = devbus_json_first(hidden); r == 0 && arg;
		arg = devbus_json_next(arg))
		r = devbus_json_set(args, devbus_json_name(arg), devbus_json_new_bool(true));
	devbus_json_free(hidden);
	return r;
}

int command_hide_secrets(const struct devbus_method *method, struct devbus_json *args)
{
	if (!args)
		return 0;
	return method ? field_hide_secrets(method->args, args) : hide_all(args);
}

bool command_has_secrets(const struct devbus_method *method)
{
	return !method || field_has_secrets(method->args);
}

struct kept {
	char *args;
	int r;
};

static void copy_args(const struct store_command *record, void *userdata)
{
	struct kept *kept = userdata;

	kept->args = record->args ? strdup(record->args) : NULL;
	kept->r = record->args && !kept->args ? -ENOMEM : 0;
}

/* What was not read in the first place, such as no arguments, is not changed: *@ret_text NULL. */
static int hide_in_text(const struct devbus_method *method, const char *text, char **ret_text)
{
	struct devbus_json *args = NULL;
	int r = devbus_json_parse(text, strlen(text), &args, NULL);

	if (r == 0)
		r = command_hide_secrets(method, args);
	if (r < 0) {
		devbus_json_free(args);
		return r;
	}
	*ret_text = json_print_and_free(args);
	return *ret_text ? 0 : -ENOMEM;
}

int command_args_to_keep(const struct devbus_request *request, char **ret_args)
{
	struct kept kept = { NULL, 0 };
	int r;

	if (!command_has_secrets(request->method))
		return 0;
	r = store_command_find(request->bus->store, request->id, copy_args, &kept);
	if (r == 0)
		r = kept.r;
	if (r == 0 && kept.args)
		r = hide_in_text(request->method, kept.args, ret_args);
	free(kept.args);
	return r;
}
