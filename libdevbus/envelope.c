// SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
/* Errors, responses and stamps, and the chain by which all envelopes are built. */
#include "envelope-build.h"
#include "error.h"
#include <errno.h>
#include <string.h>

int envelope_put_text(struct devbus_json *object, const char *name, const char *text)
{
	return text ? devbus_json_set(object, name, devbus_json_new_string(text)) : 0;
}

int envelope_put_number(struct devbus_json *object, const char *name, double number)
{
	return devbus_json_set(object, name, devbus_json_new_number(number));
}

int envelope_put_error(struct devbus_json *object, const char *code, const char *message)
{
	return devbus_json_set(object, "error", envelope_error(code, message));
}

int envelope_finish(int r, struct devbus_json *object, struct devbus_json **ret_object)
{
	if (r < 0)
		devbus_json_free(object);
	else
		*ret_object = object;
	return r;
}

int envelope_get_text(const struct devbus_json *object, const char *name, const char **ret_text)
{
	const struct devbus_json *member = devbus_json_get(object, name);

	if (member && devbus_json_type(member) != DEVBUS_JSON_STRING)
		return -EINVAL;
	*ret_text = devbus_json_string(member);
	return 0;
}

struct devbus_json *envelope_error(const char *code, const char *message)
{
	struct devbus_json *error = devbus_json_new_object(), *done = NULL;
	int r;

	if (!error)
		return NULL;
	if ((r = envelope_put_text(error, "code", code ? code : DEVBUS_E_INTERNAL)) == 0)
		r = envelope_put_text(error, "message", message ? message : "");
	(void)envelope_finish(r, error, &done);
	return done;
}

/* {"<name>": @value}; @value is taken. */
static struct devbus_json *wrap(const char *name, struct devbus_json *value)
{
	struct devbus_json *object = value ? devbus_json_new_object() : NULL, *done = NULL;

	if (!object) {
		devbus_json_free(value);
		return NULL;
	}
	(void)envelope_finish(devbus_json_set(object, name, value), object, &done);
	return done;
}

struct devbus_json *envelope_result(struct devbus_json *result)
{
	return wrap("result", result);
}

struct devbus_json *envelope_failure(const char *code, const char *message)
{
	return wrap("error", envelope_error(code, message));
}

static bool is_object(const struct devbus_json *value)
{
	return value && devbus_json_type(value) == DEVBUS_JSON_OBJECT;
}

/* [a-z0-9-]{1,31}, the form of all code words (devbus/error.h). */
static bool code_valid(const char *code)
{
	size_t size = strspn(code, "abcdefghijklmnopqrstuvwxyz0123456789-");

	return size >= 1 && size < sizeof(((struct devbus_error *)0)->code) && code[size] == '\0';
}

/* A code word that is none still means "no": it is the answer, so it must not become a broken answer. */
static int read_error(const struct devbus_json *error, struct devbus_error *ret_error)
{
	const char *code = NULL, *message = NULL;

	if (!is_object(error) || envelope_get_text(error, "code", &code) < 0 ||
		envelope_get_text(error, "message", &message) < 0 || !code)
		return -EINVAL;
	error_set(ret_error, code_valid(code) ? code : DEVBUS_E_INTERNAL, "%s", message ? message : "");
	return 1;
}

int envelope_response_read(const struct devbus_json *object, const struct devbus_json **ret_result,
	struct devbus_error *ret_error)
{
	const struct devbus_json *result = devbus_json_get(object, "result");
	const struct devbus_json *error = devbus_json_get(object, "error");

	if (!result == !error)
		return -EINVAL;
	if (error)
		return read_error(error, ret_error);
	if (!is_object(result))
		return -EINVAL;
	*ret_result = result;
	return 0;
}

int envelope_stamp(struct devbus_json *object, int64_t wall_ms, bool clock_unsynced)
{
	char time[ENVELOPE_TIME_SIZE];
	int r = 0;

	envelope_time_print(wall_ms, time);
	if (!devbus_json_get(object, "time"))
		r = envelope_put_text(object, "time", time);
	if (r == 0 && clock_unsynced && !devbus_json_get(object, "clock"))
		r = envelope_put_text(object, "clock", "unsynced");
	return r;
}
