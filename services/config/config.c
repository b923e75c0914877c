// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * Sections on the bus: each is a retained state of this service, so its owner gets it when it connects and whenever it
 * changes, without asking. Owners publish the schema of their section as their own state `schema`.
 */
#include "answers.h"
#include "sections.h"
#include "service.h"

#include <devbus/devbus.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCHEMA_FILTER "service/+/state/schema"

struct settings {
	char vendor_dir[PATH_MAX];
};

static const struct devbus_field settings_fields[] = {
	DEVBUS_FIELD(struct settings, vendor_dir,
		.description =
			"Folder of NAME.json with the values of sections that were never set; empty: none"),
	{ 0 },
};

struct service {
	struct devbus *bus;
	struct sections *sections;
};

static void publish(struct service *service, const struct section *section)
{
	int r = devbus_publish_json(service->bus, DEVBUS_STATE, section->name, answer_section(section));

	if (r < 0)
		devbus_log(DEVBUS_LOG_ERROR, "section %s was not published: %s", section->name, strerror(-r));
}

static void show_problem(struct service *service)
{
	devbus_degraded(service->bus, sections_problem(service->sections));
}

static void publish_all(struct service *service)
{
	const struct section *section;

	for (size_t i = 0; (section = sections_at(service->sections, i)); i++)
		publish(service, section);
	show_problem(service);
}

/* The common end of set and rollback: @r is what the change returned. */
static int answer_change(struct service *service, struct devbus_request *request, const char *name, int r,
	const struct devbus_error *error)
{
	if (r < 0)
		return devbus_fail(request, error->code, "%s", error->message);
	const struct section *section = sections_find(service->sections, name);

	if (r > 0) {
		publish(service, section);
		show_problem(service);
		devbus_log(DEVBUS_LOG_INFO, "section %s is at revision %.0f now", name,
			(double)section->revision);
	}
	return devbus_reply_json(request, answer_section(section));
}

static struct order order_of(const struct devbus_request *request, const char *section, int64_t if_revision,
	char time[DEVBUS_TIME_SIZE])
{
	devbus_time(time);
	return (struct order) { section, devbus_request_id(request), time, if_revision };
}

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

		return section ? devbus_reply_json(request, answer_section(section))
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
		.description = "Name of the section; made if new"),
	DEVBUS_FIELD(struct set_args, values, .flags = DEVBUS_REQUIRED,
		.description = "Object that is merged in (RFC 7396): null removes a member"),
	DEVBUS_FIELD(struct set_args, if_revision, .min = -1, .max = 9007199254740992, .initial = -1,
		.description = "Only if the section is at this revision; -1 or absent: at any"),
	{ 0 },
};

static int on_set(struct devbus_request *request, const void *args, void *userdata)
{
	const struct set_args *set_args = args;
	struct service *service = userdata;
	struct devbus_error error = { "", "" };
	char time[DEVBUS_TIME_SIZE];
	const struct order order = order_of(request, set_args->section, set_args->if_revision, time);
	int r = sections_set(service->sections, &order, set_args->values, &error);

	return answer_change(service, request, set_args->section, r, &error);
}

struct rollback_args {
	char section[SECTION_NAME_SIZE];
	int64_t revision;
};

static const struct devbus_field rollback_fields[] = {
	DEVBUS_FIELD(struct rollback_args, section, .flags = DEVBUS_REQUIRED | DEVBUS_TOPIC_LEVEL,
		.description = "Name of the section"),
	DEVBUS_FIELD(struct rollback_args, revision, .min = -1, .max = 9007199254740992, .initial = -1,
		.description = "A kept revision, or 0 for the vendor's values; -1 or absent: the one before"),
	{ 0 },
};

static int on_rollback(struct devbus_request *request, const void *args, void *userdata)
{
	const struct rollback_args *rollback_args = args;
	struct service *service = userdata;
	struct devbus_error error = { "", "" };
	char time[DEVBUS_TIME_SIZE];
	const struct order order = order_of(request, rollback_args->section, -1, time);
	int r = sections_rollback(service->sections, &order, rollback_args->revision, &error);

	return answer_change(service, request, rollback_args->section, r, &error);
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

/*
 * A change that a crash interrupted is simply ordered again when we are back: sections_set() and sections_rollback() know the
 * ids of the changes that they made, so it is not made twice.
 */
static const struct devbus_method methods[] = {
	{ .name = "get",
		.handler = on_get,
		.resume = on_get,
		.args = get_fields,
		.args_size = sizeof(struct get_args),
		.flags = DEVBUS_CLOUD,
		.description = "The values and revision of one section, or of all." },
	{ .name = "set",
		.handler = on_set,
		.resume = on_set,
		.args = set_fields,
		.args_size = sizeof(struct set_args),
		.flags = DEVBUS_CLOUD,
		.description = "Changes a section, if the result fits its owner's schema." },
	{ .name = "rollback",
		.handler = on_rollback,
		.resume = on_rollback,
		.args = rollback_fields,
		.args_size = sizeof(struct rollback_args),
		.flags = DEVBUS_CLOUD,
		.description = "Makes the values of an earlier revision the next revision." },
	{ .name = "history",
		.handler = on_history,
		.resume = on_history,
		.args = get_fields,
		.args_size = sizeof(struct get_args),
		.flags = DEVBUS_CLOUD,
		.description = "The last changes of one section, or of all, newest first." },
	{ 0 },
};

/* The owner is the second level: service/<owner>/state/schema. */
static void on_schema(struct devbus *bus, const struct devbus_message *message, void *userdata)
{
	const char *owner = strchr(message->topic, '/') + 1;
	struct service *service = userdata;
	char name[SECTION_NAME_SIZE];

	(void)bus;
	snprintf(name, sizeof name, "%.*s", (int)strcspn(owner, "/"), owner);
	if (sections_name_valid(name))
		sections_schema(service->sections, name, message->object);
}

static int serve(struct service *service)
{
	int r;

	if ((r = devbus_serve(service->bus, methods, service)) < 0 ||
		(r = devbus_subscribe(service->bus, SCHEMA_FILTER, NULL, 0, on_schema, service)) < 0)
		return r;
	publish_all(service);
	return 0;
}

int config_start(struct devbus *bus, void **ret_service)
{
	struct settings settings;
	struct service *service = calloc(1, sizeof *service);
	int r;

	if (!service)
		return -ENOMEM;
	service->bus = bus;
	if ((r = devbus_settings(bus, settings_fields, &settings)) < 0 ||
		(r = sections_open(devbus_state_dir(bus), settings.vendor_dir, &service->sections)) < 0) {
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
	sections_close(service->sections);
	free(service);
}
