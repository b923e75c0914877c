// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
#include "trial-file.h"

#include <devbus/devbus.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* The part of a trial that a table can carry. */
struct record {
	char stage[8], command[COMMAND_ID_SIZE], boot_id[sizeof((struct deadline *)0)->boot_id];
	int64_t revision, until_boot_ms;
	struct devbus_json *values;
};

static const char *const stages[] = { "none", "owner", "cloud", NULL };

static const struct devbus_field record_fields[] = {
	DEVBUS_FIELD(struct record, stage, .choices = stages, .flags = DEVBUS_REQUIRED),
	DEVBUS_FIELD(struct record, command, .flags = DEVBUS_OMIT_EMPTY),
	DEVBUS_FIELD(struct record, boot_id, .flags = DEVBUS_OMIT_EMPTY),
	DEVBUS_FIELD(struct record, until_boot_ms, .flags = DEVBUS_OMIT_EMPTY),
	DEVBUS_FIELD(struct record, revision, .max = 9007199254740992, .flags = DEVBUS_REQUIRED),
	DEVBUS_FIELD(struct record, values, .flags = DEVBUS_REQUIRED),
	{ 0 },
};

int trial_write(const struct trial *trial, struct devbus_json *object)
{
	struct record record = { .revision = (int64_t)trial->revision,
		.until_boot_ms = trial->until.boot_ms,
		.values = trial->values };
	struct devbus_json *written = NULL;

	snprintf(record.stage, sizeof record.stage, "%s", stages[trial->stage]);
	snprintf(record.command, sizeof record.command, "%s", trial->command);
	snprintf(record.boot_id, sizeof record.boot_id, "%s", trial->until.boot_id);
	int r = devbus_fields_write(record_fields, &record, &written);

	return r < 0 ? r : devbus_json_set(object, "trial", written);
}

static enum trial_stage stage_of(const char *name)
{
	enum trial_stage stage = TRIAL_NONE;

	for (int i = TRIAL_NONE; stages[i]; i++)
		if (strcmp(stages[i], name) == 0)
			stage = (enum trial_stage)i;
	return stage;
}

int trial_read(struct trial *ret_trial, const struct devbus_json *object)
{
	struct record record;

	*ret_trial = (struct trial) { .stage = TRIAL_NONE };
	if (!object)
		return 0;
	int r = devbus_fields_read(record_fields, object, &record, NULL);

	if (r < 0)
		return r == -ENOMEM ? r : -EBADMSG;
	if (devbus_json_type(record.values) != DEVBUS_JSON_OBJECT) {
		devbus_fields_clear(record_fields, &record);
		return -EBADMSG;
	}
	*ret_trial = (struct trial) { .stage = stage_of(record.stage),
		.revision = (uint64_t)record.revision,
		.values = record.values };
	ret_trial->until.boot_ms = record.until_boot_ms;
	snprintf(ret_trial->command, sizeof ret_trial->command, "%s", record.command);
	snprintf(ret_trial->until.boot_id, sizeof ret_trial->until.boot_id, "%s", record.boot_id);
	return 0;
}

void trial_clear(struct trial *trial)
{
	devbus_json_free(trial->values);
	*trial = (struct trial) { .stage = TRIAL_NONE };
}
