// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* fand with a section of the configuration, which the cloud can change: ten lines more than fand.c. */
#include <devbus/devbus.h>
#include <stdio.h>

struct fan {
	char path[256]; /* setting of section [fand]: the file that takes 0..255 */
	uint32_t percent, limit; /* limit, of the configuration: what 100 % is of what the fan can do, in % */
};
static const struct devbus_field fan_settings[] = {
	DEVBUS_FIELD(struct fan, path, .min = 1, .initial_text = "/sys/class/hwmon/hwmon0/pwm1"), { 0 }
};
static const struct devbus_field fan_state[] = { DEVBUS_FIELD(struct fan, percent), { 0 } };
static const struct devbus_field fan_config[] = {
	DEVBUS_FIELD(struct fan, limit, .min = 10, .max = 100, .initial = 100), { 0 }
};

struct set {
	uint32_t percent;
};
static const struct devbus_field set_fields[] = {
	DEVBUS_FIELD(struct set, percent, .max = 100, .flags = DEVBUS_REQUIRED, .description = "speed in %"),
	{ 0 }
};

static int on_set(struct devbus_request *request, const void *args, void *userdata)
{
	const struct set *set = args;
	struct fan *fan = userdata;
	FILE *file = fopen(fan->path, "w");

	if (!file)
		return devbus_fail(request, DEVBUS_E_IO_ERROR, "cannot open %s", fan->path);
	fprintf(file, "%u\n", (unsigned)(set->percent * fan->limit * 255 / 10000));
	if (fclose(file) != 0)
		return devbus_fail(request, DEVBUS_E_IO_ERROR, "cannot write %s", fan->path);
	fan->percent = set->percent;
	devbus_publish(devbus_request_bus(request), DEVBUS_STATE, "speed", fan_state, fan);
	return devbus_reply(request, fan_state, fan);
}

/* Setting it twice does no harm, so a command that a crash interrupted is simply run again: resume. */
static const struct devbus_method methods[] = {
	{ "set", on_set, set_fields, sizeof(struct set), .flags = DEVBUS_CLOUD, .resume = on_set,
		.result = fan_state, .description = "Sets the speed." },
	{ 0 }
};

static int on_config(struct devbus *bus, const void *values, void *userdata)
{
	((struct fan *)userdata)->limit = ((const struct fan *)values)->limit;
	return devbus_publish(bus, DEVBUS_STATE, "limit", fan_config, userdata);
}

static int start(struct devbus *bus, void **ret_service)
{
	static struct fan fan;
	int r = devbus_settings(bus, fan_settings, &fan);

	*ret_service = &fan;
	r = r < 0 ? r : devbus_config(bus, fan_config, sizeof fan, on_config, &fan);
	return r < 0 ? r : devbus_serve(bus, methods, &fan);
}

static const struct devbus_service fand = { .name = "fand", .summary = "Sets a fan.", .start = start };

int main(int argc, char *argv[])
{
	return devbus_main(argc, argv, &fand);
}
