// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* The life of a request between the door that it came through and its one answer. */
#include "command.h"
#include "server.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool request_may_come(const struct devbus *bus)
{
	return bus->server->pending_count < bus->settings.pending_calls_max;
}

int request_new(
	struct devbus *bus, const struct door *door, const char *name, struct devbus_request **ret_request)
{
	struct server *server = bus->server;
	struct devbus_request *request;

	request = calloc(1, sizeof *request);
	if (!request)
		return -ENOMEM;
	request->bus = bus;
	request->door = door;
	snprintf(request->name, sizeof request->name, "%s", name);
	request->link = server->end;
	*server->end = request;
	server->end = &request->next;
	server->pending_count++;
	*ret_request = request;
	return 0;
}

void request_free(struct devbus_request *request)
{
	struct server *server = request->bus->server;

	*request->link = request->next;
	if (request->next)
		request->next->link = request->link;
	else
		server->end = request->link;
	server->pending_count--;
	if (request->answered)
		*request->answered = true;
	command_forget_final(request);
	free(request->response_topic);
	free(request->correlation);
	free(request);
}

/* ---- running the functions of the method */

static void fail_by_errno(struct devbus_request *request, int r)
{
	static const struct {
		int number;
		const char *code;
	} codes[] = {
		{ EINVAL, DEVBUS_E_INVALID_ARGS },
		{ EBUSY, DEVBUS_E_BUSY },
		{ ENOENT, DEVBUS_E_NOT_FOUND },
		{ EPERM, DEVBUS_E_REFUSED },
		{ EACCES, DEVBUS_E_REFUSED },
		{ ETIMEDOUT, DEVBUS_E_TIMEOUT },
		{ ECANCELED, DEVBUS_E_CANCELLED },
		{ ENOSPC, DEVBUS_E_NO_SPACE },
		{ EDQUOT, DEVBUS_E_NO_SPACE },
		{ EIO, DEVBUS_E_IO_ERROR },
		{ EROFS, DEVBUS_E_IO_ERROR },
	};
	const char *code = DEVBUS_E_INTERNAL;

	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
		if (codes[i].number == -r)
			code = codes[i].code;
	devbus_fail(request, code, "%s", strerror(-r));
}

/* Returns whether the request is still to be answered. */
static bool call_method(struct devbus_request *request, devbus_handler *function, const void *args)
{
	struct devbus *bus = request->bus;
	char name[TOPIC_LEVEL_MAX + 1];
	bool answered = false;
	int64_t entered_ms = bus_enter(bus);
	int r;

	strcpy(name, request->name); /* the request may be gone afterwards */
	request->answered = &answered;
	r = function(request, args, bus->server->userdata);
	bus_leave(bus, entered_ms, "handler of method", name);
	if (answered)
		return false;
	request->answered = NULL;
	if (r >= 0)
		return true;
	fail_by_errno(request, r);
	return false;
}

static void run_with(struct devbus_request *request, const void *args)
{
	const struct devbus_method *method = request->method;

	if (method->admit && !call_method(request, method->admit, args))
		return;
	if (request->door->accept && request->door->accept(request) < 0)
		return;
	call_method(request, method->handler, args);
}

static void resume_with(struct devbus_request *request, const void *args)
{
	if (request->method->resume)
		call_method(request, request->method->resume, args);
	else
		devbus_fail(request, DEVBUS_E_INTERRUPTED, "the service stopped before it was finished");
}

static void with_args(struct devbus_request *request, const struct devbus_json *object,
	void (*then)(struct devbus_request *request, const void *args))
{
	const struct devbus_field *fields = request->method->args;
	struct devbus_error error;
	void *args = NULL;
	int r = 0;

	request->args = object;
	if (fields) {
		args = calloc(1, request->method->args_size);
		r = args ? devbus_fields_read(fields, object, args, &error) : -ENOMEM;
	}
	if (r == 0) {
		then(request, args);
		devbus_fields_clear(fields, args);
	} else if (r == -EINVAL) {
		devbus_fail(request, error.code, "%s", error.message);
	} else {
		fail_by_errno(request, r);
	}
	free(args);
}

void request_run(struct devbus_request *request, const struct devbus_json *args)
{
	with_args(request, args, run_with);
}

void request_resume(struct devbus_request *request, const struct devbus_json *args)
{
	if (request->method)
		with_args(request, args, resume_with);
	else
		devbus_fail(request, DEVBUS_E_INTERRUPTED, "the service no longer knows this command");
}

/* ---- answering */

/* The user's part is over, whether or not the door still needs the request. */
static int done(struct devbus_request *request, int r)
{
	if (request->answered)
		*request->answered = true;
	request->answered = NULL;
	if (r != DOOR_KEPT)
		request_free(request);
	return r == DOOR_KEPT ? 0 : r;
}

int devbus_reply_json(struct devbus_request *request, struct devbus_json *result)
{
	if (!result) {
		devbus_fail(request, DEVBUS_E_INTERNAL, "out of memory");
		return -ENOMEM;
	}
	return done(request, request->door->succeed(request, result));
}

int devbus_reply(struct devbus_request *request, const struct devbus_field *fields, const void *result)
{
	struct devbus_json *object = NULL;
	int r = 0;

	if (fields)
		r = devbus_fields_write(fields, result, &object);
	else
		object = devbus_json_new_object();
	if (r == -EINVAL) {
		devbus_fail(request, DEVBUS_E_INTERNAL, "the answer holds a value that JSON cannot carry");
		return r;
	}
	return devbus_reply_json(request, object);
}

int devbus_fail(struct devbus_request *request, const char *code, const char *format, ...)
{
	char message[sizeof((struct devbus_error *)0)->message];
	va_list args;

	va_start(args, format);
	vsnprintf(message, sizeof message, format, args);
	va_end(args);
	return done(request, request->door->fail(request, code, message));
}

int devbus_progress(struct devbus_request *request, int percent, const char *step, const char *format, ...)
{
	char message[sizeof((struct devbus_error *)0)->message];
	va_list args;

	if (!request->accepted)
		return 0;
	if (format) {
		va_start(args, format);
		vsnprintf(message, sizeof message, format, args);
		va_end(args);
	}
	return command_progress(request, percent, step, format ? message : NULL);
}

const char *devbus_request_id(const struct devbus_request *request)
{
	return request->id[0] ? request->id : NULL;
}

const char *devbus_request_method(const struct devbus_request *request)
{
	return request->name;
}

struct devbus *devbus_request_bus(const struct devbus_request *request)
{
	return request->bus;
}

const char *devbus_request_reply_topic(const struct devbus_request *request)
{
	return request->response_topic;
}
