// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * A service's section of the device's configuration. The table goes out as a schema, so that `config` can refuse what would not
 * fit before it stores it; what comes in is checked again here, because a broker may hold values of an older version. What the
 * service says to them is its state `config`, by which `config` knows whether a change holds (protocol 7.2, 7.4).
 *
 * The last values taken are kept in a file, since the service may be up long before `config` is.
 */
#include "bus.h"
#include "config-secret.h"
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LAST_FILE "section.json"
#define LAST_FILE_MAX (1 << 20)

enum { SECRETS_RETRY_MS = 5000 };

struct configured {
	struct devbus_field *fields; /* ours */
	devbus_config_handler *handler;
	void *userdata;
	size_t size;

	/* in force */
	double revision;
	struct devbus_json *values; /* as they came, secrets included */
	struct devbus_json *effective; /* all members, secrets excluded */

	/* refused since; refused.code is "" when nothing was */
	double refused_revision;
	struct devbus_error refused;

	/* waiting for its secrets; NULL: none */
	double awaited_revision;
	struct devbus_json *awaited;
	uint64_t call; /* 0: none under way */
	struct loop_timer *retry;
};

/* ---- the service's answer */

static int put_refused(const struct configured *configured, struct devbus_json *report)
{
	const struct devbus_error *error = &configured->refused;
	struct devbus_json *refused = devbus_json_new_object();
	int r = devbus_json_set(refused, "revision", devbus_json_new_number(configured->refused_revision));

	if (r == 0)
		r = devbus_json_set(refused, "error", envelope_error(error->code, error->message));
	if (r == 0)
		return devbus_json_set(report, "refused", refused);
	devbus_json_free(refused);
	return r;
}

static void tell(struct devbus *bus)
{
	const struct configured *configured = bus->configured;
	struct devbus_json *report = devbus_json_new_object();
	int r = devbus_json_set(report, "revision", devbus_json_new_number(configured->revision));

	if (r == 0 && configured->effective)
		r = devbus_json_set(report, "values", devbus_json_copy(configured->effective));
	if (r == 0 && configured->refused.code[0])
		r = put_refused(configured, report);
	if (r < 0)
		devbus_json_free(report);
	else
		r = devbus_publish_json(bus, DEVBUS_STATE, "config", report);
	if (r < 0)
		log_error("cannot publish what configuration is in force: %s", strerror(-r));
}

int devbus_config_refuse(struct devbus *bus, const char *format, ...)
{
	char message[sizeof bus->configured->refused.message];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(message, sizeof message, format, arguments);
	va_end(arguments);
	if (bus->configured)
		error_set(&bus->configured->refused, DEVBUS_E_REFUSED, "%s", message);
	return -EINVAL;
}

static int ask_service(struct devbus *bus, const void *value)
{
	struct configured *configured = bus->configured;
	int64_t entered_ms = bus_enter(bus);
	int r = configured->handler(bus, value, configured->userdata);

	bus_leave(bus, entered_ms, "handler of the", "configuration");
	return r;
}

/* Makes the struct of @values and shows it to the service. 0, or a negative errno and configured->refused. */
static int try_values(
	struct devbus *bus, const struct devbus_json *values, struct devbus_json **ret_effective)
{
	struct configured *configured = bus->configured;
	const struct devbus_field *fields = configured->fields;
	struct devbus_json *effective = NULL;
	void *value = calloc(1, configured->size);
	int r;

	error_set(&configured->refused, "", "%s", "");
	r = value ? devbus_fields_read(fields, values, value, &configured->refused) : -ENOMEM;
	if (r == 0) {
		r = config_read_credentials(fields, values, value, &configured->refused);
		if (r == 0)
			r = devbus_fields_write(fields, value, &effective);
		if (r == 0)
			r = ask_service(bus, value);
		devbus_fields_clear(fields, value);
		explicit_bzero(value, configured->size); /* it may hold secrets */
	}
	free(value);
	if (r < 0) {
		devbus_json_free(effective);
		if (!configured->refused.code[0])
			error_set(&configured->refused, DEVBUS_E_REFUSED, "%s", strerror(-r));
		return r;
	}
	error_set(&configured->refused, "", "%s", "");
	*ret_effective = effective;
	return 0;
}

/* ---- the last values taken */

static void keep(struct devbus *bus)
{
	const struct configured *configured = bus->configured;
	struct devbus_json *object = devbus_json_new_object();
	int folder = devbus_folder(AT_FDCWD, bus->state_dir);
	int r = folder < 0 ? folder : 0;

	if (r == 0)
		r = devbus_json_set(object, "revision", devbus_json_new_number(configured->revision));
	if (r == 0)
		r = devbus_json_set(object, "values", devbus_json_copy(configured->values));
	if (r == 0)
		r = devbus_file_write_json(folder, LAST_FILE, object);
	if (r < 0)
		log_warning("the configuration in force is not kept for the next start: %s", strerror(-r));
	if (folder >= 0)
		close(folder);
	devbus_json_free(object);
}

/* @values is taken. Returns 0, or a negative errno: those before are in force. */
static int take(struct devbus *bus, double revision, struct devbus_json *values)
{
	struct configured *configured = bus->configured;
	struct devbus_json *effective = NULL;
	int r = values ? try_values(bus, values, &effective) : -ENOMEM;

	if (r < 0) {
		devbus_json_free(values);
		return r;
	}
	devbus_json_free(configured->values);
	devbus_json_free(configured->effective);
	configured->revision = revision;
	configured->values = values;
	configured->effective = effective;
	return 0;
}

static int take_kept(struct devbus *bus)
{
	struct devbus_json *object = NULL;
	const struct devbus_json *values;
	double revision = 0;
	int folder = devbus_folder(AT_FDCWD, bus->state_dir), r;

	if (folder < 0)
		return folder;
	r = devbus_file_read_json(folder, LAST_FILE, LAST_FILE_MAX, &object, NULL);
	close(folder);
	if (r < 0)
		return r;
	values = devbus_json_get(object, "values");
	if (devbus_json_number(devbus_json_get(object, "revision"), &revision) < 0 ||
		devbus_json_type(values) != DEVBUS_JSON_OBJECT)
		r = -EBADMSG;
	else
		r = take(bus, revision, devbus_json_copy(values));
	devbus_json_free(object);
	return r;
}

static bool has_required(const struct devbus_field *field)
{
	while (field && field->name && !(field->flags & DEVBUS_REQUIRED))
		field++;
	return field && field->name;
}

/* What is in force before `config` has said anything. */
static int begin(struct devbus *bus)
{
	int r = take_kept(bus);

	if (r == -ENOMEM || r == 0)
		return r;
	if (r != -ENOENT)
		log_warning("%s/%s is not used: %s; the initial values are", bus->state_dir, LAST_FILE,
			r == -EBADMSG ? "damaged" : bus->configured->refused.message);
	return has_required(bus->configured->fields) ? 0 : take(bus, 0, devbus_json_new_object());
}

/* ---- what `config` publishes */

/* @values is taken. */
static void offer(struct devbus *bus, double revision, struct devbus_json *values)
{
	struct configured *configured = bus->configured;
	bool new = !devbus_json_equal(values, configured->values);
	char reason[BUS_REASON_SIZE + 64];

	if (new &&take(bus, revision, values) < 0) {
		configured->refused_revision = revision;
		snprintf(reason, sizeof reason, "configuration not taken: %s", configured->refused.message);
		status_problem(bus, STATUS_CONFIG, reason);
		tell(bus);
		return;
	}
	if (!new)
		devbus_json_free(values);
	if (new || revision != configured->revision) {
		configured->revision = revision;
		keep(bus);
	}
	error_set(&configured->refused, "", "%s", "");
	status_problem(bus, STATUS_CONFIG, NULL);
	tell(bus);
}

/* ---- secrets */

static void ask_for_secrets(struct devbus *bus);

static void forget_awaited(struct devbus *bus)
{
	struct configured *configured = bus->configured;

	if (configured->call)
		devbus_cancel(bus, configured->call);
	configured->call = 0;
	loop_timer_stop(configured->retry);
	devbus_json_free(configured->awaited);
	configured->awaited = NULL;
}

/* @values is taken; so is what is awaited. */
static void offer_with(
	struct devbus *bus, double revision, struct devbus_json *values, const struct devbus_json *secrets)
{
	if (config_fill_places(bus->configured->fields, values, secrets) == 0)
		offer(bus, revision, values);
	else
		devbus_json_free(values);
}

static void on_secrets(struct devbus *bus, const struct devbus_outcome *outcome, void *userdata)
{
	struct configured *configured = userdata;
	struct devbus_json *values = configured->awaited;
	double revision = -1;

	configured->call = 0;
	devbus_json_number(devbus_json_get(outcome->result, "revision"), &revision);
	/* Of another revision: the section of that one is on its way to us. */
	if (outcome->code || revision != configured->awaited_revision) {
		log_warning("the secrets of the configuration did not come: %s",
			outcome->code ? outcome->message : "of another revision");
		loop_timer_set(configured->retry, loop_now_ms(bus->loop) + SECRETS_RETRY_MS);
		return;
	}
	configured->awaited = NULL;
	offer_with(bus, revision, values, devbus_json_get(outcome->result, "values"));
}

static void retry_due(void *userdata)
{
	ask_for_secrets(userdata);
}

static void ask_for_secrets(struct devbus *bus)
{
	struct configured *configured = bus->configured;
	const struct devbus_call call = { .service = "config",
		.method = "secrets",
		.timeout_ms = SECRETS_RETRY_MS,
		.handler = on_secrets,
		.userdata = configured };

	if (call_for_secret(bus, &call, &configured->call) < 0)
		loop_timer_set(configured->retry, loop_now_ms(bus->loop) + SECRETS_RETRY_MS);
}

/* @values is taken. */
static void await_secrets(struct devbus *bus, double revision, struct devbus_json *values)
{
	struct configured *configured = bus->configured;

	configured->awaited_revision = revision;
	configured->awaited = values;
	ask_for_secrets(bus);
}

static void on_section(struct devbus *bus, const struct link_message *message, void *userdata)
{
	struct configured *configured = bus->configured;
	struct devbus_json *object = NULL, *values;
	double revision = 0;

	(void)userdata;
	if (bus_parse(bus, message, &object, NULL) < 0)
		return;
	/* Without values: `config` does not know our schema yet, and so not what is a secret. */
	values = devbus_json_copy(devbus_json_get(object, "values"));
	devbus_json_number(devbus_json_get(object, "revision"), &revision);
	devbus_json_free(object);
	if (!values)
		return;
	forget_awaited(bus);
	if (!config_has_places(configured->fields, values))
		offer(bus, revision, values);
	else if (revision == configured->revision)
		offer_with(bus, revision, values, configured->values);
	else
		await_secrets(bus, revision, values);
}

/* ---- registering */

static int register_with(struct devbus *bus, const struct configured *configured)
{
	char filter[TOPIC_SIZE];
	struct devbus_json *schema;
	int r = topic_make(filter, "service", "config", "state", bus->name);

	if (r == 0)
		r = devbus_fields_describe(configured->fields, &schema);
	if (r == 0)
		r = devbus_publish_json(bus, DEVBUS_STATE, "schema", schema);
	if (r == 0)
		r = begin(bus);
	if (r < 0)
		return r;
	tell(bus);
	return bus_subscribe(
		bus, &(struct link_filter) { .filter = filter, .qos = 1 }, on_section, NULL, NULL);
}

int devbus_config(struct devbus *bus, const struct devbus_field *fields, size_t size,
	devbus_config_handler *handler, void *userdata)
{
	int r;

	if (bus->flags & DEVBUS_CALLER || bus->configured)
		return bus->configured ? -EALREADY : -EPERM;
	bus->configured = calloc(1, sizeof *bus->configured);
	if (!bus->configured)
		return -ENOMEM;
	*bus->configured =
		(struct configured) { .handler = handler, .userdata = userdata, .size = size ? size : 1 };
	r = config_own_table(fields, &bus->configured->fields);
	if (r == 0)
		r = loop_timer_new(bus->loop, retry_due, bus, &bus->configured->retry);
	if (r == 0)
		r = register_with(bus, bus->configured);
	if (r < 0)
		config_free(bus);
	return r;
}

void config_free(struct devbus *bus)
{
	struct configured *configured = bus->configured;

	if (!configured)
		return;
	loop_timer_free(configured->retry);
	free(configured->fields);
	devbus_json_free(configured->values);
	devbus_json_free(configured->effective);
	devbus_json_free(configured->awaited);
	free(configured);
	bus->configured = NULL;
}
