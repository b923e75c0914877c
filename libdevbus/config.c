// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/*
 * A service's section of the device's configuration. The table goes out as a schema, so that `config` can refuse what would not
 * fit before it stores it; what comes in is checked again here, because a broker may hold values of an older version.
 */
#include "bus.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct configured {
	const struct devbus_field *fields;
	devbus_config_handler *handler;
	void *userdata;
	size_t size;
};

static void apply(struct devbus *bus, const struct devbus_json *values)
{
	struct configured *configured = bus->configured;
	char reason[BUS_REASON_SIZE + 64];
	struct devbus_error error;
	void *value = calloc(1, configured->size);
	int64_t entered_ms;
	int r = value ? devbus_fields_read(configured->fields, values, value, &error) : -ENOMEM;

	if (r == 0 && !values) {
		error_set(&error, DEVBUS_E_MALFORMED, "the message has no values");
		r = -EINVAL;
	}
	if (r == 0) {
		entered_ms = bus_enter(bus);
		configured->handler(bus, value, configured->userdata);
		bus_leave(bus, entered_ms, "handler of the", "configuration");
		devbus_fields_clear(configured->fields, value);
		status_problem(bus, STATUS_CONFIG, NULL);
	} else if (r == -EINVAL) {
		snprintf(reason, sizeof reason, "configuration not taken: %s", error.message);
		status_problem(bus, STATUS_CONFIG, reason);
	}
	free(value);
}

static void on_section(struct devbus *bus, const struct link_message *message, void *userdata)
{
	struct devbus_json *object = NULL;

	(void)userdata;
	if (bus_parse(bus, message, &object, NULL) == 0 && object)
		apply(bus, devbus_json_get(object, "values"));
	devbus_json_free(object);
}

int devbus_config(struct devbus *bus, const struct devbus_field *fields, size_t size,
	devbus_config_handler *handler, void *userdata)
{
	struct devbus_json *schema;
	char filter[TOPIC_SIZE];
	int r;

	if (bus->flags & DEVBUS_CALLER)
		return -EPERM;
	if (bus->configured)
		return -EALREADY;
	r = devbus_fields_describe(fields, &schema);
	if (r == 0)
		r = devbus_publish_json(bus, DEVBUS_STATE, "schema", schema);
	if (r == 0)
		r = topic_make(filter, "service", "config", "state", bus->name);
	if (r < 0)
		return r;
	bus->configured = malloc(sizeof *bus->configured);
	if (!bus->configured)
		return -ENOMEM;
	*bus->configured = (struct configured) { fields, handler, userdata, size ? size : 1 };
	return bus_subscribe(
		bus, &(struct link_filter) { .filter = filter, .qos = 1 }, on_section, NULL, NULL);
}

void config_free(struct devbus *bus)
{
	free(bus->configured);
	bus->configured = NULL;
}
