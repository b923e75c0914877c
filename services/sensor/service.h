// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* What the parts of the service share: sensor.c puts them together, telling.c publishes, query.c answers. */
#ifndef DEVBUS_SENSOR_SERVICE_H
#define DEVBUS_SENSOR_SERVICE_H

#include "memory.h"
#include "program.h"
#include "reader.h"
#include "sampler.h"

#include <devbus/devbus.h>
#include <limits.h>

struct settings {
	char root[PATH_MAX];
	char disk[PATH_MAX];
	char exec_dir[PATH_MAX];
	char file_dirs[PATH_MAX];
};

struct query;

struct service {
	struct devbus *bus;
	struct settings settings;
	struct sampler_setup setup;
	struct sampler sampler;
	bool sampling; /* the sampler is open */
	struct readers *readers;
	struct programs *programs;
	struct memory *memory;
	struct devbus_timer *timer; /* the next tick */
	bool cloud_away; /* as the watcher of the bridge says */
	struct devbus_json *pack; /* reports that go together, SenML records; NULL: none */
	double pack_time; /* when the first of them was made, in s since 1970 */
	struct query *queries;
};

int64_t service_now_ms(void);

/* After anything that may have ordered, told or answered something: begins what is to begin. @service is a struct service. */
void service_settle(void *service);

/* telling.c */
extern const struct sampler_sink telling_sink; /* userdata: struct service */
void telling_flush(struct service *service); /* sends the pack */
int telling_start(struct service *service);
void telling_forget_alarms(struct service *service, const struct devbus_json *sensors);

/* query.c */
extern const struct devbus_method query_methods[]; /* userdata: struct service */
void query_settle(struct service *service); /* answers what can be answered now */
int64_t query_due_ms(const struct service *service); /* INT64_MAX: nobody waits */
void query_stop(struct service *service);

#endif
