// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* Only what the answer needs is kept, so that a held command costs the same whatever its payload. */
#include "stray.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char root[] = "cloud/command/";

/* Copies a run of @allowed from @text. Returns what comes behind it, or NULL when it is none, or too long. */
static const char *copy_run(const char *text, const char *allowed, char ret_run[STRAY_NAME_SIZE])
{
	size_t size = strspn(text, allowed);

	if (size == 0 || size >= STRAY_NAME_SIZE)
		return NULL;
	memcpy(ret_run, text, size);
	ret_run[size] = '\0';
	return text + size;
}

static bool read_topic(const char *topic, struct stray *stray)
{
	static const char level[] = "abcdefghijklmnopqrstuvwxyz0123456789_-"; /* protocol 1.3 */
	const char *rest;

	if (strncmp(topic, root, strlen(root)) != 0)
		return false;
	rest = copy_run(topic + strlen(root), level, stray->service);
	if (!rest || *rest != '/')
		return false;
	rest = copy_run(rest + 1, level, stray->command);
	return rest && !*rest && strcmp(stray->command, "ack") != 0;
}

static void read_id(const void *payload, size_t size, struct stray *stray)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-";
	struct devbus_json *object = NULL;
	const char *id, *rest;

	devbus_json_parse(payload, size, &object, NULL);
	id = devbus_json_string(devbus_json_get(object, "id"));
	rest = id ? copy_run(id, allowed, stray->id) : NULL;
	if (!rest || *rest)
		stray->id[0] = '\0';
	devbus_json_free(object);
}

int stray_read(const char *topic, const void *payload, size_t size, struct stray **ret_stray)
{
	struct stray *stray = calloc(1, sizeof *stray);

	if (!stray)
		return -ENOMEM;
	if (!read_topic(topic, stray)) {
		free(stray);
		return -EINVAL;
	}
	read_id(payload, size, stray);
	*ret_stray = stray;
	return 0;
}

static struct devbus_json *error_of(const struct stray *stray)
{
	struct devbus_json *error = devbus_json_new_object();
	bool readable = *stray->id;
	char message[STRAY_NAME_SIZE + 40];
	int r;

	snprintf(message, sizeof message, "there is no service %s on this device", stray->service);
	r = devbus_json_set(
		error, "code", devbus_json_new_string(readable ? DEVBUS_E_NOT_FOUND : DEVBUS_E_MALFORMED));
	if (r == 0)
		r = devbus_json_set(error, "message",
			devbus_json_new_string(readable ? message
							: "a command is a JSON object with an id of "
							  "1 to 64 of A-Z a-z 0-9 . _ : -"));
	if (r == 0)
		return error;
	devbus_json_free(error);
	return NULL;
}

struct devbus_json *stray_answer(const struct stray *stray, const char *time, const char *stream)
{
	struct devbus_json *event = devbus_json_new_object();
	int r = devbus_json_set(
		event, "id", *stray->id ? devbus_json_new_string(stray->id) : devbus_json_new_null());

	if (r == 0)
		r = devbus_json_set(event, "state", devbus_json_new_string("rejected"));
	if (r == 0)
		r = devbus_json_set(event, "time", devbus_json_new_string(time));
	if (r == 0)
		r = devbus_json_set(event, "stream", devbus_json_new_string(stream));
	if (r == 0)
		r = devbus_json_set(event, "seq", devbus_json_new_number(1));
	if (r == 0)
		r = devbus_json_set(event, "error", error_of(stray));
	if (r == 0)
		return event;
	devbus_json_free(event);
	return NULL;
}

/* ---- held ones */

struct stray *stray_hold(struct stray_queue *queue, struct stray *stray)
{
	struct stray *oldest = queue->count == STRAY_HELD_MAX ? stray_take(queue) : NULL;
	struct stray **link = &queue->first;

	while (*link)
		link = &(*link)->next;
	stray->next = NULL;
	*link = stray;
	queue->count++;
	return oldest;
}

struct stray *stray_take(struct stray_queue *queue)
{
	struct stray *stray = queue->first;

	if (stray) {
		queue->first = stray->next;
		queue->count--;
	}
	return stray;
}

void stray_clear(struct stray_queue *queue)
{
	struct stray *stray;

	while ((stray = stray_take(queue)))
		free(stray);
}
