// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * Sections on the bus: each is a retained state of this service, so its owner gets it when it connects and whenever it
 * changes, without asking. Owners publish the schema of their section as their own state `schema`, and what they say to it as
 * their own state `config`.
 */
#include "answers.h"
#include "change.h"
#include "sections.h"
#include "service.h"
#include "settings.h"
#include "trials.h"

#include <devbus/devbus.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCHEMA_FILTER "service/+/state/schema"
#define REPORT_FILTER "service/+/state/config"

struct service {
	struct devbus *bus;
	struct settings settings;
	struct sections *sections;
	struct trials *trials;
};

static int fail_unknown(struct devbus_request *request, const char *name)
{
	return devbus_fail(request, DEVBUS_E_NOT_FOUND, "There is no section \"%s\"; get names all.", name);
}

struct get_args {
	char section[SECTION_NAME_SIZE];
};

static const struct devbus_field get_fields[] = {
	DEVBUS_FIELD(struct get_args, section, .flags = DEVBUS_TOPIC_LEVEL,
		.description = "Name of one section; absent: all"),
	{ 0 },
};

static int on_get(struct devbus_request *request, const void *args, void *userdata)
{
	const char *name = ((const struct get_args *)args)->section;
	struct service *service = userdata;
	struct devbus_json *answer = NULL;

	if (*name) {
		const struct section *section = sections_find(service->sections, name);

		return section ? devbus_reply_json(request, answer_section(service->sections, section))
			       : fail_unknown(request, name);
	}
	if (answer_all(service->sections, &answer) == -EMSGSIZE)
		return devbus_fail(
			request, DEVBUS_E_REFUSED, "All sections together are too large for one answer.");
	return devbus_reply_json(request, answer);
}

struct set_args {
	char section[SECTION_NAME_SIZE];
	struct devbus_json *values;
	int64_t if_revision;
};

static const struct devbus_field set_fields[] = {
	DEVBUS_FIELD(struct set_args, section, .flags = DEVBUS_REQUIRED | DEVBUS_TOPIC_LEVEL,
		.description = "Name of the section"),
	DEVBUS_FIELD(struct set_args, values, .flags = DEVBUS_REQUIRED | DEVBUS_SECRET, /* it may hold some */
		.description = "Object that is merged in (RFC 7396): null removes a member"),
	DEVBUS_FIELD(struct set_args, if_revision, .min = -1, .max = 9007199254740992, .initial = -1,
		.description = "Only if the section is at this revision; -1 or absent: at any"),
	{ 0 },
};

static int admit_set(struct devbus_request *request, const void *args, void *userdata)
{
	const struct set_args *set_args = args;
	struct devbus_error error;

	(void)userdata;
	return change_check_patch(set_args->values, &error) == 0
		       ? 0
		       : devbus_fail(request, error.code, "%s", error.message);
}

static int on_set(struct devbus_request *request, const void *args, void *userdata)
{
	const struct set_args *set_args = args;
	struct service *service = userdata;

	return trials_change(service->trials, request,
		&(const struct change) { .kind = CHANGE_SET,
			.section = set_args->section,
			.values = set_args->values,
			.if_revision = set_args->if_revision });
}

struct rollback_args {
	char section[SECTION_NAME_SIZE];
	int64_t revision;
};

static const struct devbus_field rollback_fields[] = {
	DEVBUS_FIELD(struct rollback_args, section, .flags = DEVBUS_TOPIC_LEVEL,
		.description = "Name of the section; absent: the one that was changed last"),
	DEVBUS_FIELD(struct rollback_args, revision, .min = -1, .max = 9007199254740992, .initial = -1,
		.description = "A kept revision, or 0 for the vendor's values; -1 or absent: the one before"),
	{ 0 },
};

static int roll_back(
	struct service *service, struct devbus_request *request, const char *section, int64_t revision)
{
	return trials_change(service->trials, request,
		&(const struct change) { .kind = CHANGE_ROLLBACK,
			.section = section,
			.revision = revision,
			.if_revision = -1 });
}

static int on_rollback(struct devbus_request *request, const void *args, void *userdata)
{
	const struct rollback_args *rollback_args = args;
	const char *name = rollback_args->section;
	struct service *service = userdata;

	if (!*name) {
		const struct section *latest = change_latest(service->sections, devbus_request_id(request));

		if (!latest)
			return devbus_fail(request, DEVBUS_E_NOT_FOUND,
				"No section was changed yet: there is nothing to roll back.");
		name = latest->name;
	}
	return roll_back(service, request, name, rollback_args->revision);
}

static int on_reset(struct devbus_request *request, const void *args, void *userdata)
{
	const char *name = ((const struct get_args *)args)->section;
	struct service *service = userdata;

	return *name ? roll_back(service, request, name, 0) : trials_reset(service->trials, request);
}

struct confirm_args {
	char section[SECTION_NAME_SIZE];
	uint64_t revision;
};

static const struct devbus_field confirm_fields[] = {
	DEVBUS_FIELD(struct confirm_args, section, .flags = DEVBUS_REQUIRED | DEVBUS_TOPIC_LEVEL,
		.description = "Name of the section"),
	DEVBUS_FIELD(struct confirm_args, revision, .flags = DEVBUS_REQUIRED,
		.description = "The revision that waits for this, as the command that made it told"),
	{ 0 },
};

static int on_confirm(struct devbus_request *request, const void *args, void *userdata)
{
	const struct confirm_args *confirm_args = args;
	struct service *service = userdata;

	return trials_confirm(service->trials, request, confirm_args->section, confirm_args->revision);
}

static int on_history(struct devbus_request *request, const void *args, void *userdata)
{
	const char *name = ((const struct get_args *)args)->section;
	struct service *service = userdata;
	struct section *section = *name ? sections_find(service->sections, name) : NULL;

	if (*name && !section)
		return fail_unknown(request, name);
	return devbus_reply_json(request, answer_history(service->sections, section));
}

/* The answer goes where only the owner reads, so whoever asks, the owner is told (protocol 7.5). */
static int on_secrets(struct devbus_request *request, const void *args, void *userdata)
{
	const char *topic = devbus_request_reply_topic(request), *end = NULL;
	struct service *service = userdata;
	char name[SECTION_NAME_SIZE];

	(void)args;
	if (topic) {
		topic += strlen("service/");
		end = strchr(topic, '/');
	}
	if (!end || strcmp(end, "/reply/secrets") != 0)
		return devbus_fail(request, DEVBUS_E_REFUSED,
			"Secrets are told to the owner of a section only, on service/SECTION/reply/secrets.");
	snprintf(name, sizeof name, "%.*s", (int)(end - topic), topic);
	const struct section *section = sections_find(service->sections, name);

	return section ? devbus_reply_json(request, answer_secrets(service->sections, section))
		       : fail_unknown(request, name);
}

/*
 * A change that a crash interrupted is simply ordered again when we are back: the section knows which command it is on trial for, and
 * the history what became of it, so it is not made twice.
 */
#define FOR_ALL(method_name, function, table, type, text)                                                    \
	{                                                                                                    \
		.name = method_name, .handler = function, .resume = function, .args = table,                 \
		.args_size = sizeof(type), .flags = DEVBUS_CLOUD, .description = text                        \
	}

static const struct devbus_method methods[] = {
	FOR_ALL("get", on_get, get_fields, struct get_args,
		"The values and revision of one section, or of all, and what their owners report."),
	{ .name = "set",
		.admit = admit_set,
		.handler = on_set,
		.resume = on_set,
		.args = set_fields,
		.args_size = sizeof(struct set_args),
		.flags = DEVBUS_CLOUD,
		.description = "Changes a section, if the result fits its schema and its owner takes it." },
	FOR_ALL("rollback", on_rollback, rollback_fields, struct rollback_args,
		"Makes the values of an earlier revision the next revision."),
	FOR_ALL("reset", on_reset, get_fields, struct get_args,
		"Factory reset: the vendor's values for one section, or for all."),
	FOR_ALL("confirm", on_confirm, confirm_fields, struct confirm_args,
		"Keeps a change that waits to hear that the cloud is still there."),
	FOR_ALL("history", on_history, get_fields, struct get_args,
		"The last changes of one section, or of all, newest first."),
	{ .name = "secrets",
		.handler = on_secrets,
		.description = "For the owner of a section: its secrets." },
	{ 0 },
};

/* ---- owners */

/* The owner is the second level: service/<owner>/state/... */
static bool owner_of(const char *topic, char name[SECTION_NAME_SIZE])
{
	const char *owner = strchr(topic, '/') + 1;

	snprintf(name, SECTION_NAME_SIZE, "%.*s", (int)strcspn(owner, "/"), owner);
	return sections_name_valid(name);
}

static void on_schema(struct devbus *bus, const struct devbus_message *message, void *userdata)
{
	struct service *service = userdata;
	char name[SECTION_NAME_SIZE];

	(void)bus;
	if (!owner_of(message->topic, name) || sections_schema(service->sections, name, message->object) == 0)
		return;
	const struct section *section = sections_find(service->sections, name);

	if (section)
		trials_publish(service->trials, section);
}

static void on_report(struct devbus *bus, const struct devbus_message *message, void *userdata)
{
	struct service *service = userdata;
	char name[SECTION_NAME_SIZE];

	/* Our own state of that name is a section, not a report. */
	if (owner_of(message->topic, name) && strcmp(name, devbus_name(bus)) != 0)
		trials_report(service->trials, name, message->object);
}

/* ---- beginning and end */

static int serve(struct service *service)
{
	struct devbus *bus = service->bus;
	const struct section *section;
	int r;

	if ((r = trials_new(bus, service->sections, &service->settings, &service->trials)) < 0 ||
		(r = devbus_serve(bus, methods, service)) < 0 ||
		(r = devbus_subscribe(bus, SCHEMA_FILTER, NULL, 0, on_schema, service)) < 0 ||
		(r = devbus_subscribe(bus, REPORT_FILTER, NULL, 0, on_report, service)) < 0)
		return r;
	for (size_t i = 0; (section = sections_at(service->sections, i)); i++)
		trials_publish(service->trials, section);
	return 0;
}

int config_start(struct devbus *bus, void **ret_service)
{
	struct service *service = calloc(1, sizeof *service);
	int r;

	if (!service)
		return -ENOMEM;
	service->bus = bus;
	if ((r = devbus_settings(bus, settings_fields, &service->settings)) < 0 ||
		(r = sections_open(devbus_state_dir(bus), service->settings.vendor_dir, &service->sections)) <
			0) {
		free(service);
		return r;
	}
	*ret_service = service;
	return serve(service);
}

void config_stop(void *userdata)
{
	struct service *service = userdata;

	if (!service)
		return;
	trials_free(service->trials);
	sections_close(service->sections);
	free(service);
}
